package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/app"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
)

// cli runs commands in a folder of their own.
type cli struct {
	t   *testing.T
	dir string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	c := &cli{t: t, dir: t.TempDir()}
	c.write("config.yaml", "data_dir: "+filepath.Join(c.dir, "data")+"\n")
	return c
}

func (c *cli) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cli) write(name, text string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.path(name)), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.path(name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// run returns what a command printed; it fails the test unless the exit code is want.
func (c *cli) run(want int, args ...string) string {
	c.t.Helper()
	var out, err bytes.Buffer
	if got := run(c.t.Context(), env{out: &out, err: &err}, append([]string{"plugin"}, args...)); got != want {
		c.t.Fatalf("plugin %v: exit %d, want %d: %s%s", args, got, want, out.String(), err.String())
	}
	return out.String() + err.String()
}

func (c *cli) list() pluginsListed {
	c.t.Helper()
	var l pluginsListed
	if err := json.Unmarshal([]byte(c.run(0, "list", "--json", "-c", c.path("config.yaml"))), &l); err != nil {
		c.t.Fatal(err)
	}
	return l
}

// TestPluginCommandsWithoutAServer goes from a key to a removal on disk. The program is a script: building it is
// TestPluginNewBuilds's.
func TestPluginCommandsWithoutAServer(t *testing.T) {
	c := newCLI(t)
	config := []string{"-c", c.path("config.yaml")}
	with := func(args ...string) []string { return append(args, config...) }
	c.run(0, "keygen", c.path("me"))
	if info, err := os.Stat(c.path("me.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if out := c.run(1, "keygen", c.path("me")); !strings.Contains(out, "not replaced") {
		t.Error(out)
	}
	c.run(0, "new", "Door Bell", "-dir", c.path("bell"), "-id", "org.example.bell", "-sdk", testkit.Root())
	c.run(1, "new", "Door Bell", "-dir", c.path("bell"), "-sdk", testkit.Root())
	for _, arch := range []string{"amd64", "arm64"} {
		c.write("bell/bin/door-bell-linux-"+arch, "#!/bin/sh\n")
	}
	bundle := strings.TrimSpace(c.run(0, "pack", c.path("bell"), "-o", c.path("dist"), "-no-build"))
	if out := c.run(1, with("install", bundle)...); !strings.Contains(out, "not signed") {
		t.Error(out)
	}
	c.run(0, "sign", "-key", c.path("me.key"), bundle)
	c.run(2, "sign", bundle)
	if out := c.run(0, with("install", bundle)...); !strings.Contains(out, "nobody vouched for") || !strings.Contains(out, "net.outbound") {
		t.Error(out)
	}
	c.run(0, with("keys", "add", "Me", c.path("me.pub"))...)
	l := c.list()
	p := l.Plugins[len(l.Plugins)-1]
	if p.ID != "org.example.bell" || p.Active != "" || p.Versions[0].State != "pending" || p.Trust != "key" || len(l.Keys) != 1 || l.Running {
		t.Fatalf("%+v", l)
	}
	if out := c.run(1, with("approve", p.ID, "0.1.0")...); !strings.Contains(out, "-sha256") {
		t.Error(out)
	}
	c.run(1, with("approve", p.ID, "0.1.0", "-sha256", strings.Repeat("0", 64))...)
	if out := c.run(0, with("approve", p.ID, "0.1.0", "-sha256", p.Versions[0].SHA256)...); !strings.Contains(out, "the next Nightjar") {
		t.Error(out)
	}
	if out := c.run(1, with("doctor")...); !strings.Contains(out, "no Nightjar runs") || !strings.Contains(out, "plugin org.example.bell: version 0.1.0, trust key") {
		t.Error(out)
	}
	stored := filepath.Join(c.dir, "data", "plugins", "store", p.Versions[0].SHA256)
	if err := os.Remove(stored); err != nil {
		t.Fatal(err)
	}
	c.write("data/plugins/store/"+p.Versions[0].SHA256, "#!/bin/sh\nevil\n")
	if l := c.list(); !l.Plugins[len(l.Plugins)-1].Modified {
		t.Errorf("a modified program is not told: %+v", l.Plugins)
	}
	c.run(0, with("disable", p.ID)...)
	c.run(0, with("remove", p.ID)...)
	if out := c.run(1, with("remove", p.ID)...); !strings.Contains(out, "not installed") {
		t.Error(out)
	}
	if out := c.run(1, with("logs", "phone")...); !strings.Contains(out, "no Nightjar is running") {
		t.Error(out)
	}
}

// TestPluginHelp: every command explains itself with an example.
func TestPluginHelp(t *testing.T) {
	c := newCLI(t)
	all := c.run(0, "help")
	for _, cmd := range pluginCommands() {
		if out := c.run(0, cmd.name, "-h"); !strings.Contains(out, "Example:") || !strings.Contains(out, "Exit codes") || !strings.Contains(all, "plugin "+cmd.name) {
			t.Errorf("%s: %s", cmd.name, out)
		}
		if out := c.run(2, cmd.name, "a", "b", "c", "d", "-no-such-flag"); !strings.Contains(out, "usage:") {
			t.Errorf("%s: %s", cmd.name, out)
		}
	}
	c.run(2, "fly")
}

// TestPluginNewBuilds: what `new` writes is short, builds, and passes its own test.
func TestPluginNewBuilds(t *testing.T) {
	if os.Getenv("NIGHTJAR_SLOW") == "" {
		t.Skip("builds a plugin from scratch, which takes minutes the first time: set NIGHTJAR_SLOW=1")
	}
	c := newCLI(t)
	c.run(0, "new", "bell", "-dir", c.path("bell"), "-sdk", testkit.Root())
	c.write("settings.json", `{"url": "http://127.0.0.1:9/"}`)
	out := c.run(0, "test", c.path("bell"), "-settings", c.path("settings.json"), "-json")
	var findings []app.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || len(findings) < 5 {
		t.Errorf("%v: %s", err, out)
	}
	if out := c.run(1, "test", c.path("bell")); !strings.Contains(out, "url: is required") {
		t.Error(out)
	}
	bundle := strings.TrimSpace(c.run(0, "pack", c.path("bell"), "-o", c.path("dist")))
	if !strings.HasSuffix(bundle, "com.example.bell-0.1.0.tar.gz") {
		t.Error(bundle)
	}
}

func TestLogTailPrintsWhatIsNew(t *testing.T) {
	var out bytes.Buffer
	tail := &logTail{out: &out}
	lines := func(from, to int) (l []string) {
		for i := from; i < to; i++ {
			l = append(l, strconv.Itoa(i))
		}
		return l
	}
	for _, l := range [][]string{lines(0, 3), lines(0, 3), lines(1, 5), lines(9, 10)} {
		tail.print(l)
	}
	if got := strings.Fields(out.String()); strings.Join(got, " ") != "0 1 2 3 4 9" {
		t.Errorf("%v", got)
	}
}
