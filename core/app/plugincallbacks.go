package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

// pluginOptions are the plugin host's.
func (a *App) pluginOptions() pluginhost.Options {
	o := pluginhost.Options{
		RunDir: filepath.Join(a.cfg.DataDir, "run"), Version: a.version, Callbacks: a.callbacks(), Cgroups: true,
	}
	if exe, err := os.Executable(); err == nil {
		o.Launcher = pluginhost.Launcher(exe)
	}
	return o
}

func (a *App) callbacks() *pluginCallbacks { return &pluginCallbacks{app: a} }

// pluginCallbacks is what plugins may ask of Nightjar, put together from the parts that know it.
type pluginCallbacks struct{ app *App }

// Of a clip: what is shown before and after the event, and how much of a long event.
const (
	clipBefore  = 5 * time.Second
	clipAfter   = 3 * time.Second
	clipLongest = time.Minute
	clipLeast   = 5 * time.Second
)

// OpenMedia implements pluginhost.Callbacks.
func (p *pluginCallbacks) OpenMedia(ctx context.Context, e nvr.Event, kind nvr.AttachmentKind, maxBytes int64) (io.ReadCloser, error) {
	f, err := p.open(ctx, e, kind, maxBytes)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (p *pluginCallbacks) open(ctx context.Context, e nvr.Event, kind nvr.AttachmentKind, maxBytes int64) (*mediaFile, error) {
	if kind == nvr.AttachClip {
		return p.clip(ctx, e, maxBytes)
	}
	b, err := (&pictures{events: p.app.events}).Snapshot(ctx, e)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > maxBytes {
		return nil, &nvr.Error{Code: nvr.CodeTooMany, Message: fmt.Sprintf("the picture has %d bytes, %d are asked for at most", len(b), maxBytes)}
	}
	return &mediaFile{ReadSeeker: bytes.NewReader(b), size: int64(len(b)), close: func() error { return nil }}, nil
}

// mediaFile is media in memory, or in a file that is gone once it is closed.
type mediaFile struct {
	io.ReadSeeker
	size  int64
	close func() error
}

// Close implements io.Closer.
func (f *mediaFile) Close() error { return f.close() }

// clip makes the film of an event. One that would be too large is made shorter, from its begin.
func (p *pluginCallbacks) clip(ctx context.Context, e nvr.Event, maxBytes int64) (*mediaFile, error) {
	x, err := p.app.record.get()
	if err != nil {
		return nil, err
	}
	// The event may have gone on since the alert was written.
	if now, err := p.app.store.Event(ctx, e.ID); err == nil {
		e = now
	}
	span := nvr.TimeRange{Start: e.Start.Add(-clipBefore), End: time.Now()}
	if !e.Ongoing() {
		span.End = e.End.Add(clipAfter)
	}
	if span.End.Sub(span.Start) > clipLongest {
		span.End = span.Start.Add(clipLongest)
	}
	f, err := os.CreateTemp("", "nightjar-clip-*.mp4")
	if err != nil {
		return nil, fmt.Errorf("make a file for a film: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return nil, errors.Join(fmt.Errorf("make a file for a film: %w", err), f.Close())
	}
	if err := p.writeClip(ctx, x, e.Camera, span, maxBytes, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read a film: %w", err), f.Close())
	}
	return &mediaFile{ReadSeeker: f, size: size, close: f.Close}, nil
}

func (p *pluginCallbacks) writeClip(ctx context.Context, x *running, camera nvr.CameraID, span nvr.TimeRange, maxBytes int64, f *os.File) error {
	stream := nvr.StreamID{Camera: camera, Role: nvr.Main}
	for {
		_, err := export.Clip(ctx, export.FromPlayback(x.player), stream, span, maxBytes-maxBytes/16, f)
		half := span.End.Sub(span.Start) / 2
		if nvr.ErrorCode(err) != nvr.CodeTooMany || half < clipLeast {
			return err
		}
		span.End = span.Start.Add(half)
	}
}

// Value implements pluginhost.Callbacks.
func (p *pluginCallbacks) Value(ctx context.Context, plugin, key string) ([]byte, error) {
	return p.app.store.PluginValue(ctx, plugin, key)
}

// SetValue implements pluginhost.Callbacks.
func (p *pluginCallbacks) SetValue(ctx context.Context, plugin, key string, value []byte, quota int64) error {
	err := p.app.store.SetPluginValue(ctx, plugin, key, value, quota)
	if err == nil && len(value) == 0 {
		p.app.forgetBrowser(ctx, plugin, key)
	}
	return err
}

// sharedEvent begins the ids that links to events carry; no export has such an id.
const sharedEvent = "event:"

// SignLink implements pluginhost.Callbacks.
func (p *pluginCallbacks) SignLink(_ context.Context, eventID string, kind nvr.AttachmentKind, valid time.Duration) (string, error) {
	base := p.app.cfg.HTTP.PublicURL
	if base == "" {
		return "", &nvr.Error{Code: nvr.CodeConflict, Message: "Nightjar does not know its own address, set http.public_url"}
	}
	token := p.app.record.links.Sign(sharedEvent+eventID, string(kind), time.Now().Add(valid))
	return base + "/api/v1/shared-events/" + token, nil
}

// OpenShared implements the API's links to events.
func (p *pluginCallbacks) OpenShared(ctx context.Context, token string) (io.ReadSeekCloser, int64, string, string, error) {
	id, kind, err := p.app.record.links.Check(token, time.Now())
	if err != nil {
		return nil, 0, "", "", err
	}
	eventID, ok := strings.CutPrefix(id, sharedEvent)
	if !ok {
		return nil, 0, "", "", &nvr.Error{Code: nvr.CodeForbidden, Message: "this link is not valid; ask for a new one"}
	}
	e, err := p.app.store.Event(ctx, eventID)
	if err != nil {
		return nil, 0, "", "", err
	}
	mime, name := "image/jpeg", "snapshot.jpg"
	if kind == string(nvr.AttachClip) {
		mime, name = "video/mp4", "clip.mp4"
	}
	const most = 64 << 20
	f, err := p.open(ctx, e, nvr.AttachmentKind(kind), most)
	if err != nil {
		return nil, 0, "", "", err
	}
	return f, f.size, mime, name, nil
}

// Act implements pluginhost.Callbacks.
func (p *pluginCallbacks) Act(ctx context.Context, plugin, token, by string, snooze time.Duration) (string, error) {
	return p.app.people.Act(ctx, plugin, token, by, snooze)
}

// Command implements pluginhost.Callbacks.
func (p *pluginCallbacks) Command(ctx context.Context, plugin, recipient, text string) (string, []byte, error) {
	return p.app.people.Command(ctx, plugin, recipient, text)
}
