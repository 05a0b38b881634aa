package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 3, 1, 22, 59, 30, 0, time.UTC) // an hour ends half a minute later

// rig is previews of one camera, on a real directory.
type rig struct {
	t    testing.TB
	dir  string
	hub  *media.Hub
	p    *Previews
	cam  *camera
	reg  *prometheus.Registry
	now  func() time.Time
	wrap func(library.FS) library.FS
	stop func()
}

func newRig(t testing.TB) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), now: func() time.Time { return epoch }, wrap: func(f library.FS) library.FS { return f }}
	g.start()
	return g
}

// start begins a process on the rig's directory.
func (g *rig) start() {
	g.t.Helper()
	lib, err := library.Open(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	g.hub, g.reg = media.NewHub(), prometheus.NewRegistry()
	g.p, err = New(Options{
		FS: g.wrap(lib.FS()), Streams: []Stream{{Camera: "front", Hub: g.hub}}, Metrics: g.reg, Now: g.now,
		Logger: slog.New(slog.NewTextHandler(g.t.Output(), nil)),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	g.cam = g.p.cameras["front"]
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = g.p.Run(ctx); close(done) }()
	ended := false
	g.stop = func() {
		if !ended {
			ended = true
			cancel()
			<-done
			if err := lib.Close(); err != nil {
				g.t.Error(err)
			}
		}
	}
	g.t.Cleanup(g.stop)
	g.wait("subscription", func() bool { return g.hub.Readers() == 1 })
}

func (g *rig) wait(what string, cond func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			g.t.Fatalf("%s did not come true", what)
		}
		<-tick.C
	}
}

// count returns a counter of the camera, over all reasons.
func (g *rig) count(name string) (n float64) {
	g.t.Helper()
	families, err := g.reg.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "nvr_preview_"+name {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func (g *rig) latest() time.Time {
	g.cam.mu.Lock()
	defer g.cam.mu.Unlock()
	return g.cam.latest
}

// idle reports that everything taken was encoded.
func (g *rig) idle() bool {
	g.cam.mu.Lock()
	defer g.cam.mu.Unlock()
	return !g.cam.full && !g.cam.ended
}

// session publishes length of clip as a session that starts at start.
func (g *rig) session(clip *fmp4test.Clip, start time.Time, length time.Duration) {
	g.t.Helper()
	next := clip.Play(fmp4test.Copy(clip.Desc), start)
	checked := start
	for {
		u := next()
		if u.NTP.Sub(start) >= length {
			return
		}
		g.hub.Publish(u)
		if u.NTP.Sub(checked) > 5*time.Second {
			checked = u.NTP
			g.wait("previews up to live minus 4 s", func() bool { return u.NTP.Sub(g.latest()) < 4*time.Second })
		}
	}
}

// end ends the session and waits for the file to close.
func (g *rig) end() {
	g.t.Helper()
	g.hub.End("cable")
	g.wait("the end of the file", func() bool {
		g.cam.mu.Lock()
		defer g.cam.mu.Unlock()
		return !g.cam.full && !g.cam.ended && g.cam.file == nil
	})
}

func (g *rig) path(hour time.Time) string {
	return filepath.Join(g.dir, hourPath("front", hour))
}

// film is what ffprobe says of a file.
type film struct {
	width, height int
	pts           []float64 // seconds
	keys          []int     // indexes of key pictures
}

// probe reads a file with ffprobe and decodes it with ffmpeg; any word of theirs fails the test.
func probe(t testing.TB, name string) film {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), fmp4test.Tool(t, "ffprobe"), "-v", "warning", "-show_streams", "-show_packets", "-of", "json", name)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v: %s", err, stderr.String())
	}
	var p struct {
		Streams []struct {
			Width, Height int
			Codec         string `json:"codec_name"`
		}
		Packets []struct {
			PTS   string `json:"pts_time"`
			Flags string
		}
	}
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Streams) != 1 || p.Streams[0].Codec != "h264" {
		t.Fatalf("streams %+v", p.Streams)
	}
	f := film{width: p.Streams[0].Width, height: p.Streams[0].Height}
	for i, k := range p.Packets {
		pts, err := strconv.ParseFloat(k.PTS, 64)
		if err != nil {
			t.Fatal(err)
		}
		f.pts = append(f.pts, pts)
		if strings.HasPrefix(k.Flags, "K") {
			f.keys = append(f.keys, i)
		}
	}
	if n := len(decoded(t, name, f)); n != len(f.pts) {
		t.Fatalf("ffmpeg decodes %d of %d pictures", n, len(f.pts))
	}
	return f
}

// decoded returns the luma of each picture of a file.
func decoded(t testing.TB, name string, f film) [][]byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), fmp4test.Tool(t, "ffmpeg"), "-v", "warning", "-xerror", "-i", name, "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("decode: %v: %s", err, stderr.String())
	}
	var out [][]byte
	for size := f.width * f.height; len(raw) >= size; raw = raw[size:] {
		out = append(out, raw[:size])
	}
	return out
}

// check demands 180p, about a picture a second from from to to in media time, and groups of at most ten.
func (f film) check(t testing.TB, width int, from, to float64) {
	t.Helper()
	if f.width != width || f.height != 180 {
		t.Errorf("%dx%d, want %dx180", f.width, f.height, width)
	}
	if len(f.pts) == 0 || math.Abs(f.pts[0]-from) > 1 || math.Abs(f.pts[len(f.pts)-1]-to) > 4 {
		t.Fatalf("pictures at %v, want from %v to about %v", f.pts, from, to)
	}
	for i := 1; i < len(f.pts); i++ {
		if d := f.pts[i] - f.pts[i-1]; d < 0.95 || d > 1.6 {
			t.Errorf("picture %d is %.3f s behind the one before", i, d)
		}
	}
	last := -1
	for _, k := range append(f.keys, len(f.pts)) {
		if last < 0 && k != 0 || k-last > 10 {
			t.Errorf("key pictures %v, of %d", f.keys, len(f.pts))
		}
		last = k
	}
}

func video(t testing.TB, name string, args ...string) *fmp4test.Clip {
	t.Helper()
	all := []string{"-i", fmp4test.Path(t, "videos/"+name), "-an"}
	if len(args) == 0 {
		args = []string{"-c:v", "copy"}
	}
	return fmp4test.Load(t, append(all, args...)...)
}

// Real footage, with the key pictures that cameras have, over the end of an hour.
func TestPreviewsOfRealFootage(t *testing.T) {
	for name, c := range map[string]struct {
		clip   string
		args   []string
		width  int
		decode float64 // at most so many decoded units per picture
	}{
		"key picture each 2 s":   {"counter_sub.mp4", nil, 320, 10},
		"key picture each 1 s":   {"counter_sub.mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "15"}, 320, 2},
		"key picture each 1.5 s": {"counter_sub.mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "22", "-sc_threshold", "0"}, 320, 2},
		"key picture each 4 s":   {"pedestrians_sub.mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "60", "-sc_threshold", "0"}, 240, 13},
		"h265 with b-frames":     {"counter_sub.mp4", []string{"-t", "20", "-vf", "scale=320:180", "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=none:bframes=2:keyint=30"}, 320, 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.session(video(t, c.clip, c.args...), epoch, 60*time.Second)
			g.end()
			hour := epoch.Truncate(time.Hour)
			probe(t, g.path(hour)).check(t, c.width, 3570, 3600)
			second := probe(t, g.path(hour.Add(time.Hour)))
			second.check(t, c.width, 0, 30)
			pictures, units := g.count("pictures_total"), g.count("decoded_units_total")
			if units > c.decode*pictures+60 { // the first groups are decoded whole, until their length is known
				t.Errorf("%v units decoded for %v pictures", units, pictures)
			}
			if n := g.count("dropped_total"); n > 0 {
				t.Errorf("%v dropped", n)
			}
			t.Logf("%v pictures, %v units decoded, %v bytes", pictures, units, g.count("bytes_total"))
		})
	}
}

// The open hour plays while it is written, and no byte that was there changes.
func TestOpenHourPlays(t *testing.T) {
	g := newRig(t)
	clip := video(t, "counter_sub.mp4")
	start := epoch.Add(-20 * time.Minute)
	hour := start.Truncate(time.Hour)
	next := clip.Play(clip.Desc, start)
	var before []byte
	for second := 15; second <= 45; second += 15 {
		for {
			u := next()
			g.hub.Publish(u)
			if u.NTP.Sub(start) >= time.Duration(second)*time.Second {
				break
			}
		}
		var b []byte
		g.wait("the hour to grow", func() bool {
			r, size, open, err := g.p.Open("front", hour)
			if err != nil {
				return false
			}
			defer r.Close()
			if b, err = io.ReadAll(r); err != nil || int64(len(b)) != size || !open {
				t.Fatalf("%d of %d bytes, open %v, %v", len(b), size, open, err)
			}
			list, err := g.p.List("front", nvr.TimeRange{Start: hour, End: hour.Add(time.Hour)})
			if err != nil || len(list) != 1 || !list[0].Open {
				t.Fatalf("list %+v, %v", list, err)
			}
			return list[0].End.Sub(start) > time.Duration(second-9)*time.Second
		})
		if !bytes.HasPrefix(b, before) {
			t.Fatal("bytes of the open hour have changed")
		}
		before = b
		name := filepath.Join(t.TempDir(), "open.mp4")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		from := start.Sub(hour).Seconds()
		f := probe(t, name)
		if f.pts[0] != from || f.pts[len(f.pts)-1] < from+float64(second)-11 {
			t.Errorf("after %d s: pictures from %v to %v", second, f.pts[0], f.pts[len(f.pts)-1])
		}
	}
}

// A restart goes on in the same file, after a tear too.
func TestRestartAppends(t *testing.T) {
	g := newRig(t)
	clip := video(t, "counter_sub.mp4")
	start := epoch.Truncate(time.Hour)
	name := g.path(start)
	g.session(clip, start, 12*time.Second)
	g.stop()
	first, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// A crash left half a part, as one does at any byte of it.
	if err := os.WriteFile(name, append(bytes.Clone(first), first[len(first)-700:len(first)-80]...), 0o600); err != nil {
		t.Fatal(err)
	}
	g.now = func() time.Time { return start.Add(10 * time.Minute) }
	g.start()
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, first) {
		t.Errorf("the tear is still there: %d bytes, want %d, %v", len(b), len(first), err)
	}
	g.session(clip, start.Add(10*time.Minute), 12*time.Second)
	g.end()
	b, err := os.ReadFile(name)
	if err != nil || !bytes.HasPrefix(b, first) || len(b) <= len(first) {
		t.Fatalf("the file was not gone on with: %d bytes after %d, %v", len(b), len(first), err)
	}
	f := probe(t, name)
	jumps := 0
	for i := 1; i < len(f.pts); i++ {
		if d := f.pts[i] - f.pts[i-1]; d > 2 {
			jumps++
			if f.pts[i] != 600 {
				t.Errorf("goes on at %v, want 600", f.pts[i])
			}
		}
	}
	if jumps != 1 || f.pts[0] != 0 {
		t.Errorf("%d jumps, pictures at %v", jumps, f.pts)
	}
	l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b)))
	if err != nil || l.Size != int64(len(b)) {
		t.Errorf("scan: %d of %d bytes, %v", l.Size, len(b), err)
	}
}

// Each tear of a file leaves what is whole before it.
func TestTornFiles(t *testing.T) {
	g := newRig(t)
	start := epoch.Truncate(time.Hour)
	name := g.path(start)
	g.session(video(t, "counter_sub.mp4", "-t", "12", "-c:v", "copy"), start, 12*time.Second)
	g.end()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := fmp4.Scan(bytes.NewReader(whole), int64(len(whole)))
	if err != nil || len(l.Parts) < 2 {
		t.Fatal(err)
	}
	for cut := 1; cut < len(whole); cut += 211 {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		for _, p := range l.Parts {
			if p.Offset+p.Bytes <= int64(cut) {
				want = p.Offset + p.Bytes
			}
		}
		g.p.recover()
		info, err := os.Stat(name)
		if want == 0 && !os.IsNotExist(err) || want > 0 && (err != nil || info.Size() != want) {
			t.Fatalf("cut at %d: %v, want %d bytes", cut, err, want)
		}
	}
}

// Media time is the time in the hour, to the picture: the picture at second s shows what was there then.
func TestTimeMapping(t *testing.T) {
	clip := fmp4test.Load(t, "-f", "lavfi", "-i", "color=gray:size=80x45:rate=15:duration=40",
		"-vf", "geq=lum='16+219*mod(floor(N/pow(2,floor(X/8))),2)':cb=128:cr=128,scale=640:360:flags=neighbor", "-pix_fmt", "yuv420p", "-g", "30", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0")
	g := newRig(t)
	start := epoch.Truncate(time.Hour).Add(7*time.Minute + 123*time.Millisecond)
	g.session(clip, start, 38*time.Second)
	g.end()
	name := g.path(start.Truncate(time.Hour))
	f := probe(t, name)
	f.check(t, 320, 420.123, 458)
	for i, pix := range decoded(t, name, f) {
		n := 0
		for bit := range 10 {
			if pix[90*320+bit*32+16] > 126 {
				n |= 1 << bit
			}
		}
		want := 420.123 + float64(n)/15
		if math.Abs(f.pts[i]-want) > 0.001 {
			t.Errorf("picture %d, taken at %.3f, is shown at %.3f", n, want, f.pts[i])
		}
	}
}

// When a camera changes its size within an hour, the hour keeps its own, with bars where the shape differs.
func TestSizeChange(t *testing.T) {
	g := newRig(t)
	start := epoch.Truncate(time.Hour)
	g.session(video(t, "counter_sub.mp4"), start, 6*time.Second)
	g.end()
	g.session(video(t, "pedestrians_sub.mp4"), start.Add(20*time.Second), 6*time.Second)
	g.end()
	g.session(video(t, "parking_main_1080p.mp4", "-t", "8", "-c:v", "copy"), start.Add(40*time.Second), 6*time.Second)
	g.end()
	f := probe(t, g.path(start))
	if f.width != 320 || f.height != 180 || len(f.pts) < 15 {
		t.Fatalf("%dx%d, %d pictures", f.width, f.height, len(f.pts))
	}
	for i, pix := range decoded(t, g.path(start), f) {
		dark := pix[90*320+10] < 8 && pix[90*320+310] < 8
		if four := f.pts[i] > 19 && f.pts[i] < 39; dark != four {
			t.Errorf("picture at %v: bars %v, want %v", f.pts[i], dark, four)
		}
	}
}

// The clock goes back by some minutes: what was there stays, until time has caught up.
func TestClockSetBack(t *testing.T) {
	g := newRig(t)
	clip := video(t, "counter_sub.mp4")
	start := epoch.Truncate(time.Hour).Add(20 * time.Minute)
	g.session(clip, start, 12*time.Second)
	g.end()
	g.session(clip, start.Add(-10*time.Minute), 6*time.Second)
	g.end()
	g.session(clip, start.Add(30*time.Second), 6*time.Second)
	g.end()
	f := probe(t, g.path(start.Truncate(time.Hour)))
	for i := 1; i < len(f.pts); i++ {
		if f.pts[i] <= f.pts[i-1] {
			t.Errorf("picture %d at %v behind %v", i, f.pts[i], f.pts[i-1])
		}
	}
	if f.pts[0] != 1200 || f.pts[len(f.pts)-1] < 1233 || g.count("dropped_total") < 5 {
		t.Errorf("pictures at %v, %v dropped", f.pts, g.count("dropped_total"))
	}
}

func TestListOpenAndPrune(t *testing.T) {
	g := newRig(t)
	clip := video(t, "counter_sub.mp4")
	start := epoch.Truncate(time.Hour)
	for h := range 4 { // 22:00 to 01:00
		g.session(clip, start.Add(time.Duration(h)*time.Hour), 6*time.Second)
	}
	g.end()
	for _, junk := range []string{"front/2026-03-01/x.mp4", "front/2026-03-01/24.mp4", "front/junk/00.mp4", "front/2026-03-01/22.mp4.bak"} {
		name := filepath.Join(g.dir, root, junk)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.now = func() time.Time { return start.Add(24 * time.Hour) }
	g.stop()
	g.start()
	list := func(from, to time.Duration) string {
		l, err := g.p.List("front", nvr.TimeRange{Start: start.Add(from), End: start.Add(to)})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, h := range l {
			if h.Open || h.End.Sub(h.Start) != time.Hour || h.Path != hourPath("front", h.Start) {
				t.Errorf("hour %+v", h)
			}
			out = append(out, h.Start.Format("15"))
		}
		return strings.Join(out, " ")
	}
	for want, r := range map[string][2]time.Duration{
		"22 23 00 01": {-time.Hour, 24 * time.Hour}, "23 00": {time.Hour, 3 * time.Hour}, "22": {30 * time.Minute, time.Hour}, "": {4 * time.Hour, 9 * time.Hour},
	} {
		if got := list(r[0], r[1]); got != want {
			t.Errorf("%v to %v: %q, want %q", r[0], r[1], got, want)
		}
	}
	for _, c := range []struct {
		id   nvr.CameraID
		hour time.Time
	}{{"back", start}, {"../front", start}, {"front", start.Add(time.Minute)}, {"front", start.Add(9 * time.Hour)}} {
		if r, _, _, err := g.p.Open(c.id, c.hour); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("open %s %v: %v %v", c.id, c.hour, r, err)
		}
	}
	r, size, open, err := g.p.Open("front", start)
	if err != nil || open || size == 0 {
		t.Fatalf("open: %d bytes, open %v, %v", size, open, err)
	}
	if end, err := r.Seek(0, io.SeekEnd); err != nil || end != size {
		t.Errorf("ends at %d of %d, %v", end, size, err)
	}
	r.Close()
	prune := func(before time.Duration) {
		if err := g.p.Prune(t.Context(), map[nvr.CameraID]time.Time{"front": start.Add(before), "none": start, "../x": start}); err != nil {
			t.Error(err)
		}
	}
	prune(2*time.Hour - time.Second)
	if got := list(-time.Hour, 24*time.Hour); got != "23 00 01" {
		t.Errorf("after pruning: %q", got)
	}
	prune(3 * time.Hour)
	if got := list(-time.Hour, 24*time.Hour); got != "01" {
		t.Errorf("after pruning: %q", got)
	}
	prune(5 * time.Hour)
	if _, err := os.Stat(filepath.Dir(g.path(start.Add(3 * time.Hour)))); !os.IsNotExist(err) {
		t.Errorf("the empty day is still there: %v", err)
	}
	if err := g.p.Prune(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	good := Options{FS: lib.FS(), Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	for name, change := range map[string]func(*Options){
		"no file system": func(o *Options) { o.FS = nil },
		"no hub":         func(o *Options) { o.Streams = []Stream{{Camera: "a"}} },
		"twice":          func(o *Options) { o.Streams = []Stream{{"a", media.NewHub()}, {"a", media.NewHub()}} },
		"quality":        func(o *Options) { o.CRF = 99 },
	} {
		o := good
		o.Metrics = prometheus.NewRegistry()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
