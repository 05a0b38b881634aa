package archive

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a TCP relay to the server that makes the way to it slow, or cuts it.
type proxy struct {
	addr   string
	target string

	mu    sync.Mutex
	up    way // to the server
	down  way // from the server
	conns map[net.Conn]struct{}
	done  bool
	wg    sync.WaitGroup
}

// way is one direction. The zero value lets everything through.
type way struct {
	cutAfter   int64 // bytes of each connection, then it is closed; 0 for never
	stallAfter int64 // bytes of each connection, then nothing moves; 0 for never
	piece      int   // most bytes that move at once, with a millisecond in between; 0 for no limit
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: target, conns: make(map[net.Conn]struct{})}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Add(1)
			go func() { defer p.wg.Done(); p.relay(c) }()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.done = true
		p.mu.Unlock()
		p.cutAll()
		p.wg.Wait()
	})
	return p
}

// set changes both directions for connections to come and cuts those that are there.
func (p *proxy) set(up, down way) {
	p.mu.Lock()
	p.up, p.down = up, down
	p.mu.Unlock()
	p.cutAll()
}

func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) relay(client net.Conn) {
	var d net.Dialer
	server, err := d.DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	up, down := p.up, p.down
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	if p.done {
		_, _ = client.Close(), server.Close()
	}
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); up.move(server, client) }()
	go func() { defer wg.Done(); down.move(client, server) }()
	wg.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// move copies from src to dst and closes both at the end.
func (w way) move(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	size := 32 << 10
	if w.piece > 0 {
		size = w.piece
	}
	buf := make([]byte, size)
	var moved int64
	for {
		n, err := src.Read(buf)
		if w.cutAfter > 0 && moved+int64(n) > w.cutAfter {
			return
		}
		if w.stallAfter > 0 && moved+int64(n) > w.stallAfter {
			for !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) { // until one side gives up
				if _, err = src.Read(buf); err != nil {
					return
				}
			}
			return
		}
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return
		}
		moved += int64(n)
		if err != nil {
			return
		}
		if w.piece > 0 {
			<-time.After(time.Millisecond)
		}
	}
}
