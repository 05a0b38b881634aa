// Package pgchild runs a private PostgreSQL as a child process: created on first start, reachable only by a unix
// socket in a directory of its own, ended with Nightjar even when Nightjar is killed. It never touches another
// cluster of the machine.
package pgchild

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
)

const (
	role         = "nightjar"
	startTimeout = 60 * time.Second // crash recovery of a large cluster included
	stopTimeout  = 15 * time.Second
)

// Child is the wish to have a PostgreSQL; Run keeps it true.
type Child struct {
	dir   string // the cluster
	sock  string // socket directory
	bin   binaries
	owner owner
	log   *slog.Logger

	password string
	ready    chan struct{}
	once     sync.Once
}

// New finds the server's binaries and the account to run it as, and makes the password if there is none, so that DSN is
// complete. The cluster below dataDir is Run's work. Errors name what to install or change.
func New(dataDir string, log *slog.Logger) (*Child, error) {
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, fmt.Errorf("resolve data_dir %s: %w", dataDir, err)
	}
	own, err := findOwner()
	if err != nil {
		return nil, err
	}
	c := &Child{owner: own, log: log, ready: make(chan struct{})}
	c.dir = clusterDir(abs, own)
	if c.bin, err = findBinaries(c.dir); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(c.dir))
	c.sock = filepath.Join(os.TempDir(), "nightjar-pg-"+hex.EncodeToString(sum[:6]))
	if c.password, err = keepPassword(abs); err != nil {
		return nil, err
	}
	return c, nil
}

// Ready is closed once the server has answered for the first time.
func (c *Child) Ready() <-chan struct{} { return c.ready }

// DSN returns the connection string. It holds a password.
func (c *Child) DSN() string {
	q := url.Values{"host": {c.sock}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, c.password), Path: "/" + role, RawQuery: q.Encode()}
	return u.String()
}

// Run creates the cluster if there is none, starts the server and restarts it when it dies. When ctx ends the server
// is stopped cleanly before Run returns.
func (c *Child) Run(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	defer os.RemoveAll(c.sock)
	backoff := lifecycle.Backoff{Min: 300 * time.Millisecond, Max: 10 * time.Second, Factor: 2, Jitter: 0.2, Reset: time.Minute}
	return lifecycle.Keepalive(ctx, backoff, c.serve, func(f lifecycle.Failure) {
		c.log.Error("database server ended, starting it again", "err", f.Err, "attempt", f.Attempt, "pause", f.Pause)
	})
}

// keepPassword returns the password kept in dataDir, making both the first time.
func keepPassword(dataDir string) (string, error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return "", fmt.Errorf("create data_dir: %w", err)
	}
	path := filepath.Join(dataDir, "postgres.password")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte(rand.Text())
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keep the database password: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// prepare makes the directories and, the first time, the cluster.
func (c *Child) prepare(ctx context.Context) error {
	if err := c.owner.mkdir(c.dir); err != nil {
		return fmt.Errorf("create database directory: %w", err)
	}
	if err := c.owner.mkdir(c.sock); err != nil {
		return fmt.Errorf("create database socket directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "PG_VERSION")); err == nil {
		return c.stopOrphan(ctx)
	}
	return c.initdb(ctx)
}

func (c *Child) initdb(ctx context.Context) error {
	c.log.Info("creating the database", "dir", c.dir)
	pwfile := filepath.Join(c.sock, "pw")
	if err := os.WriteFile(pwfile, []byte(c.password), 0o600); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer os.Remove(pwfile)
	if err := c.owner.chown(pwfile); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	// A half-made cluster of a start that was cut short has no PG_VERSION and would stop initdb.
	if entries, err := os.ReadDir(c.dir); err == nil {
		for _, e := range entries {
			os.RemoveAll(filepath.Join(c.dir, e.Name()))
		}
	}
	cmd := exec.CommandContext(ctx, c.bin.initdb, "-D", c.dir, "-U", role, "--pwfile", pwfile, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions")
	cmd.SysProcAttr = c.owner.attr()
	cmd.Dir, cmd.Env = c.sock, childEnv()
	if out, err := cmd.CombinedOutput(); err != nil {
		os.Remove(filepath.Join(c.dir, "PG_VERSION"))
		return fmt.Errorf("create database in %s: %w: %s", c.dir, err, lastLine(out))
	}
	return nil
}

// serve is one attempt: start, wait until it answers, wait until it ends.
func (c *Child) serve(ctx context.Context) error {
	tail := &logTail{log: c.log}
	cmd := exec.Command(c.bin.postgres, "-D", c.dir,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+c.sock, "-c", "unix_socket_permissions=0700",
		"-c", "shared_buffers=32MB", "-c", "max_connections=40", "-c", "max_wal_size=256MB", "-c", "jit=off",
		"-c", "log_min_messages=warning", "-c", "logging_collector=off", "-c", "timezone=UTC")
	cmd.SysProcAttr = c.owner.attr()
	// Ctrl-C must reach us alone, or the database would stop before those who still write to it.
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGINT // fast shutdown when we die, kill -9 included
	cmd.Dir, cmd.Env = c.sock, childEnv()
	cmd.Stdout, cmd.Stderr = tail, tail
	cmd.WaitDelay = 2 * time.Second
	if err := lifecycle.StartChild(cmd); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	started := time.Now()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for up := false; ; {
		select {
		case err := <-exited:
			return fmt.Errorf("postgres ended: %w: %s", orClean(err), tail.last())
		case <-ctx.Done():
			return c.stop(cmd, exited)
		case <-poll.C:
			if !up && c.isReady(cmd.Process.Pid) {
				if err := c.ensureDatabase(ctx); err == nil {
					up = true
					poll.Stop()
					c.once.Do(func() { close(c.ready) })
				}
			}
			if !up && time.Since(started) > startTimeout {
				err := fmt.Errorf("postgres did not become ready within %s: %s", startTimeout, tail.last())
				return errors.Join(err, c.stop(cmd, exited))
			}
		}
	}
}

func orClean(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// stop asks for a fast shutdown, then for an immediate one, then kills.
func (c *Child) stop(cmd *exec.Cmd, exited <-chan error) error {
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, stopTimeout}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		_ = cmd.Process.Signal(step.sig)
		select {
		case <-exited: //nolint:errcheck // we ended it: its status tells nothing
			return nil
		case <-time.After(step.wait):
			c.log.Warn("database server is slow to stop", "signal", step.sig.String())
		}
	}
	return errors.New("postgres did not end after SIGKILL")
}

// isReady reads the server's own status: its pid file must name our child, so that an orphan cannot answer for it.
func (c *Child) isReady(pid int) bool {
	b, err := os.ReadFile(filepath.Join(c.dir, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(b), "\n")
	return len(lines) >= 8 && strings.TrimSpace(lines[0]) == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

func childEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	if p := os.Getenv("PATH"); p != "" {
		env = append(env, "PATH="+p)
	}
	return env
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// logTail passes the server's lines to the log and keeps the last one for error messages.
type logTail struct {
	log *slog.Logger

	mu   sync.Mutex
	line string
}

func (t *logTail) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		t.mu.Lock()
		t.line = line
		t.mu.Unlock()
		t.log.Debug("database server", "line", line)
	}
	return len(p), nil
}

func (t *logTail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.line
}
