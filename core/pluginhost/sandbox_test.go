package pluginhost

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// installed copies the test binary to where every user can execute it, as packages install plugins.
func installed(t *testing.T, names ...string) string {
	t.Helper()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for i, name := range names {
		path := filepath.Join(dir, verbPrefix+name)
		if i > 0 {
			err = os.Link(filepath.Join(dir, verbPrefix+names[0]), path)
		} else {
			var dst *os.File
			if dst, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755); err == nil { //nolint:gosec // on purpose
				_, err = io.Copy(dst, src)
				err = errors.Join(err, dst.Close())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// leak opens a file as a careless library does: whatever is started inherits it.
func leak(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.Dup(int(f.Fd())) //nolint:gosec // a descriptor
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
}

func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v) //nolint:gosec // small
}

// TestSandbox has plugins try to get out. Where we are root, each is a user of its own.
func TestSandbox(t *testing.T) {
	t.Parallel()
	if landlockVersion() < 4 {
		t.Skip("SKIPPED: this kernel has no Landlock of version 4, nothing fences files and TCP in")
	}
	bin := installed(t, "good", "offline")
	secret := filepath.Join(shortDir(t), "secret")
	if err := os.WriteFile(secret, []byte("canary"), 0o644); err != nil { //nolint:gosec // readable to all but for the fence
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	leak(t, secret)
	timing := quick()
	timing.Notify = 20 * time.Second
	r := startWith(t, timing, func(c *Config) {
		c.Path = filepath.Join(bin, verbPrefix+c.ID)
		if c.ID == "offline" {
			c.Permissions = []string{PermitSnapshot}
		}
	}, "good", "offline")
	root := os.Geteuid() == 0
	for _, id := range []string{"good", "offline"} {
		r.await(id, nvr.PluginRunning, "")
	}
	limits := strings.Join(r.status("offline").Limits, "; ")
	t.Logf("limits: %s", limits)
	for _, want := range []string{"no new privileges", "files fenced in (Landlock)", "no TCP (Landlock)", "256 open files", "512 MB of data", "256 MB of memory (watched)"} {
		if !strings.Contains(limits, want) {
			t.Errorf("limits do not name %q", want)
		}
	}
	try := func(id, probe string) string {
		got, err := r.tell(id, "probe "+probe)
		if err != nil {
			t.Fatalf("%s: %v", probe, err)
		}
		return got.Detail
	}
	for _, tc := range []struct{ id, probe, want string }{
		{"good", "read /etc/shadow", "permission denied"},
		{"good", "read " + secret, "0 bytes, open " + secret + ": permission denied"},
		{"good", "read /etc/hosts", "<nil>"},
		{"good", "write /tmp/nightjar-escaped", "permission denied"},
		{"good", "write " + filepath.Join(bin, "escaped"), "permission denied"},
		{"good", "write mine", "<nil>"}, // its working directory is its own folder
		{"good", "dial " + l.Addr().String(), "<nil>"},
		{"offline", "dial " + l.Addr().String(), "permission denied"},
		{"good", "kill", "operation not permitted"},
		{"good", "whoami", "NoNewPrivs: 1"},
		{"good", "whoami", "CapEff: 0000000000000000"},
		{"good", "whoami", "Files: 256"},
		{"good", "mode made", "-rw-------"},
	} {
		if got := try(tc.id, tc.probe); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.probe, got, tc.want)
		}
	}
	if got := try("good", "files"); strings.Contains(got, secret) || !strings.Contains(got, "/dev/null") {
		t.Errorf("a file that a library of ours had open is open in the plugin: %s", got)
	}
	if !root {
		t.Log("SKIPPED: the limit of processes needs root, or a delegated cgroup")
		return
	}
	if got := try("good", "fork"); !strings.Contains(got, "resource temporarily unavailable") {
		t.Errorf("fork: %q", got)
	}
	uids := map[string]bool{}
	for _, id := range []string{"good", "offline"} {
		uids[regexp.MustCompile(`Uid: (\d+)`).FindString(try(id, "whoami"))] = true
	}
	if len(uids) != 2 || uids["Uid: 0"] {
		t.Errorf("users %v, want two and none of them root", uids)
	}
}

func TestAllocationEndsOnlyThePlugin(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.Notify = 30 * time.Second
	r := startWith(t, timing, func(c *Config) { c.Limits = Limits{Memory: 4 << 30} }, "good")
	r.await("good", nvr.PluginRunning, "")
	if _, err := r.tell("good", "probe allocate"); err == nil || !strings.Contains(err.Error(), "the process is gone") || !regexp.MustCompile("out of memory|failed to allocate").MatchString(err.Error()) {
		t.Errorf("%v", err)
	}
	until(t, "it is started again", func() bool { s := r.status("good"); return s.Restarts == 1 && s.State == nvr.PluginRunning })
}

func TestMemoryWatch(t *testing.T) {
	t.Parallel()
	timing := quick()
	timing.Memory, timing.BackoffMin, timing.BackoffMax = 20*time.Millisecond, time.Minute, time.Minute
	r := startWith(t, timing, func(c *Config) {
		if c.ID == "grows" {
			c.Limits = Limits{Memory: 64 << 20, Data: 4 << 30}
		}
	}, "grows", "good")
	s := r.await("grows", nvr.PluginBackoff, "the limit is 64 MB")
	if !regexp.MustCompile(`^plugin used \d+ MB of memory, the limit is 64 MB$`).MatchString(s.Reason) || s.Memory != 0 {
		t.Errorf("%+v", s)
	}
	until(t, "the other's memory is shown", func() bool { return r.status("good").Memory > 1<<20 })
}

func TestLaunchIsNotForPeople(t *testing.T) {
	r := shortDir(t)
	out, err := runCommand(t, link(t, r, launchVerb))
	if err == nil {
		t.Errorf("it ran: %s", out)
	}
}

func TestCgroups(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": "11\n12\n", "cgroup.subtree_control": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yes := func(string) bool { return true }
	if c, err := openCgroups(dir, func(string) bool { return false }); c != nil || err != nil {
		t.Errorf("a group that is not ours was taken: %v", err)
	}
	if c, err := openCgroups(t.TempDir(), yes); c != nil || err != nil {
		t.Errorf("a group without controllers was taken: %v", err)
	}
	if c, err := openCgroups("", yes); c != nil || err != nil {
		t.Error("no group was taken")
	}
	c, err := openCgroups(dir, yes)
	if err != nil || c == nil {
		t.Fatal(err)
	}
	read := func(parts ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := read(cgroupSelf, "cgroup.procs"); got != "12" { // the last one written
		t.Errorf("moved %q", got)
	}
	if got := read("cgroup.subtree_control"); got != "+memory +pids +cpu" {
		t.Errorf("enabled %q", got)
	}
	var l Limits
	limitDefaults(&l)
	g, applied, err := c.make("7", l)
	if err != nil {
		t.Fatal(err)
	}
	if read("plugin-7", "memory.max") != strconv.Itoa(256<<20) || read("plugin-7", "pids.max") != "64" || read("plugin-7", "memory.swap.max") != "0" {
		t.Error("limits were not written")
	}
	if !slices.Equal(applied, []string{"at most 256 MB of memory (cgroup)", "at most 64 processes and threads (cgroup)"}) || g.fd() < 3 {
		t.Errorf("%v", applied)
	}
	if g.outOfMemory() {
		t.Error("nothing was killed")
	}
	if err := put(filepath.Join(dir, "plugin-7"), "memory.events", "low 0\noom 3\noom_kill 1\n"); err != nil || !g.outOfMemory() {
		t.Error("a kill was not seen")
	}
	g.kill()
	if read("plugin-7", "cgroup.kill") != "1" {
		t.Error("the group was not killed")
	}
	g.remove()
	self := filepath.Join(dir, "self")
	if err := os.WriteFile(self, []byte("4:memory:/x\n0::/system.slice/nightjar.service\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ownCgroup(self, "/sys/fs/cgroup"); got != "/sys/fs/cgroup/system.slice/nightjar.service" {
		t.Error(got)
	}
}

func TestUsersDiffer(t *testing.T) {
	taken := map[int]bool{}
	for i := range 500 {
		uid := pickUID(strconv.Itoa(i), taken)
		if uid < firstUID || uid > lastUID || taken[uid] {
			t.Fatalf("user %d for plugin %d", uid, i)
		}
		taken[uid] = true
	}
	if a, b := pickUID("x", nil), pickUID("x", nil); a != b {
		t.Error("a plugin changes its user")
	}
}
