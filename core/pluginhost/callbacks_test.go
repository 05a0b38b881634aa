package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// desk answers plugins from memory.
type desk struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (d *desk) OpenMedia(_ context.Context, e nvr.Event, kind nvr.AttachmentKind, most int64) (io.ReadCloser, error) {
	n := int64(200 << 10)
	switch {
	case e.ID == "missing":
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "nothing is recorded"}
	case e.ID == "secret":
		return nil, errors.New("/data/secret does not exist")
	case e.ID == "panics":
		panic("in the desk")
	case kind == nvr.AttachClip:
		n = most + 1 // a desk that does not keep to it
	}
	return io.NopCloser(io.LimitReader(zeros{}, n)), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (d *desk) Value(_ context.Context, plugin, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[plugin+"/"+key], nil
}

func (d *desk) SetValue(_ context.Context, plugin, key string, value []byte, quota int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	total := len(value)
	for k, v := range d.values {
		if k != plugin+"/"+key {
			total += len(v)
		}
	}
	if int64(total) > quota {
		return &nvr.Error{Code: nvr.CodeTooMany, Message: "too much is kept"}
	}
	d.values[plugin+"/"+key] = value
	return nil
}

func (d *desk) SignLink(_ context.Context, eventID string, kind nvr.AttachmentKind, valid time.Duration) (string, error) {
	return fmt.Sprintf("https://nvr/%s/%s/%v", eventID, kind, valid), nil
}

func (d *desk) Act(_ context.Context, plugin, token, by string, snooze time.Duration) (string, error) {
	return fmt.Sprintf("%s %s %s %v", plugin, token, by, snooze), nil
}

func (d *desk) Command(_ context.Context, plugin, recipient, text string) (string, []byte, error) {
	return plugin + " " + recipient + " " + text, nil, nil
}

func allPermissions() []string {
	return []string{PermitNetwork + ":example.org", PermitSnapshot, PermitClip, PermitValues, PermitLinks, PermitActions, PermitCommands}
}

func (r *rig) ask(id, to, eventID string) nvr.DeliveryResult {
	r.t.Helper()
	got, err := r.Notify(context.Background(), id, nvr.Alert{
		DeliveryID: "d1", Recipient: to, Phase: nvr.PhaseNew, Previous: "m0", Snapshot: []byte("jpg"),
		Event:   nvr.Event{ID: eventID, Camera: "front", Label: "person", Start: time.Now(), HasSnapshot: true},
		Actions: []nvr.AlertAction{{Kind: nvr.ActionSnooze, Token: "t1", Label: "Snooze"}},
	})
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", to, err, r.log)
	}
	return got
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	d := &desk{values: map[string][]byte{}}
	r := startHost(t, quick(), func(c *Config) {
		if c.ID == "able" {
			c.Permissions = allPermissions()
		} else {
			c.Permissions = []string{}
		}
	}, []string{"able", "good"}, func(o *Options) { o.Callbacks = d })
	s := r.await("able", nvr.PluginRunning, "")
	if strings.Join(s.Capabilities, " ") != "update actions clip" {
		t.Errorf("capabilities %v", s.Capabilities)
	}
	r.await("good", nvr.PluginRunning, "")
	for _, tc := range []struct{ id, to, event, want string }{
		{"able", "host attachments", "e1", `2 attachments, 1 actions, previous "m0"`},
		{"good", "host attachments", "e1", `0 attachments, 0 actions, previous ""`},
		{"able", "host media snapshot", "e1", "204800 bytes of snapshot"},
		{"able", "host media clip", "e1", "larger than 1048576 bytes"},
		{"able", "host media snapshot", "missing", "nothing is recorded"},
		{"able", "host media snapshot", "secret", "Nightjar failed, its log says why"},
		{"able", "host media snapshot", "panics", "Nightjar failed, its log says why"},
		{"able", "host badref", "e1", "not known any more"},
		{"able", "host put a", "e1", "kept"},
		{"able", "host put b", "e1", "too much is kept"},
		{"able", "host get a", "e1", "614400 bytes"},
		{"able", "host get " + strings.Repeat("k", 129), "e1", "1 to 128 characters"},
		{"good", "host get a", "e1", "permission kv"},
		{"good", "host put a", "e1", "permission kv"},
		{"able", "host link e1", "e1", "https://nvr/e1/snapshot/1h0m0s"},
		{"able", "host link e9", "e1", "was not told of this event"},
		{"good", "host link e1", "e1", "permission link.sign"},
		{"able", "host metrics", "e1", "20 metrics at most"},
		{"able", "host act", "e1", "able t1 Anna 1h0m0s"},
		{"good", "host act", "e1", "permission actions"},
		{"able", "host command", "e1", "able chat /status"},
		{"good", "host command", "e1", "permission commands"},
		{"good", "tell", "e1", "hello d1 new 0"}, // no picture without the permission
	} {
		if got := r.ask(tc.id, tc.to, tc.event); !strings.Contains(got.Detail, tc.want) {
			t.Errorf("%s %s: %q, want %q", tc.id, tc.to, got.Detail, tc.want)
		}
	}
	if got := r.ask("able", "update", "e1"); got.Message != "m1 after m0" {
		t.Errorf("%+v", got)
	}
	if log := r.log.String(); !strings.Contains(log, "/data/secret") || !strings.Contains(log, "in the desk") {
		t.Error("our own failures are not in the log")
	}
	// Somebody else finds the socket: neither without the token nor with it.
	sockets, _ := filepath.Glob(filepath.Join(r.dir, "r", "*", hostSocket))
	if len(sockets) != 2 {
		t.Fatalf("sockets %v", sockets)
	}
	conn, err := grpc.NewClient("unix:"+sockets[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = pluginv1.NewHostClient(conn).GetValue(t.Context(), &pluginv1.GetValueRequest{Key: "a"})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a stranger on the socket: %v", err)
	}
}

func TestCallbackToken(t *testing.T) {
	h := &hostServer{token: "right"}
	for _, md := range []metadata.MD{nil, metadata.Pairs(tokenHeader, "wrong"), metadata.Pairs(tokenHeader, "right", tokenHeader, "right")} {
		if err := h.authentic(metadata.NewIncomingContext(t.Context(), md)); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%v: %v", md, err)
		}
	}
	if err := h.authentic(metadata.NewIncomingContext(t.Context(), metadata.Pairs(tokenHeader, "right"))); err != nil {
		t.Error(err)
	}
}

func TestWithoutManifestThereAreNoCallbacks(t *testing.T) {
	t.Parallel()
	r := startHost(t, quick(), func(*Config) {}, []string{"able"}, func(o *Options) { o.Callbacks = &desk{} })
	r.await("able", nvr.PluginRunning, "")
	if got := r.ask("able", "host attachments", "e1"); got.Detail != `0 attachments, 0 actions, previous "m0"` {
		t.Errorf("%+v", got)
	}
	if got := r.ask("able", "host get a", "e1"); !strings.Contains(got.Detail, "permission kv") {
		t.Errorf("%+v", got)
	}
	if got := r.ask("able", "tell", "e1"); !strings.Contains(got.Detail, "new 3") {
		t.Errorf("a picture needs no manifest: %+v", got)
	}
}

func TestRefsEnd(t *testing.T) {
	var r refs
	now := time.Now()
	first := r.hand(nvr.Event{ID: "e"}, nvr.AttachClip, now)
	if _, ok := r.find(first, now.Add(refTime)); ok {
		t.Error("a handle outlives its time")
	}
	for range maxRefs {
		r.hand(nvr.Event{}, nvr.AttachClip, now)
	}
	if _, ok := r.find(first, now); ok || len(r.media) > maxRefs {
		t.Errorf("%d handles are kept", len(r.media))
	}
	for i := range maxTold + 1 {
		r.tell(strconv.Itoa(i))
	}
	if r.wasTold("0") || !r.wasTold("1") {
		t.Error("events told are not bounded")
	}
}

func TestTestMessage(t *testing.T) {
	t.Parallel()
	r := start(t, quick(), "able", "good")
	r.await("able", nvr.PluginRunning, "")
	r.await("good", nvr.PluginRunning, "")
	for _, tc := range []struct {
		id, to string
		want   nvr.DeliveryResult
	}{
		{"able", "anna", nvr.DeliveryResult{Class: nvr.DeliveryOK}},
		{"able", "", nvr.DeliveryResult{Class: nvr.DeliveryBadConfig, Detail: "nobody to test with"}},
		{"good", "", nvr.DeliveryResult{Class: nvr.DeliveryOK}},
		{"good", "permanent", nvr.DeliveryResult{Class: nvr.DeliveryPermanent, Detail: "never"}},
	} {
		if got, err := r.Test(t.Context(), tc.id, tc.to); err != nil || got != tc.want {
			t.Errorf("%s to %q: %+v, %v", tc.id, tc.to, got, err)
		}
	}
	if s := r.status("good"); s.Delivered != 0 || s.Failed != 0 {
		t.Errorf("a test is counted: %+v", s)
	}
	if _, err := r.Test(t.Context(), "nobody", ""); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Error(err)
	}
}
