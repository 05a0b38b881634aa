package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/archive"
	"github.com/nightjar-nvr/nightjar/recorder/archive/s3test"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

var (
	_ playback.Remote = (*archive.Archive)(nil)
	_ fsck.Archive    = (*archive.Archive)(nil)
)

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

// house is everything from a camera's hub to a player.
type house struct {
	t       *testing.T
	hub     *media.Hub
	lib     *library.Library
	rec     *recorder.Manager
	player  *playback.Player
	archive *archive.Archive
	server  *s3test.Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	h := &house{t: t, hub: media.NewHub(), lib: lib, server: s3test.Start(t)}
	vols, idx, logger := library.NewVolumes(lib), memindex.New(), slog.New(slog.DiscardHandler)
	h.rec, err = recorder.New(recorder.Options{Volumes: vols, File: 5 * time.Second, Logger: logger, Metrics: prometheus.NewRegistry()},
		[]recorder.Stream{{ID: front, Hub: h.hub}})
	if err != nil {
		t.Fatal(err)
	}
	feeder, err := feed.New(feed.Options{Library: lib, Index: idx, Logger: logger, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	h.archive, err = archive.New(archive.Options{
		Libraries: vols.There, Endpoint: h.server.Endpoint, Bucket: "evidence", AccessKey: h.server.AccessKey, SecretKey: h.server.SecretKey,
		Poll: 10 * time.Millisecond, Logger: logger, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.player, err = playback.New(playback.Options{
		Volumes: vols, Index: idx, Open: h.rec, Indexed: []playback.Indexed{feeder}, Remote: h.archive, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 3)
	for _, run := range []func(context.Context) error{h.rec.Run, feeder.Run, h.archive.Run} {
		go func() { _ = run(ctx); done <- struct{}{} }()
	}
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			<-done
		}
	})
	h.wait("subscription", func() bool { return h.hub.Readers() == 1 })
	return h
}

func (h *house) wait(what string, cond func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s did not come true; archive: %+v", what, h.archive.Status())
		}
		<-tick.C
	}
}

// publish plays length of clip from start on and waits until all of it is closed.
func (h *house) publish(clip *fmp4test.Clip, start time.Time, length time.Duration) {
	h.t.Helper()
	next := clip.Play(fmp4test.Copy(clip.Desc), start)
	second := start
	for u := next(); u.NTP.Sub(start) < length; u = next() {
		h.hub.Publish(u)
		if u.NTP.Sub(second) > time.Second { // the recorder's queue is bounded
			second = u.NTP
			h.wait("recording", func() bool {
				open := h.rec.Open(front)
				return len(open) > 0 && u.NTP.Sub(open[len(open)-1].End()) < 1500*time.Millisecond
			})
		}
	}
	h.hub.End("cable")
	h.wait("closed files", func() bool { return len(h.rec.Open(front)) == 0 })
}

// recordings returns what the day's journal knows.
func (h *house) recordings(day library.Day) []index.Recording {
	h.t.Helper()
	led, err := h.lib.Ledger(day, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return led.Recordings()
}

// evictAll gives up all local files of a day, as retention does.
func (h *house) evictAll(day library.Day) {
	h.t.Helper()
	var names []int64
	for _, r := range h.recordings(day) {
		if _, ms, err := library.ParseFilePath(r.Path); err == nil {
			names = append(names, ms)
		}
	}
	if err := h.lib.Append(day, library.Line{Files: &library.Files{Change: library.Evicted, MS: names}}); err != nil {
		h.t.Fatal(err)
	}
	if err := h.lib.RemoveFiles(front, names); err != nil {
		h.t.Fatal(err)
	}
}

// serve answers as the HTTP layer does.
func (h *house) serve(r nvr.TimeRange) *httptest.Server {
	send := func(w http.ResponseWriter, f *playback.Range, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer f.Close()
		_, _ = io.Copy(w, f)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /index.m3u8", func(w http.ResponseWriter, req *http.Request) {
		l, err := h.player.Playlist(req.Context(), front, r, "media/")
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = io.WriteString(w, l.Text)
	})
	mux.HandleFunc("GET /media/{ms}/init.mp4", func(w http.ResponseWriter, req *http.Request) {
		ms, _ := strconv.ParseInt(req.PathValue("ms"), 10, 64)
		f, err := h.player.OpenInit(req.Context(), front, ms)
		send(w, f, err)
	})
	mux.HandleFunc("GET /media/{ms}/{range}", func(w http.ResponseWriter, req *http.Request) {
		ms, _ := strconv.ParseInt(req.PathValue("ms"), 10, 64)
		var offset, n int64
		_, _ = fmt.Sscanf(req.PathValue("range"), "%d-%d.m4s", &offset, &n)
		f, err := h.player.OpenRange(req.Context(), front, ms, offset, n)
		send(w, f, err)
	})
	s := httptest.NewServer(mux)
	h.t.Cleanup(s.Close)
	return s
}

// frames decodes what is served and returns a checksum of each picture and piece of sound.
func frames(t *testing.T, url string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "error", "-nostdin", "-i", url+"/index.m3u8", "-map", "0", "-f", "framemd5", "-")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.String())
	}
	return out.String()
}

// TestAnEvictedRecordingPlaysFromTheArchive: recorded, closed, copied, given up locally, and then every picture and piece of
// sound is the same as before.
func TestAnEvictedRecordingPlaysFromTheArchive(t *testing.T) {
	t.Parallel()
	clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac")
	h := newHouse(t)
	start := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	day := library.DayOf(front, start)
	h.publish(clip, start, 17*time.Second)
	h.wait("copies", func() bool {
		recs := h.recordings(day)
		for _, r := range recs {
			if !r.Remote {
				return false
			}
		}
		return len(recs) >= 3
	})
	span := nvr.TimeRange{Start: start, End: start.Add(20 * time.Second)}
	url := h.serve(span).URL
	before := frames(t, url)
	if n := strings.Count(before, "\n0,"); n < 200 {
		t.Fatalf("%d pictures in 17 s, the test is no good", n)
	}
	h.evictAll(day)
	if files, err := h.lib.Files(day); err != nil || len(files) > 0 {
		t.Fatalf("%d files are left, %v", len(files), err)
	}
	h.wait("eviction in the index", func() bool {
		recs, err := h.player.Recordings(t.Context(), front, span)
		return err == nil && len(recs) >= 3 && recs[0].Evicted
	})
	if after := frames(t, url); after != before {
		t.Error("the archive plays something else")
	}

	recs := h.recordings(day)
	_, ms, err := library.ParseFilePath(recs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	s := recs[0].Segments[0]
	h.server.Stop()
	if _, err := h.player.Playlist(t.Context(), front, span, "media/"); err != nil {
		t.Errorf("without the server: no playlist: %v", err)
	}
	if _, err := h.player.OpenRange(t.Context(), front, ms, s.Offset, s.Bytes); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("without the server: %v, want %s", err, nvr.CodeUnavailable)
	}
}
