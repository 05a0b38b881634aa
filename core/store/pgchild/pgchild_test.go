package pgchild

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PGCHILD_TEST_HOST"); dir != "" {
		hostProcess(dir)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"))
}

// hostProcess is this test binary re-executed as a Nightjar that will be killed.
func hostProcess(dir string) {
	c, err := New(dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err == nil {
		go func() {
			<-c.Ready()
			os.Stdout.WriteString("ready\n")
		}()
		err = c.Run(context.Background())
	}
	os.Stderr.WriteString(err.Error())
	os.Exit(1)
}

func newChild(t *testing.T, dir string) *Child {
	t.Helper()
	c, err := New(dir, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Skipf("SKIP %s: %v", t.Name(), err)
	}
	return c
}

// run starts c and returns after it is ready, with a function that stops it and waits.
func run(t *testing.T, c *Child) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case <-c.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(90 * time.Second):
		t.Fatal("not ready within 90 s")
	}
	return func() error { cancel(); return <-done }
}

func query(t *testing.T, c *Child, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var s string
	if err := conn.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestClusterSurvivesRestartAndServerCrash(t *testing.T) {
	dir := tempDir(t)
	c := newChild(t, dir)
	stop := run(t, c)
	if got := query(t, c, "SHOW data_checksums"); got != "on" {
		t.Errorf("data_checksums is %s", got)
	}
	query(t, c, "SELECT 'made' FROM (SELECT pg_catalog.set_config('a.b', 'c', false)) x")
	pid := c.orphanPID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := pgx.Connect(t.Context(), c.DSN())
		if err == nil {
			conn.Close(t.Context())
			if c.orphanPID() != pid {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not back 60 s after a kill: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
	if pid := c.orphanPID(); pid != 0 {
		t.Errorf("server %d is still there after Run returned", pid)
	}
	again := newChild(t, dir)
	stop = run(t, again)
	query(t, again, "SELECT version()")
	_ = stop()
}

// TestKilledHostLeavesNoServer is the promise "kill -9 leaves no orphan PostgreSQL".
func TestKilledHostLeavesNoServer(t *testing.T) {
	dir := tempDir(t)
	newChild(t, dir) // skips where there is no PostgreSQL
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGCHILD_TEST_HOST="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, _ := out.Read(buf); !strings.HasPrefix(string(buf[:n]), "ready") {
		t.Fatal("the host did not become ready")
	}
	c := newChild(t, dir)
	pid := c.orphanPID()
	if pid == 0 {
		t.Fatal("no server while the host runs")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(15 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("server %d lives 15 s after its host was killed", pid)
		}
		<-time.After(20 * time.Millisecond)
	}
	stop := run(t, c)
	query(t, c, "SELECT version()")
	_ = stop()
}

func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// tempDir is a t.TempDir that another account can reach.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nightjar-pgchild-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
