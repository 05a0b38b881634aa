package testkit

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// RedisServer is a redis-server of a test's own, on a unix socket, with the append-only file on.
type RedisServer struct {
	t    testing.TB
	dir  string
	proc *exec.Cmd
}

// Redis starts a redis-server. The test is skipped, by name, where none is installed.
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skipf("SKIP %s: redis-server is not installed (apt-get install redis-server)", t.Name())
	}
	dir, err := os.MkdirTemp("", "nightjar-redis-") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &RedisServer{t: t, dir: dir}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

// URL is what clients are given.
func (r *RedisServer) URL() string { return "unix://" + r.socket() }

func (r *RedisServer) socket() string { return filepath.Join(r.dir, "redis.sock") }

// Start starts the server, anew after Kill, and waits until it takes connections.
func (r *RedisServer) Start() {
	r.t.Helper()
	r.proc = exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket(), "--dir", r.dir, "--appendonly", "yes", "--save", "", "--daemonize", "no")
	if err := r.proc.Start(); err != nil {
		r.t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		if conn, err := net.Dial("unix", r.socket()); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatal("redis-server takes no connections after a minute")
		}
	}
}

// Kill ends the server at once, as a power cut would. It may be called again.
func (r *RedisServer) Kill() {
	if r.proc == nil {
		return
	}
	_ = r.proc.Process.Kill()
	_ = r.proc.Wait()
	_ = os.Remove(r.socket())
	r.proc = nil
}
