package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/pluginhost/launch"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// The test binary is its own plugin: started under the name misbehave-<verb> it behaves as the verb says. The name is
// all it has to go by, because a plugin gets neither arguments nor our environment.
const verbPrefix = "misbehave-"

// Not plugins: a host to be killed, and the launcher.
const (
	hostVerb   = "host"
	launchVerb = "launch"
)

func TestMain(m *testing.M) {
	if verb, ok := strings.CutPrefix(filepath.Base(os.Args[0]), verbPrefix); ok {
		switch verb {
		case hostVerb:
			beHost()
		case launchVerb:
			if err := launch.Become(); err != nil {
				os.Exit(1)
			}
		default:
			bePlugin(verb)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1")) // the thread that forks
}

type testSettings struct {
	Word string `json:"word" default:"hello"`
}

type testNotifier struct {
	sdk.Base[testSettings]
	verb string
	once sync.Once
}

func (n *testNotifier) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	if ask, ok := strings.CutPrefix(a.Recipient, "host "); ok {
		return n.askHost(ctx, a, ask)
	}
	if probe, ok := strings.CutPrefix(a.Recipient, "probe "); ok {
		return sdk.Permanent(runProbe(probe))
	}
	switch a.Recipient {
	case "hang":
		select {} // ctx or no ctx
	case "slow":
		<-ctx.Done()
		return sdk.Retry(0, "slow")
	case "panic":
		panic("in notify")
	case "crash":
		fmt.Fprintln(os.Stderr, "about to crash")
		os.Exit(3)
	case "retry":
		return sdk.Retry(90*time.Second, "busy")
	case "permanent":
		return sdk.Permanent("never")
	case "badconfig":
		return sdk.BadConfig("key is wrong\nreally")
	case "update":
		return sdk.OK().WithMessage("m1 after " + a.Previous)
	case "tell":
		return sdk.Permanent(fmt.Sprintf("%s %s %s %d %s %s", n.Settings().Word, a.DeliveryID, a.Phase, len(a.Snapshot), a.Event.CameraName, a.Event.Label))
	}
	return sdk.OK()
}

// Health is where a running plugin begins to misbehave: then it is known to be configured.
func (n *testNotifier) Health(context.Context) error {
	switch n.verb {
	case "env":
		return errors.New(strings.Join(os.Environ(), " "))
	case "sick":
		return errors.New("channel is down")
	case "exitssoon":
		os.Exit(5)
	case "grandchild":
		os.Exit(6)
	case "grows":
		n.once.Do(func() { go grow() })
	case "exitsatrandom":
		if rand.IntN(3) == 0 {
			os.Exit(rand.IntN(250) + 1)
		}
	case "stops": // alive, deaf
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "floodsstderr":
		n.once.Do(func() { go flood(os.NewFile(2, "stderr")) })
	case "prints": // through go-plugin's stream
		n.once.Do(func() { go flood(os.Stdout) })
	case "longline":
		n.once.Do(func() {
			_, _ = os.NewFile(1, "stdout").WriteString(strings.Repeat("y", 1<<20) + "\nmore\n")
			_, _ = os.Stderr.WriteString("wrote it\n")
		})
	}
	return nil
}

func flood(f *os.File) {
	line := []byte(strings.Repeat("flood ", 20) + "\n")
	for {
		_, _ = f.Write(line)
	}
}

func (n *testNotifier) Stop(context.Context) error {
	if n.verb == "neverstops" {
		select {}
	}
	slog.Info("stopped cleanly") //nolint:forbidigo,sloglint // what a plugin logs this way must reach the host
	return nil
}

func bePlugin(verb string) {
	serve := func() {
		info := sdk.Info{Name: "Test", Version: "1.2.3", MaxSnapshotBytes: 1 << 20}
		if verb == "able" {
			info.Capabilities = []sdk.Capability{sdk.CapabilityUpdate, sdk.CapabilityActions, sdk.CapabilityClip}
			sdk.Serve(info, &testerNotifier{testNotifier{verb: verb}})
		}
		sdk.Serve(info, &testNotifier{verb: verb})
	}
	switch verb {
	case "neverhandshakes":
		select {}
	case "wrongversion":
		fmt.Fprintln(os.Stdout, "1|99|unix|/tmp/none|grpc|")
		select {}
	case "garbage":
		fmt.Fprintln(os.Stdout, "Hello, I am a plugin!")
		select {}
	case "longgarbage":
		fmt.Fprintln(os.Stdout, strings.Repeat("x", 1<<20))
		select {}
	case "elsewhere":
		fmt.Fprintln(os.Stdout, "1|1|tcp|127.0.0.1:22|grpc|")
		select {}
	case "exits":
		fmt.Fprintln(os.Stderr, "the licence has run out")
		os.Exit(4)
	case "panicsatstart":
		panic("no good")
	case "serveslikegarbage": // shakes hands, then is no gRPC server
		serveGarbage()
	case "hangsindescribe", "hangsinconfigure", "hangsinhealth", "badschema", "garbageanswers":
		serveRaw(&rawNotifier{verb: verb})
	case "grandchild":
		cmd := exec.Command("/bin/sleep", "300")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "grandchild", cmd.Process.Pid)
		serve()
	default:
		serve()
	}
}

// beHost runs a host with one plugin that has a child, for a parent that will kill it.
func beHost() {
	dir := os.Args[1]
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	h, err := New([]Config{{ID: "p", Path: filepath.Join(dir, verbPrefix+"good"), Enabled: true}}, Options{
		RunDir: filepath.Join(dir, "r"), Launcher: []string{filepath.Join(dir, verbPrefix+launchVerb)},
	}, &bus.Bus{}, log, nil)
	if err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error())
		os.Exit(1)
	}
	_ = h.Run(context.Background())
}
