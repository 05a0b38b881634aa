// Package s3test runs a real S3 server, versitygw, for tests: on loopback, with its objects as plain files in a temporary
// directory, so that a test can stop it, start it again, and damage what it stores.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
)

// Version is the release of github.com/versity/versitygw that tests are written against.
const Version = "v1.8.0"

const (
	patience = 60 * time.Second
	attempts = 8 // at a free port
)

// Server is a running versitygw.
type Server struct {
	Endpoint  string // http://127.0.0.1:port
	Addr      string // 127.0.0.1:port
	AccessKey string
	SecretKey string
	Dir       string // holds each bucket as a directory and each object as a file

	tb      testing.TB
	program string
	meta    string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// Start runs a server until the test ends. It skips the test where the program is not installed.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{AccessKey: "nightjar", SecretKey: "canary-secret-7f3a", Dir: tb.TempDir(), meta: tb.TempDir(), tb: tb, program: find(tb)}
	for try := 1; ; try++ {
		addr, err := freeAddr(tb.Context())
		if err == nil {
			s.Addr = addr
			err = s.Restart()
		}
		if err == nil {
			break
		}
		if try == attempts {
			tb.Fatalf("start S3 server: %v", err)
		}
	}
	s.Endpoint = "http://" + s.Addr
	tb.Cleanup(s.Stop)
	return s
}

// find looks for the program where the environment says, where make builds it, and on the PATH.
func find(tb testing.TB) string {
	tb.Helper()
	if p := os.Getenv("NIGHTJAR_VERSITYGW"); p != "" {
		return p
	}
	if cache, err := os.UserCacheDir(); err == nil {
		p := filepath.Join(cache, "nightjar-tools", "versitygw-"+Version)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	if p, err := exec.LookPath("versitygw"); err == nil {
		return p
	}
	tb.Skipf("SKIPPED: no S3 server: versitygw %s is not installed; make test builds it, or set NIGHTJAR_VERSITYGW", Version)
	return ""
}

// freeAddr names a port that was free a moment ago; somebody else may be faster.
func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Restart starts the server at the address it had, with what it stored.
func (s *Server) Restart() error {
	var log strings.Builder
	s.cmd = exec.Command(s.program, "--port", s.Addr, "--access", s.AccessKey, "--secret", s.SecretKey, //nolint:gosec // the tests' own
		"--health", "/health", "--quiet", "--keep-alive", "posix", "--sidecar", s.meta, s.Dir)
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := lifecycle.StartChild(s.cmd); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() { _ = s.cmd.Wait(); close(ended) }()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !s.answers() {
		select {
		case <-ended:
			return fmt.Errorf("it ended at once: %s", log.String())
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			s.Stop()
			return errors.New("it does not answer")
		}
	}
	select {
	case <-ended: // somebody else answered
		return fmt.Errorf("it ended: %s", log.String())
	default:
		return nil
	}
}

func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/health", nil)
	if err != nil {
		return false
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Stop ends the server at once, if it runs. What it stored stays until the test ends.
func (s *Server) Stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// File returns where an object lies on disk.
func (s *Server) File(bucket, key string) string {
	return filepath.Join(s.Dir, bucket, filepath.FromSlash(key))
}
