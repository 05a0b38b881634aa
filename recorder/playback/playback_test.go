package playback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

var epoch = time.Date(2026, 3, 1, 23, 59, 40, 0, time.UTC) // midnight falls into the recording

// rig is a recorder, a feeder with an index in memory, and a player over them.
type rig struct {
	t      *testing.T
	hub    *media.Hub
	rec    *recorder.Manager
	lib    *library.Library
	idx    *memindex.Index
	feeder *feed.Feeder
	player *playback.Player
}

func newRig(t *testing.T) *rig {
	t.Helper()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	g := &rig{t: t, hub: media.NewHub(), lib: lib, idx: memindex.New()}
	g.rec, err = recorder.New(recorder.Options{Volumes: library.NewVolumes(lib), File: 10 * time.Second, Logger: logger, Metrics: prometheus.NewRegistry()},
		[]recorder.Stream{{ID: front, Hub: g.hub}})
	if err != nil {
		t.Fatal(err)
	}
	g.feeder, err = feed.New(feed.Options{Library: lib, Index: g.idx, Logger: logger, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	g.player, err = playback.New(playback.Options{
		Volumes: library.NewVolumes(lib), Index: g.idx, Open: g.rec, Indexed: []playback.Indexed{g.feeder}, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = g.rec.Run(ctx); done <- struct{}{} }()
	go func() { _ = g.feeder.Run(ctx); done <- struct{}{} }()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	g.wait("subscription", func() bool { return g.hub.Readers() == 1 })
	return g
}

func (g *rig) wait(what string, cond func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			g.t.Fatalf("%s did not come true", what)
		}
		<-tick.C
	}
}

// recordedUpTo returns the end of the open file.
func (g *rig) recordedUpTo() time.Time {
	var end time.Time
	for _, r := range g.rec.Open(front) {
		end = r.End()
	}
	return end
}

// session publishes length of clip as a session that starts at start, second by second.
func (g *rig) session(clip *fmp4test.Clip, start time.Time, length time.Duration) {
	g.t.Helper()
	next := clip.Play(fmp4test.Copy(clip.Desc), start)
	second := start
	for {
		u := next()
		if u.NTP.Sub(start) >= length {
			return
		}
		g.hub.Publish(u)
		if u.NTP.Sub(second) > time.Second {
			second = u.NTP
			g.wait("recording up to live minus 2 s", func() bool { return u.NTP.Sub(g.recordedUpTo()) < 1100*time.Millisecond })
		}
	}
}

// serve answers as the HTTP layer will.
func (g *rig) serve(r nvr.TimeRange) *httptest.Server {
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, f *playback.Range, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer f.Close()
		_, _ = io.Copy(w, f)
	}
	mux.HandleFunc("GET /index.m3u8", func(w http.ResponseWriter, req *http.Request) {
		l, err := g.player.Playlist(req.Context(), front, r, "media/front/main/")
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = io.WriteString(w, l.Text)
	})
	mux.HandleFunc("GET /media/front/main/{ms}/init.mp4", func(w http.ResponseWriter, req *http.Request) {
		ms, _ := strconv.ParseInt(req.PathValue("ms"), 10, 64)
		f, err := g.player.OpenInit(req.Context(), front, ms)
		send(w, f, err)
	})
	mux.HandleFunc("GET /media/front/main/{ms}/{range}", func(w http.ResponseWriter, req *http.Request) {
		ms, _ := strconv.ParseInt(req.PathValue("ms"), 10, 64)
		var offset, n int64
		_, _ = fmt.Sscanf(req.PathValue("range"), "%d-%d.m4s", &offset, &n)
		f, err := g.player.OpenRange(req.Context(), front, ms, offset, n)
		send(w, f, err)
	})
	s := httptest.NewServer(mux)
	g.t.Cleanup(s.Close)
	return s
}

func scene(t *testing.T) *fmp4test.Clip {
	return fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac")
}

func (g *rig) playlist(from, to time.Duration) string {
	g.t.Helper()
	l, err := g.player.Playlist(g.t.Context(), front, nvr.TimeRange{Start: epoch.Add(from), End: epoch.Add(to)}, "media/front/main/")
	if err != nil {
		g.t.Fatal(err)
	}
	return l.Text
}

func TestPlaylistOverFilesSessionsAndTheOpenFile(t *testing.T) {
	g := newRig(t)
	clip := scene(t)
	g.session(clip, epoch, 33*time.Second)
	g.hub.End("cable")
	g.session(clip, epoch.Add(40*time.Second), 15*time.Second)
	text := g.playlist(0, time.Minute)
	if n := strings.Count(text, "#EXT-X-DISCONTINUITY"); n != 1 {
		t.Errorf("%d discontinuities, want 1 at the outage", n)
	}
	if n := strings.Count(text, "#EXT-X-MAP"); n != 2 {
		t.Errorf("%d maps, want 2", n)
	}
	if !strings.Contains(text, "#EXT-X-TARGETDURATION:2\n") && !strings.Contains(text, "#EXT-X-TARGETDURATION:3\n") {
		t.Error("target duration is not that of 2 s segments")
	}
	checkWall(t, text)
	// ffmpeg warns of any new init segment; browsers are told by the discontinuity.
	checkDecodes(t, "error", g.serve(nvr.TimeRange{Start: epoch, End: epoch.Add(time.Minute)}).URL, 46*time.Second, 48*time.Second)
	checkDecodes(t, "warning", g.serve(nvr.TimeRange{Start: epoch.Add(13 * time.Second), End: epoch.Add(21 * time.Second)}).URL, 8*time.Second, 12*time.Second)

	// The same, byte for byte, whatever of it is in the index.
	same := 0
	g.wait("last batch written", func() bool {
		before := text
		if text = g.playlist(0, time.Minute); text == before {
			same++
		} else {
			same = 0
		}
		return same == 50
	})
	g.idx.Fail(errors.New("database is away"))
	if got := g.playlist(0, time.Minute); got != text {
		t.Errorf("without the index the playlist differs:\n%s", got)
	}
	g.idx.Fail(nil)

	c, err := g.player.Coverage(t.Context(), front, nvr.TimeRange{Start: epoch.Add(-time.Hour), End: epoch.Add(50 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Runs) != 2 || c.Runs[0].Duration().Round(time.Second) != 33*time.Second || !c.Runs[0].Start.Equal(epoch) {
		t.Errorf("coverage %+v", c.Runs)
	}
	if len(c.Gaps) != 1 || c.Gaps[0].Reason != index.GapOffline || c.Gaps[0].Detail != "cable" {
		t.Errorf("gaps %+v", c.Gaps)
	}
}

// checkWall compares EXTINF with the distances of PROGRAM-DATE-TIME within runs, and demands contiguous bytes.
func checkWall(t *testing.T, text string) {
	t.Helper()
	var at time.Time
	for block := range strings.SplitSeq(text, "#EXT-X-PROGRAM-DATE-TIME:") {
		lines := strings.Split(block, "\n")
		pdt, err := time.Parse(time.RFC3339, lines[0])
		if err != nil {
			continue
		}
		secs, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(lines[1], "#EXTINF:"), ","), 64)
		if err != nil {
			t.Fatalf("no duration in %q", block)
		}
		if d := pdt.Sub(at); !at.IsZero() && d.Abs() > 2*time.Millisecond && d < 5*time.Second {
			t.Errorf("segment at %v, the one before ended at %v", pdt, at)
		}
		at = pdt.Add(time.Duration(secs * float64(time.Second)))
	}
}

// checkDecodes plays a playlist in ffmpeg: no complaint, timestamps that grow, all pictures decoded.
func checkDecodes(t *testing.T, level, url string, least, most time.Duration) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, "ffprobe"), "-v", level, "-show_entries", "packet=stream_index,dts_time,duration_time", "-of", "json", url+"/index.m3u8")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v: %s", err, stderr.String())
	}
	var p struct {
		Packets []struct {
			Stream int    `json:"stream_index"`
			DTS    string `json:"dts_time"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	last := map[int]float64{0: -1, 1: -1}
	video := 0
	for _, k := range p.Packets {
		dts, err := strconv.ParseFloat(k.DTS, 64)
		if err != nil || dts <= last[k.Stream] && last[k.Stream]-dts < 1 {
			t.Fatalf("stream %d: dts %s after %f", k.Stream, k.DTS, last[k.Stream])
		}
		last[k.Stream] = dts
		if k.Stream == 0 {
			video++
		}
	}
	if got := time.Duration(video) * time.Second / 15; got < least || got > most {
		t.Errorf("%v of pictures, want %v to %v", got, least, most)
	}
}

func TestAChangeOfCodecsEndsThePlaylist(t *testing.T) {
	g := newRig(t)
	g.session(scene(t), epoch, 6*time.Second)
	g.hub.End("changed")
	silent := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-an")
	g.session(silent, epoch.Add(10*time.Second), 6*time.Second)
	r := nvr.TimeRange{Start: epoch, End: epoch.Add(time.Minute)}
	first, err := g.player.Playlist(t.Context(), front, r, "")
	if err != nil {
		t.Fatal(err)
	}
	if !first.Next.Equal(epoch.Add(10*time.Second)) || strings.Contains(first.Text, "DISCONTINUITY") {
		t.Fatalf("next is %v in\n%s", first.Next, first.Text)
	}
	second, err := g.player.Playlist(t.Context(), front, nvr.TimeRange{Start: first.Next, End: r.End}, "")
	if err != nil || !second.Next.IsZero() || !second.Range.Start.Equal(first.Next) {
		t.Errorf("second playlist over %+v, next %v, error %v", second.Range, second.Next, err)
	}
}

var segmentLine = regexp.MustCompile(`(?m)^media/front/main/(\d+)/(\d+)-(\d+)\.m4s$`)

func TestNamesAreImmutableAndNothingElseExists(t *testing.T) {
	g := newRig(t)
	clip := scene(t)
	next := clip.Play(fmp4test.Copy(clip.Desc), epoch)
	seen := make(map[string][]byte)
	end := epoch
	for range 12 {
		end = end.Add(1300 * time.Millisecond)
		for {
			u := next()
			g.hub.Publish(u)
			if u.NTP.After(end) {
				g.wait("recording", func() bool { return u.NTP.Sub(g.recordedUpTo()) < 1100*time.Millisecond })
				break
			}
		}
		for _, m := range segmentLine.FindAllStringSubmatch(g.playlist(0, time.Minute), -1) {
			seen[m[0]] = nil
		}
		for name, before := range seen {
			m := segmentLine.FindStringSubmatch(name)
			now := g.read(m[1], m[2], m[3])
			if before != nil && !bytes.Equal(before, now) {
				t.Errorf("%s changed", name)
			}
			seen[name] = now
		}
	}
	ms := epoch.UnixMilli()
	for _, r := range [][3]int64{
		{ms, -1, 10}, {ms, 0, 0}, {ms, 0, 1 << 40}, {ms, 1 << 62, 1 << 62}, {ms, 100, -5}, {ms + 1, 0, 10}, {-1, 0, 10}, {1 << 62, 0, 10},
	} {
		f, err := g.player.OpenRange(t.Context(), front, r[0], r[1], r[2])
		if nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("range %v: error %v", r, err)
		}
		if f != nil {
			t.Errorf("range %v was opened", r)
		}
	}
	if _, err := g.player.OpenInit(t.Context(), nvr.StreamID{Camera: "../front", Role: "main"}, ms); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("escaping stream: error %v", err)
	}
	for name, r := range map[string]nvr.TimeRange{
		"empty":    {Start: epoch, End: epoch},
		"too long": {Start: epoch, End: epoch.Add(26 * time.Hour)},
	} {
		if _, err := g.player.Playlist(t.Context(), front, r, ""); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%s range: error %v", name, err)
		}
	}
	past := nvr.TimeRange{Start: epoch.Add(-time.Hour), End: epoch.Add(-time.Minute)}
	if _, err := g.player.Playlist(t.Context(), front, past, ""); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("nothing recorded: error %v", err)
	}
}

func (g *rig) read(ms, offset, n string) []byte {
	g.t.Helper()
	num := func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v }
	f, err := g.player.OpenRange(g.t.Context(), front, num(ms), num(offset), num(n))
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != num(n) {
		g.t.Fatalf("read %d of %s bytes: %v", len(b), n, err)
	}
	return b
}
