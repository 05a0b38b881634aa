package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nightjar-nvr/nightjar/core/auth"
)

// The files of the control socket below Options.Control. The token is what keeps a plugin out that runs under our own
// account: Landlock cannot forbid to connect to a socket, but to read a file.
const (
	controlSocket = "control.sock"
	controlToken  = "control.token"
)

// maxSocketPath is what fits into an address, with its final zero (unix(7)).
const maxSocketPath = 107

// controlConn marks a connection that came through the control socket.
type controlConn struct {
	net.Conn
	uid uint32
}

// controlListener takes connections of root and of our own account.
type controlListener struct{ *net.UnixListener }

// Accept implements net.Listener. A peer of another account is hung up on.
func (l controlListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && (uid == 0 || int(uid) == os.Geteuid()) {
			return &controlConn{Conn: c, uid: uid}, nil
		}
		_ = c.Close()
	}
}

func peerUID(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who connects: %w", err)
	}
	var cred *syscall.Ucred
	cerr := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(cerr, err); err != nil {
		return 0, fmt.Errorf("ask who connects: %w", err)
	}
	return cred.Uid, nil
}

// RunControl serves the same API to the command line on this machine, by a socket that only root and our own account may
// use. Whoever has its token is an administrator.
func (s *Server) RunControl(ctx context.Context) error {
	dir := s.opts.Control
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder of the control socket: %w", err)
	}
	token := rand.Text()
	tokenFile := filepath.Join(dir, controlToken)
	if err := replaceFile(tokenFile, token); err != nil {
		return err
	}
	defer os.Remove(tokenFile)
	ln, err := listenControl(ctx, dir)
	if err != nil {
		return err
	}
	s.control.Store(&token)
	srv := &fasthttp.Server{
		Handler: s.app.Handler(), ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxRequestBodySize: 1 << 20,
		NoDefaultServerHeader: true, CloseOnShutdown: true,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		err = errors.Join(srv.ShutdownWithContext(stop), <-served)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("serve control socket: %w", err)
}

func listenControl(ctx context.Context, dir string) (net.Listener, error) {
	path, release, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := os.Remove(filepath.Join(dir, controlSocket)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace control socket: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on control socket: %w", err)
	}
	if err := os.Chmod(filepath.Join(dir, controlSocket), 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("protect control socket: %w", err)
	}
	unix, ok := ln.(*net.UnixListener)
	if !ok {
		ln.Close()
		return nil, errors.New("listen on control socket: is no unix socket")
	}
	unix.SetUnlinkOnClose(false) // by another name than it was made; the next start replaces it
	return controlListener{unix}, nil
}

// shortPath returns a name for the socket in dir that fits into an address, however long dir is.
func shortPath(dir string) (path string, release func(), err error) {
	if path = filepath.Join(dir, controlSocket); len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("open folder of the control socket: %w", err)
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(d.Fd())), controlSocket), func() { d.Close() }, nil
}

// replaceFile writes a file only we may read, whole or not at all: who asks must not find half a token.
func replaceFile(path, text string) error {
	part := path + ".new"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write control token: %w", err)
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text + "\n")
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return fmt.Errorf("write control token: %w", err)
	}
	return nil
}

// localIdentity is who asks through the control socket.
func (s *Server) localIdentity(c *fiber.Ctx, conn *controlConn) (auth.Identity, error) {
	token, _ := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	want := s.control.Load()
	if want == nil || subtle.ConstantTimeCompare([]byte(token), []byte(*want)) != 1 {
		return auth.Identity{}, errNotLoggedIn
	}
	return auth.Identity{Name: "local:" + strconv.Itoa(int(conn.uid)), Role: auth.RoleAdmin}, nil
}

// ErrNotRunning says that no server listens on a control socket.
var ErrNotRunning = errors.New("no Nightjar is running with this configuration")

// DialControl connects to the control socket in dir and returns the token to send as a bearer. ErrNotRunning is in the
// error's chain when there is no server.
func DialControl(ctx context.Context, dir string) (conn net.Conn, token string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, controlToken))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNotRunning
	}
	if err != nil {
		return nil, "", fmt.Errorf("read control token: %w; run this as the account that runs Nightjar", err)
	}
	path, release, err := shortPath(dir)
	if err != nil {
		return nil, "", err
	}
	defer release()
	var d net.Dialer
	conn, err = d.DialContext(ctx, "unix", path)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNotRunning
	}
	if err != nil {
		return nil, "", fmt.Errorf("connect to the running Nightjar: %w", err)
	}
	return conn, strings.TrimSpace(string(b)), nil
}
