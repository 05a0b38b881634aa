package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
)

// waitFor polls until ok returns true. It fails the test, naming what it waited for, after limit.
func waitFor(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(limit); ; {
		if ok() {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waited %s for %s", limit, what)
		case <-tick.C:
		}
	}
}

// process is a child of the test whose output is kept.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs a program until the test ends. Its output is shown when the test fails.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.Dir = testkit.Root()
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(name), tail(p.output(), 200))
		}
	})
	return p
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// stop signals the process and waits until it has ended.
func (p *process) stop(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// footage names the clips to serve, or nothing when they are absent: then the demo's own scene is the camera.
func footage(t *testing.T) (args []string, filmed bool) {
	t.Helper()
	mainClip := filepath.Join(testkit.DataDir(), "videos", "counter_main.mp4")
	subClip := filepath.Join(testkit.DataDir(), "videos", "counter_sub.mp4")
	if _, err := os.Stat(mainClip); err != nil {
		t.Logf("RUNNING ON THE DRAWN SCENE: real footage is absent (%v)", err)
		return nil, false
	}
	t.Logf("running on real footage: %s", filepath.Base(mainClip))
	return []string{"-main", mainClip, "-sub", subClip}, true
}

// client talks to the API as the administrator.
type client struct {
	t     *testing.T
	base  string
	token string
}

func (c *client) do(method, path string, body any) (*http.Response, []byte) {
	c.t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1/"+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, b
}

// get fetches JSON into v and fails the test on any other status than 200.
func (c *client) get(path string, v any) {
	c.t.Helper()
	resp, b := c.do("GET", path, nil)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %s: %s: %s", path, resp.Status, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		c.t.Fatalf("GET %s: %v: %.200s", path, err, b)
	}
}

func (c *client) login(password string) {
	c.t.Helper()
	resp, b := c.do("POST", "auth/login", map[string]string{"username": "admin", "password": password})
	var s struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(b, &s); err != nil || resp.StatusCode != http.StatusOK || s.AccessToken == "" {
		c.t.Fatalf("log in: %s: %s", resp.Status, b)
	}
	c.token = s.AccessToken
}

// children returns the processes below pid, by name.
func children(pid int) map[int]string {
	parents, names := map[int]int{}, map[int]string{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		var p, parent int
		open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
		if open < 0 || end < 0 {
			continue
		}
		var state string
		if _, err := fmt.Sscan(string(b[:open]), &p); err != nil {
			continue
		}
		if _, err := fmt.Sscan(string(b[end+1:]), &state, &parent); err != nil || state == "Z" {
			continue
		}
		parents[p], names[p] = parent, string(b[open+1:end])
	}
	out := map[int]string{}
	for p := range parents {
		for up := parents[p]; up > 1; up = parents[up] {
			if up == pid {
				out[p] = names[p]
			}
		}
	}
	return out
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

// firstLines reads a process's output until n lines match, for programs that print where they listen.
func firstLines(t *testing.T, p *process, prefix string, n int) []string {
	t.Helper()
	var found []string
	waitFor(t, fmt.Sprintf("%d lines beginning with %q", n, prefix), 30*time.Second, func() bool {
		found = nil
		sc := bufio.NewScanner(strings.NewReader(p.output()))
		for sc.Scan() {
			if strings.HasPrefix(sc.Text(), prefix) {
				found = append(found, sc.Text())
			}
		}
		return len(found) >= n
	})
	return found
}

func artifacts(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(testkit.Root(), "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
