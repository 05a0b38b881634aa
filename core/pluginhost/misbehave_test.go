package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// What the test plugin does beyond plugin_test.go: it asks the host, tries to get out, and speaks the contract wrongly.

type testerNotifier struct{ testNotifier }

func (n *testerNotifier) Test(_ context.Context, to string) sdk.Result {
	if to == "" {
		return sdk.BadConfig("nobody to test with")
	}
	return sdk.OK()
}

// askHost does what the recipient says and answers with what came of it.
func (n *testNotifier) askHost(ctx context.Context, a sdk.Alert, ask string) sdk.Result {
	said, err := n.tryHost(ctx, a, strings.Fields(ask))
	if err != nil {
		return sdk.Retry(0, err.Error())
	}
	return sdk.Permanent(said)
}

func (n *testNotifier) tryHost(ctx context.Context, a sdk.Alert, ask []string) (string, error) {
	h := n.Host()
	switch ask[0] {
	case "attachments":
		return fmt.Sprintf("%d attachments, %d actions, previous %q", len(a.Attachments), len(a.Actions), a.Previous), nil
	case "media":
		for _, m := range a.Attachments {
			if string(m.Kind) != ask[1] {
				continue
			}
			f, err := h.OpenMedia(ctx, m.Ref, 1<<20)
			if err != nil {
				return "", err
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			return fmt.Sprintf("%d bytes of %s", len(b), m.Kind), err
		}
		return "no such attachment", nil
	case "badref":
		_, err := h.OpenMedia(ctx, "guessed", 0)
		return "", err
	case "put":
		return "kept", h.PutValue(ctx, ask[1], []byte(strings.Repeat("v", 600<<10)))
	case "get":
		b, err := h.GetValue(ctx, ask[1])
		return fmt.Sprintf("%d bytes", len(b)), err
	case "link":
		return h.SignLink(ctx, ask[1], sdk.AttachmentSnapshot, time.Hour)
	case "metrics":
		for i := range 20 {
			if err := h.AddMetric(ctx, "m"+strings.Repeat("x", i), 1); err != nil {
				return "", err
			}
		}
		return "counted", h.AddMetric(ctx, "one_too_many", 1)
	case "act":
		return h.Act(ctx, "t1", "Anna", 0)
	case "command":
		r, err := h.Command(ctx, "chat", "/status")
		return r.Text, err
	}
	return "", errors.New("what?")
}

func grow() {
	var kept [][]byte
	for {
		b := make([]byte, 8<<20)
		for i := range b {
			b[i] = 1
		}
		kept = append(kept, b)
		runtime.KeepAlive(kept)
	}
}

// runProbe tries to do what a plugin must not, and says what happened.
func runProbe(probe string) string {
	what, arg, _ := strings.Cut(probe, " ")
	switch what {
	case "read":
		b, err := os.ReadFile(arg)
		return fmt.Sprintf("%d bytes, %v", len(b), err)
	case "write":
		return fmt.Sprint(os.WriteFile(arg, []byte("x"), 0o600))
	case "allocate":
		go grow() // ends in a crash
		select {}
	case "fork":
		var started []*exec.Cmd
		defer func() {
			for _, c := range started {
				_ = c.Process.Kill()
				_ = c.Wait()
			}
		}()
		for i := range 300 {
			c := exec.Command("/bin/sleep", "60")
			if err := c.Start(); err != nil {
				return fmt.Sprintf("%d processes, %v", i, err)
			}
			started = append(started, c)
		}
		return "no end of processes"
	case "files": // which are open
		entries, _ := os.ReadDir("/proc/self/fd")
		var open []string
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "/") {
				open = append(open, to)
			}
		}
		return strings.Join(open, " ")
	case "mode": // of a file it makes
		if err := os.WriteFile(arg, nil, 0o666); err != nil { //nolint:gosec // the umask is tried
			return err.Error()
		}
		info, err := os.Stat(arg)
		if err != nil {
			return err.Error()
		}
		return info.Mode().String()
	case "dial":
		var d net.Dialer
		c, err := d.DialContext(context.Background(), "tcp", arg)
		if err == nil {
			_ = c.Close()
		}
		return fmt.Sprint(err)
	case "kill":
		return fmt.Sprint(syscall.Kill(os.Getppid(), 0))
	case "whoami":
		status, _ := os.ReadFile("/proc/self/status")
		var lines []string
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "CapEff") || strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Uid") {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
		}
		var files syscall.Rlimit
		_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
		return fmt.Sprintf("%s Files: %d", strings.Join(lines, " "), files.Max)
	}
	return "what?"
}

// rawNotifier speaks the contract without the SDK, and wrongly.
type rawNotifier struct {
	pluginv1.UnimplementedNotifierServer
	verb string
}

func (r *rawNotifier) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	d := &pluginv1.DescribeResponse{Name: "Raw", Version: "0.1", SettingsSchema: "{}"}
	switch r.verb {
	case "hangsindescribe":
		select {}
	case "badschema":
		d.SettingsSchema = "a: yaml"
	case "garbageanswers":
		d.Name = strings.Repeat("\x1b[31m long\n", 100)
		d.Capabilities = []pluginv1.Capability{99, 1, 1}
		d.MaxSnapshotBytes = 1 << 31
	}
	return d, nil
}

func (r *rawNotifier) Configure(context.Context, *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	if r.verb == "hangsinconfigure" {
		select {}
	}
	return &pluginv1.ConfigureResponse{}, nil
}

func (r *rawNotifier) CheckHealth(context.Context, *pluginv1.CheckHealthRequest) (*pluginv1.CheckHealthResponse, error) {
	if r.verb == "hangsinhealth" {
		select {}
	}
	return &pluginv1.CheckHealthResponse{Healthy: true}, nil
}

func (r *rawNotifier) Notify(_ context.Context, req *pluginv1.NotifyRequest) (*pluginv1.NotifyResponse, error) {
	if req.GetRecipient() == "large" {
		return &pluginv1.NotifyResponse{DeliveryClass: 1, Message: strings.Repeat("m", 2<<20)}, nil
	}
	return &pluginv1.NotifyResponse{DeliveryClass: 77, Detail: strings.Repeat("\x00garbage\n", 1000)}, nil
}

func serveRaw(n *rawNotifier) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: api.Handshake(), VersionedPlugins: api.Plugins(n), GRPCServer: func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(o...) },
	})
}

// serveGarbage shakes hands for a socket behind which nobody speaks gRPC.
func serveGarbage() {
	dir, err := os.MkdirTemp(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "x")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stdout, "1|1|unix|%s|grpc|\n", path)
	_ = http.Serve(l, http.NotFoundHandler())
}
