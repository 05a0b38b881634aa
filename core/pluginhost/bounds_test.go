package pluginhost

import (
	"context"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// endedStream is a call whose caller has gone.
type endedStream struct {
	grpc.ServerStreamingServer[pluginv1.OpenMediaResponse]
	ctx context.Context
}

func (s endedStream) Context() context.Context { return s.ctx }

// TestMediaAtATime: a plugin that reads many films at once waits for itself.
func TestMediaAtATime(t *testing.T) {
	s := &supervisor{refs: &refs{}, cfg: Config{Permissions: allPermissions()}, host: &Host{opts: Options{Callbacks: &desk{}}}}
	h := &hostServer{s: s, media: make(chan struct{}, maxMedia)}
	for range maxMedia {
		h.media <- struct{}{}
	}
	ref := s.refs.hand(nvr.Event{ID: "e"}, nvr.AttachClip, time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.OpenMedia(&pluginv1.OpenMediaRequest{Ref: ref}, endedStream{ctx: ctx}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one more: %v", err)
	}
	if len(h.media) != maxMedia {
		t.Error("a place was given back that was not taken")
	}
}

// TestConnectionsOfAPlugin are few, and one that ends makes room.
func TestConnectionsOfAPlugin(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	ours := &peerListener{Listener: l, pgid: syscall.Getpgrp(), open: make(chan struct{}, 1)}
	accepted := make(chan net.Conn, 10)
	go func() {
		defer close(accepted)
		for {
			c, err := ours.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second := dial(), dial()
	defer first.Close()
	defer second.Close()
	one := <-accepted
	if _, err := second.Read(make([]byte, 1)); err == nil { // it is hung up on
		t.Error("a second connection is kept")
	}
	_ = one.Close()
	_ = one.Close() // counts once
	third := dial()
	defer third.Close()
	two := <-accepted
	if len(ours.open) != 1 {
		t.Errorf("%d connections are counted, want 1", len(ours.open))
	}
	_ = two.Close()
	_ = l.Close()
	if c, more := <-accepted; more {
		t.Errorf("%v was accepted", c)
	}
}

func TestNotifyTime(t *testing.T) {
	h := &Host{}
	h.opts.Timing.defaults()
	for asked, want := range map[time.Duration]time.Duration{0: 15 * time.Second, 7 * time.Second: 7 * time.Second, time.Hour: maxNotify} {
		if got := (&supervisor{host: h, cfg: Config{Notify: asked}}).notifyTime(); got != want {
			t.Errorf("%v: %v, want %v", asked, got, want)
		}
	}
}
