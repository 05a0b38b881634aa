package plugintest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// Conform starts an executable as the host does, with mutual TLS and without our environment, and puts it through the
// contract. The plugin may be written in any language.
func Conform(t *testing.T, c Case, exe string, args ...string) {
	t.Helper()
	t.Run("by hand", func(t *testing.T) { byHand(t, exe, args) })
	dir, err := os.MkdirTemp("", "conf") //nolint:usetesting // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := command(context.Background(), exe, args)
	cmd.Dir = dir
	tlsConfig, cert, err := api.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8", api.ClientCertEnv + "=" + cert}
	config := &plugin.ClientConfig{
		HandshakeConfig: api.Handshake(), VersionedPlugins: api.Plugins(nil), Cmd: cmd, SkipHostEnv: true, TLSConfig: tlsConfig,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, StartTimeout: patience * startTime, Logger: hclog.NewNullLogger(),
		Stderr: testLog{t}, SyncStderr: testLog{t},
	}
	client := plugin.NewClient(config)
	addr, err := client.Start()
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // go-plugin's Kill asks first, without a deadline
		}
		client.Kill()
	})
	if err != nil {
		t.Fatalf("the handshake failed: %v", err)
	}
	t.Run("strangers", func(t *testing.T) { strangers(t, addr) })
	conn := dial(t, addr, credentials.NewTLS(config.TLSConfig))
	suite{client: pluginv1.NewNotifierClient(conn), desk: NewDesk(t), c: c}.run(t)
}

func command(ctx context.Context, exe string, args []string) *exec.Cmd {
	if abs, err := filepath.Abs(exe); err == nil {
		exe = abs
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// byHand starts the plugin as a person would who wonders what it is: it must end by itself, and say something.
func byHand(t *testing.T, exe string, args []string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience*startTime)
	defer cancel()
	cmd := command(ctx, exe, args)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Error("without a host the plugin must end, it waits")
	} else if err == nil || len(strings.TrimSpace(string(out))) == 0 {
		t.Errorf("without a host the plugin must fail with a word to the person, got %q, %v", out, err)
	}
}

// strangers are other programs that find the plugin's socket: without the certificate they get no answer.
func strangers(t *testing.T, addr net.Addr) {
	for name, creds := range map[string]credentials.TransportCredentials{
		"without TLS":           insecure.NewCredentials(),
		"without a certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}), //nolint:gosec // it must fail
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience*startTime)
		if _, err := pluginv1.NewNotifierClient(dial(t, addr, creds)).Describe(ctx, &pluginv1.DescribeRequest{}); err == nil {
			t.Errorf("a program %s was answered", name)
		}
		cancel()
	}
}

func dial(t *testing.T, addr net.Addr, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(creds), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, addr.Network(), addr.String())
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// testLog shows what the plugin prints.
type testLog struct{ t *testing.T }

// Write implements io.Writer.
func (l testLog) Write(p []byte) (int, error) {
	for sc := bufio.NewScanner(strings.NewReader(string(p))); sc.Scan(); {
		_, _ = io.WriteString(l.t.Output(), sc.Text()+"\n")
	}
	return len(p), nil
}
