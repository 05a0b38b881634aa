package rtsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

// serve plays a clip into a hub and restreams it.
func serve(t *testing.T, file string, cfg rtsp.ServerConfig) (*rtsp.Server, *media.Hub) {
	t.Helper()
	c, err := demo.OpenClip(file)
	if err != nil {
		t.Fatal(err)
	}
	hub := media.NewHub()
	first := hub.Subscribe(media.ReaderOptions{Capacity: 1})
	defer first.Close()
	cfg.Log = slog.New(slog.DiscardHandler)
	cfg.Hub = func(path string) *media.Hub {
		switch path {
		case "front/main", "front":
			return hub
		case "away":
			return media.NewHub()
		}
		return nil
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	s, err := rtsp.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx) }()
	go func() { ended <- c.Play(ctx, time.Now(), hub.Publish) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-ended
		<-ended
		_ = c.Close()
	})
	if _, err := first.Read(ctx); err != nil {
		t.Fatal(err)
	}
	return s, hub
}

func ffprobe(t *testing.T, args ...string) (out []byte, stderr string, err error) {
	t.Helper()
	tool, lookup := exec.LookPath("ffprobe")
	if lookup != nil {
		t.Skip("SKIPPED: ffprobe is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var o, e bytes.Buffer
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.Bytes(), e.String(), err
}

func TestRestreamIsReadByFFprobe(t *testing.T) {
	for _, c := range []struct{ name, transport, path, video, audio string }{
		{"h264 aac", "tcp", "front/main", "h264", "aac"},
		{"h265 opus", "tcp", "front", "hevc", "opus"},
		{"h264 aac", "udp", "front", "h264", "aac"},
	} {
		t.Run(c.name+" "+c.transport, func(t *testing.T) {
			cfg := rtsp.ServerConfig{Username: "viewer", Password: "right-word"}
			if c.transport == "udp" {
				cfg.UDPPort = freePair(t)
			}
			s, _ := serve(t, clip(t, c.name), cfg)
			url := "rtsp://viewer:right-word@" + s.Addr().String() + "/" + c.path
			out, stderr, err := ffprobe(t, "-v", "warning", "-rtsp_transport", c.transport, "-read_intervals", "%+2",
				"-show_streams", "-count_frames", "-of", "json", url)
			if err != nil || stderr != "" {
				t.Fatalf("%v: %s", err, stderr)
			}
			var p struct {
				Streams []struct {
					CodecName string `json:"codec_name"`
					Frames    string `json:"nb_read_frames"`
				} `json:"streams"`
			}
			if err := json.Unmarshal(out, &p); err != nil {
				t.Fatal(err)
			}
			if len(p.Streams) != 2 || p.Streams[0].CodecName != c.video || p.Streams[1].CodecName != c.audio || len(p.Streams[0].Frames) < 2 {
				t.Errorf("%s", out)
			}
		})
	}
}

func freePair(t *testing.T) int {
	t.Helper()
	for range 50 {
		a, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port &^ 1
		_ = a.Close()
		b, err := net.ListenPacket("udp", (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1}).String())
		if err == nil {
			_ = b.Close()
			return port
		}
	}
	t.Fatal("no pair of UDP ports is free")
	return 0
}

func TestRestreamAsksForThePassword(t *testing.T) {
	s, _ := serve(t, clip(t, "slices"), rtsp.ServerConfig{Username: "viewer", Password: "right-word"})
	for name, url := range map[string]string{
		"wrong": "rtsp://viewer:wrong-word@" + s.Addr().String() + "/front",
		"none":  "rtsp://" + s.Addr().String() + "/front",
	} {
		if _, stderr, err := ffprobe(t, "-v", "error", "-rtsp_transport", "tcp", url); err == nil || !strings.Contains(stderr, "401") {
			t.Errorf("%s password: %v: %s", name, err, stderr)
		}
	}
	for path, kind := range map[string]rtsp.Kind{"nobody": rtsp.KindNotFound, "away": rtsp.KindBusy, "front": rtsp.KindAuth} {
		cfg := rtsp.SourceConfig{URL: "rtsp://" + s.Addr().String() + "/" + path, Username: "viewer", Password: "right-word"}
		if path == "front" {
			cfg.Password = "wrong-word"
		}
		if err := start(t, cfg).fail(); rtsp.KindOf(err) != kind {
			t.Errorf("%s: %s: %v", path, rtsp.KindOf(err), err)
		}
	}
}

// TestRestreamOfARestream starts at the last key frame, and what was sent in a burst still gets the right time.
func TestRestreamOfARestream(t *testing.T) {
	s, hub := serve(t, clip(t, "h264 aac"), rtsp.ServerConfig{})
	// A second into the group of pictures, a viewer without a burst would wait.
	waitGOP := hub.Subscribe(media.ReaderOptions{Capacity: 1024})
	defer waitGOP.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for n := 0; n < 24; {
		units, err := waitGOP.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range units {
			if u.Track == 0 {
				n++
			}
		}
	}
	began := time.Now()
	c := newChecker(t)
	v := start(t, rtsp.SourceConfig{URL: "rtsp://" + s.Addr().String() + "/front/main"})
	u := v.next()
	if took := time.Since(began); took > time.Second {
		t.Errorf("first picture after %v", took)
	}
	if age := time.Since(u.NTP); age < 300*time.Millisecond {
		t.Errorf("the picture that opened the burst is dated %v ago", age)
	}
	u = v.until(func(u *media.AccessUnit) bool { return u.Track == 0 && u.Key })
	c.add(u)
	for c.keys < 3 {
		c.add(v.next())
	}
}

// TestSlowReaderHurtsItselfOnly never reads from one connection while another one is served.
func TestSlowReaderHurtsItselfOnly(t *testing.T) {
	s, hub := serve(t, clip(t, "large"), rtsp.ServerConfig{})
	stuck := playAndStall(t, s.Addr().String())
	defer stuck.Close()
	v := start(t, rtsp.SourceConfig{URL: "rtsp://" + s.Addr().String() + "/front"})
	c := newChecker(t)
	v.next()
	for c.n[0] < 60 {
		if u := v.next(); c.desc != nil || u.Key && u.Track == 0 && time.Since(u.NTP) < 500*time.Millisecond {
			c.add(u)
		}
	}
	if n := hub.Readers(); n != 2 {
		t.Errorf("%d readers", n)
	}
}

// playAndStall starts a session by hand and stops reading.
func playAndStall(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	session := ""
	for i, req := range []string{
		"SETUP rtsp://" + addr + "/front/trackID=0 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
		"PLAY rtsp://" + addr + "/front RTSP/1.0\r\n",
	} {
		req += "CSeq: " + string(rune('1'+i)) + "\r\n"
		if session != "" {
			req += "Session: " + session + "\r\n"
		}
		if _, err := conn.Write([]byte(req + "\r\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2048)
		n, err := conn.Read(buf)
		if err != nil || !bytes.HasPrefix(buf[:n], []byte("RTSP/1.0 200")) {
			t.Fatalf("%v: %s", err, buf[:n])
		}
		if _, rest, ok := strings.Cut(string(buf[:n]), "Session: "); ok {
			session, _, _ = strings.Cut(rest, "\r\n")
			session, _, _ = strings.Cut(session, ";")
		}
	}
	return conn
}

func TestServerRefusesToBeOpen(t *testing.T) {
	for _, cfg := range []rtsp.ServerConfig{
		{Listen: ":8554"},
		{Listen: "0.0.0.0:8554", Username: "u"},
		{Listen: "127.0.0.1:0", Username: "u"},
		{Listen: "x"},
		{Listen: "127.0.0.1:0", UDPPort: 8001},
	} {
		if _, err := rtsp.NewServer(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := rtsp.NewServer(rtsp.ServerConfig{Listen: taken.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "taken by another program") {
		t.Error(err)
	}
}

func TestNTPTimestampIsRFC3550(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 999_000_000, time.UTC)
	v := rtsp.NTPTimestamp(at)
	if sec, frac := v>>32, v&0xFFFFFFFF; sec != uint64(at.Unix())+2208988800 || frac != 4290672329 {
		t.Errorf("%d and %d", sec, frac)
	}
}
