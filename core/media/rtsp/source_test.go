package rtsp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clips are encodings a camera may send.
var clips = map[string][]string{
	"h264 aac":  {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac"},
	"b frames":  {"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-c:a", "aac"},
	"h265 opus": {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0", "-tag:v", "hvc1", "-c:a", "libopus"},
	"h265 b":    {"-c:v", "libx265", "-preset", "veryfast", "-x265-params", "log-level=none:bframes=3", "-tag:v", "hvc1", "-an"},
	"slices":    {"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "slices=4", "-an"},
	"large":     {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-s", "640x480", "-c:a", "aac"},
}

func clip(t testing.TB, name string) string { return fakecamera.Encode(t, clips[name]...) }

// session runs a Source and collects what it publishes.
type session struct {
	t      *testing.T
	hub    *media.Hub
	reader *media.Reader
	source *rtsp.Source
	cancel context.CancelFunc
	ended  chan error
	queue  []*media.AccessUnit
}

func start(t *testing.T, cfg rtsp.SourceConfig) *session {
	t.Helper()
	src, err := rtsp.NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, hub: media.NewHub(), source: src, ended: make(chan error, 1)}
	s.reader = s.hub.Subscribe(media.ReaderOptions{Capacity: 4096})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.ended <- src.Run(ctx, s.hub) }()
	t.Cleanup(func() {
		cancel()
		s.reader.Close()
		select {
		case <-s.ended:
		case <-time.After(15 * time.Second):
			t.Error("source did not end")
		}
	})
	return s
}

// next returns the next unit.
func (s *session) next() *media.AccessUnit {
	s.t.Helper()
	for len(s.queue) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		units, err := s.reader.Read(ctx)
		cancel()
		if err != nil {
			select {
			case err := <-s.ended:
				s.ended <- err
				s.t.Fatalf("session ended: %v", err)
			default:
			}
			s.t.Fatalf("no unit: %v", err)
		}
		s.queue = append(s.queue, units...)
	}
	u := s.queue[0]
	s.queue = s.queue[1:]
	return u
}

// until reads units up to the first that ok accepts.
func (s *session) until(ok func(*media.AccessUnit) bool) *media.AccessUnit {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		u := s.next()
		if u.End() {
			s.t.Fatalf("session ended: %s", u.Reason)
		}
		if ok(u) {
			return u
		}
	}
	s.t.Fatal("the unit waited for did not come")
	return nil
}

// fail waits for the session's error.
func (s *session) fail() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(20 * time.Second):
		s.t.Fatal("session did not end")
		return nil
	}
}

// checker verifies what every reader relies on.
type checker struct {
	t    *testing.T
	desc *media.Description
	dts  map[int]int64
	ntp  map[int]time.Time
	n    map[int]int
	keys int

	reordered int
}

func newChecker(t *testing.T) *checker {
	return &checker{t: t, dts: map[int]int64{}, ntp: map[int]time.Time{}, n: map[int]int{}}
}

func (c *checker) add(u *media.AccessUnit) {
	c.t.Helper()
	track := u.Desc.Tracks[u.Track]
	if c.desc == nil && (!u.Key || !track.Video()) {
		c.t.Fatal("the first unit is no key picture")
	}
	if c.desc != nil && u.Desc != c.desc && (!u.Key || !track.Video()) {
		c.t.Fatal("a new description without a key picture")
	}
	c.desc = u.Desc
	if last, ok := c.dts[u.Track]; ok && u.DTS <= last {
		c.t.Fatalf("track %d: DTS %d after %d", u.Track, u.DTS, last)
	}
	if u.PTS < u.DTS || u.DTS < 0 {
		c.t.Fatalf("track %d: PTS %d before DTS %d", u.Track, u.PTS, u.DTS)
	}
	if u.PTS != u.DTS {
		c.reordered++
	}
	c.dts[u.Track] = u.DTS
	at := u.NTP.Add(-time.Duration(u.PTS-u.DTS) * time.Second / time.Duration(track.ClockRate))
	if last, ok := c.ntp[u.Track]; ok && at.Before(last) {
		c.t.Fatalf("track %d: wall time goes back by %v", u.Track, last.Sub(at))
	}
	c.ntp[u.Track] = at
	if late := time.Since(u.NTP); late > time.Second || late < -200*time.Millisecond {
		c.t.Fatalf("track %d: wall time is %v from arrival", u.Track, late)
	}
	c.payload(u, track)
	c.n[u.Track]++
	if u.Key && track.Video() {
		c.keys++
	}
}

func (c *checker) payload(u *media.AccessUnit, track media.Track) {
	c.t.Helper()
	if len(u.Payload) == 0 {
		c.t.Fatal("a unit without payload")
	}
	for _, n := range u.Payload {
		if len(n) == 0 {
			c.t.Fatal("an empty NAL unit or frame")
		}
		if h264 := n[0] & 0x1F; track.Codec == media.H264 && h264 >= 7 && h264 <= 9 {
			c.t.Fatalf("NAL unit type %d was not taken out", h264)
		}
		if h265 := n[0] >> 1 & 0x3F; track.Codec == media.H265 && h265 >= 32 && h265 <= 35 {
			c.t.Fatalf("NAL unit type %d was not taken out", h265)
		}
	}
}

func TestSourceReceives(t *testing.T) {
	for name, want := range map[string]struct {
		video, audio media.Codec
		cfg          fakecamera.Config
		transport    rtsp.Transport
	}{
		"h264 aac":  {video: media.H264, audio: media.AAC, cfg: fakecamera.Config{Reports: true}},
		"b frames":  {video: media.H264, audio: media.AAC},
		"h265 opus": {video: media.H265, audio: media.Opus, cfg: fakecamera.Config{Username: "u", Password: "p@:/"}},
		"h265 b":    {video: media.H265, cfg: fakecamera.Config{BareSDP: true}},
		"slices":    {video: media.H264, audio: media.PCMU, cfg: fakecamera.Config{Tone: media.PCMU, BareSDP: true}},
		"large":     {video: media.H264, audio: media.AAC, cfg: fakecamera.Config{UDP: true, Username: "u", Password: "p", Basic: true}, transport: rtsp.UDP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want.cfg.Streams = map[string]string{"main": clip(t, name)}
			cam := fakecamera.Start(t, want.cfg)
			s := start(t, rtsp.SourceConfig{
				URL: cam.URL("main"), Username: want.cfg.Username, Password: want.cfg.Password, Transport: want.transport,
			})
			c := newChecker(t)
			for c.keys < 4 {
				c.add(s.next())
			}
			video := c.desc.Tracks[0]
			if video.Codec != want.video || video.Width < 320 || len(video.SPS) == 0 || len(video.PPS) == 0 {
				t.Errorf("picture track %+v", video)
			}
			if want.audio == "" && len(c.desc.Tracks) != 1 || want.audio != "" && c.desc.Tracks[1].Codec != want.audio {
				t.Errorf("tracks %+v", c.desc.Tracks)
			}
			if want.audio != "" && c.n[1] < 50 {
				t.Errorf("%d audio units", c.n[1])
			}
			if b := name == "b frames" || name == "h265 b"; b != (c.reordered > 10) {
				t.Errorf("%d of %d units are reordered", c.reordered, c.n[0])
			}
			if got := s.source.Stats(); got.Lost != 0 || got.Jumps != 0 || !got.Online || got.Pictures < 30 || got.Bytes == 0 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestSourceNeedsNoAudioAndNoSub(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": fakecamera.Footage(t, "videos/parking_sub.mp4")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	c := newChecker(t)
	for c.keys < 2 {
		c.add(s.next())
	}
	if d := c.desc.Tracks[0]; d.Width != 640 || d.Height != 360 {
		t.Errorf("picture is %dx%d", d.Width, d.Height)
	}
}

func TestSourceErrorsAreSentences(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{
		Streams: map[string]string{"main": clip(t, "slices")}, Username: "admin", Password: "secret-word",
	})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	gone.Close()
	for name, want := range map[string]struct {
		cfg  rtsp.SourceConfig
		kind rtsp.Kind
		says string
	}{
		"wrong password": {rtsp.SourceConfig{URL: cam.URL("main"), Username: "admin", Password: "wrong-word"}, rtsp.KindAuth, "refused the user name or password: check cameras.front.main.username"},
		"in the URL":     {rtsp.SourceConfig{URL: strings.Replace(cam.URL("main"), "//", "//admin:wrong-word@", 1)}, rtsp.KindAuth, "refused the user name or password"},
		"no password":    {rtsp.SourceConfig{URL: cam.URL("main")}, rtsp.KindAuth, "asks for a user name and password: set cameras.front.main.username"},
		"no such path":   {rtsp.SourceConfig{URL: cam.URL("nope"), Username: "admin", Password: "secret-word"}, rtsp.KindNotFound, `no stream at "/nope"`},
		"refused":        {rtsp.SourceConfig{URL: "rtsp://" + gone.Addr().String() + "/main"}, rtsp.KindRefused, "connection refused at 127.0.0.1"},
		"mute":           {rtsp.SourceConfig{URL: "rtsp://" + mute.Addr().String() + "/main", Timeout: time.Second}, rtsp.KindTimeout, "does not answer RTSP"},
		"no such host":   {rtsp.SourceConfig{URL: "rtsp://nothing.invalid/main"}, rtsp.KindUnreachable, "host name nothing.invalid is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			want.cfg.ConfigKey = "cameras.front.main"
			err := start(t, want.cfg).fail()
			if rtsp.KindOf(err) != want.kind || !strings.Contains(rtsp.Reason(err), want.says) {
				t.Errorf("kind %s, reason %q", rtsp.KindOf(err), rtsp.Reason(err))
			}
			for _, secret := range []string{"wrong-word", "secret-word"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the password: %v", err)
				}
			}
		})
	}
}

func TestNewSourceRefuses(t *testing.T) {
	for _, cfg := range []rtsp.SourceConfig{
		{URL: "http://x/y"}, {URL: "rtsp://"}, {URL: "rtsp://u:secret-word@ho st/"}, {URL: "rtsp://h/", Transport: "quic"},
	} {
		if _, err := rtsp.NewSource(cfg); err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestSourceEndsWhenFrozen(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "h264 aac")}, Reports: true})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main"), Timeout: time.Second})
	s.next()
	cam.Freeze(true)
	frozen := time.Now()
	err := s.fail()
	if rtsp.KindOf(err) != rtsp.KindStalled || time.Since(frozen) > 2500*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(frozen), err)
	}
	for u := s.next(); ; u = s.next() {
		if u.End() {
			if !strings.Contains(u.Reason, "stopped sending pictures") {
				t.Errorf("reason %q", u.Reason)
			}
			return
		}
	}
}

func TestSourceEndsWhenDropped(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "slices")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	s.next()
	cam.Drop()
	if err := s.fail(); rtsp.KindOf(err) != rtsp.KindClosed {
		t.Errorf("%s: %v", rtsp.KindOf(err), err)
	}
}

func TestSourceStopsWhileWaiting(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	src, err := rtsp.NewSource(rtsp.SourceConfig{URL: "rtsp://" + mute.Addr().String() + "/x"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := src.Run(ctx, media.NewHub()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestLossDamagesUntilTheNextKeyFrame(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "large")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	c := newChecker(t)
	c.add(s.next())
	if n := len(c.desc.Tracks); n != 2 {
		t.Fatalf("%d tracks", n)
	}
	cam.LoseNext(6)
	u := s.until(func(u *media.AccessUnit) bool { c.add(u); return u.Damaged })
	if u.Key {
		u = s.until(func(u *media.AccessUnit) bool { c.add(u); return u.Track == 0 })
	}
	for !u.Key {
		if u.Track == 0 && !u.Damaged {
			t.Fatal("a picture that needs lost ones is not marked")
		}
		u = s.until(func(u *media.AccessUnit) bool { c.add(u); return u.Track == 0 })
	}
	if u.Damaged {
		t.Error("a whole key picture is marked")
	}
	if got := s.source.Stats().Lost; got != 6 {
		t.Errorf("%d packets counted as lost", got)
	}
}

func TestHeavyLossOnBFramesKeepsOrder(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "b frames")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	c := newChecker(t)
	c.add(s.next())
	cam.Lose(0.05)
	for c.n[0] < 100 {
		c.add(s.next())
	}
}

func TestParameterChangeMakesANewDescription(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "h264 aac")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	c := newChecker(t)
	c.add(s.next())
	first := c.desc
	cam.Switch("main", clip(t, "large"))
	u := s.until(func(u *media.AccessUnit) bool { c.add(u); return u.Desc != first })
	if d := u.Desc.Tracks[0]; d.Width != 640 || d.Height != 480 {
		t.Errorf("picture is %dx%d", d.Width, d.Height)
	}
	for c.keys < 4 {
		c.add(s.next())
	}
	if c.desc != u.Desc {
		t.Error("the description changed twice")
	}
}

func TestClockJumpIsHealed(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "h264 aac")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	c := newChecker(t)
	c.add(s.next())
	for _, d := range []time.Duration{2 * time.Hour, -3 * time.Hour} {
		cam.Jump(d)
		for end := c.n[0] + 20; c.n[0] < end; {
			c.add(s.next())
		}
	}
	if got := s.source.Stats().Jumps; got != 4 { // two tracks, two jumps
		t.Errorf("%d jumps healed, want 4", got)
	}
}

func TestDriftEndsTheSession(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "slices")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	s.next()
	cam.Jump(3 * time.Second) // too little for a jump, too much for the wall clock
	if err := s.fail(); rtsp.KindOf(err) != rtsp.KindClock {
		t.Errorf("%s: %v", rtsp.KindOf(err), err)
	}
}

func TestSenderReportGivesTheCamerasClock(t *testing.T) {
	const offset = -93*time.Second - 777*time.Millisecond
	cam := fakecamera.Start(t, fakecamera.Config{
		Streams: map[string]string{"main": clip(t, "h264 aac")}, Reports: true, ClockOffset: offset,
	})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	s.until(func(*media.AccessUnit) bool { return s.source.Stats().ClockKnown })
	if got := s.source.Stats().ClockOffset; (got - offset).Abs() > 150*time.Millisecond {
		t.Errorf("camera clock is %v off, want %v", got, offset)
	}
}

func TestGarbageHarmsNothing(t *testing.T) {
	cam := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t, "h264 aac")}})
	s := start(t, rtsp.SourceConfig{URL: cam.URL("main")})
	first := s.next()
	cam.Garbage(true)
	before := s.source.Stats().Bytes
	s2 := time.NewTimer(2 * time.Second)
	defer s2.Stop()
	<-s2.C
	cam.Garbage(false)
	if s.source.Stats().Bytes == before {
		t.Error("no garbage arrived")
	}
	select {
	case err := <-s.ended: // a session may end over it, but in order
		s.ended <- err
		if rtsp.KindOf(err) == "" {
			t.Error(err)
		}
	default:
		s.until(func(u *media.AccessUnit) bool {
			return u.Track == 0 && u.Key && !u.Damaged && u.Desc.Tracks[0].Width == first.Desc.Tracks[0].Width
		})
	}
}
