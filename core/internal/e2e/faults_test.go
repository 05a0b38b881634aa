package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
)

// TestEndToEndFaults starts Nightjar with everything around it broken at once: each fault gives one sentence that names
// the thing and the next step, and what does not depend on it runs.
func TestEndToEndFaults(t *testing.T) {
	if os.Getenv("NIGHTJAR_E2E") == "" {
		t.Skip("SKIP TestEndToEndFaults: run it with `make e2e`, which builds the binary first")
	}
	dir, err := os.MkdirTemp("", "nightjar-e2e-faults-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(testkit.Root(), "build", "nightjar")
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	camera := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	args, _ := footage(t)
	start(t, binary, append([]string{"demo", "-listen", camera}, args...)...)
	taken, err := net.Listen("tcp", "127.0.0.1:0") // the restream's port
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config := put("config.yaml", fmt.Sprintf(`
data_dir: %s/data
recordings_dir: %s
http: {listen: %q}
mqtt: {enabled: true, broker: "mqtt://127.0.0.1:1"}
rtsp: {listen: %q}
detect: {model: %s}
cameras:
  good: {main: {url: "rtsp://%s/main"}, sub: {url: "rtsp://%s/sub"}}
  nowhere: {main: {url: "rtsp://127.0.0.1:1/x", username: u, password: camera-canary}}
  wrong_path: {main: {url: "rtsp://%s/no/such/stream"}}
notifiers:
  missing: {plugin: no_such_plugin}
`, dir, put("a-file", "not a directory"), listen, taken.Addr(), put("broken.onnx", "this is no model"), camera, camera, camera))

	p := start(t, binary, "serve", "-c", config)
	waitFor(t, "the URL in spite of all faults", time.Minute, func() bool { return strings.Contains(p.output(), "Nightjar is running:") })
	pw, err := os.ReadFile(filepath.Join(dir, "data", "initial-admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	api := &client{t: t, base: "http://" + listen}
	api.login(strings.TrimSpace(string(pw)))

	var cams struct {
		Items []struct{ ID, State, Reason string }
	}
	waitFor(t, "the good camera online and the others offline with a reason", 30*time.Second, func() bool {
		api.get("cameras", &cams)
		ok := 0
		for _, c := range cams.Items {
			if (c.ID == "good") == (c.State == "online") && (c.ID == "good" || c.State == "offline" && c.Reason != "") {
				ok++
			}
		}
		return ok == 3
	})
	for _, c := range cams.Items {
		t.Logf("%s: %s %s", c.ID, c.State, c.Reason)
	}
	var sys struct {
		Detector struct{ State, Message, Fix string }
		MQTT     struct {
			Connected bool
			Reason    string
		}
		Plugins  []struct{ ID, State, Reason string }
		Warnings []struct{ Code, Message string }
	}
	waitFor(t, "a warning for each fault", 2*time.Minute, func() bool {
		api.get("system", &sys)
		codes := map[string]bool{}
		for _, w := range sys.Warnings {
			codes[w.Code] = true
		}
		return codes["detector"] && codes["recordings"] && codes["mqtt"] && len(sys.Plugins) == 1 && sys.Plugins[0].Reason != ""
	})
	for _, w := range sys.Warnings {
		t.Logf("warning %s: %s", w.Code, w.Message)
	}
	t.Logf("plugin: %+v", sys.Plugins)
	for what, want := range map[string]string{
		"model": "broken.onnx", "broker": "127.0.0.1:1", "recordings directory": "a-file", "restream port": taken.Addr().String(), "plugin": "no_such_plugin",
	} {
		if text := p.output() + fmt.Sprint(sys.Warnings, sys.Plugins); !strings.Contains(text, want) {
			t.Errorf("the %s is not named (%s)", what, want)
		}
	}
	if strings.Contains(p.output(), "camera-canary") {
		t.Error("the log shows a camera's password")
	}
	if n := strings.Count(p.output(), "\n"); n > 60 {
		t.Errorf("%d log lines in the first half minute of faults:\n%s", n, p.output())
	}

	second := start(t, binary, "serve", "-c", config)
	<-second.done
	if out := second.output(); !strings.Contains(out, "another Nightjar is running") || second.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a second one on the same data_dir: %s", out)
	}
	wrong := start(t, binary, "serve", "-c", put("wrong.yaml", "cameras:\n  front:\n    main: {urll: x}\n"))
	<-wrong.done
	if out := wrong.output(); !strings.Contains(out, "urll") || !strings.Contains(out, "3 |") {
		t.Errorf("a broken configuration: %s", out)
	}
}
