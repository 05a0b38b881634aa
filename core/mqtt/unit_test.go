package mqtt

import (
	"bytes"
	"context"
	"image/jpeg"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestTablePublishesOnChangeAndAtMostOncePerSecond(t *testing.T) {
	tb := newTable()
	now := time.Now()
	tb.set("a", []byte("1"))
	msgs, _ := tb.due(now)
	if len(msgs) != 1 || !msgs[0].retained {
		t.Fatalf("first: %v", msgs)
	}
	tb.set("a", []byte("1"))
	if msgs, _ := tb.due(now.Add(2 * time.Second)); len(msgs) != 0 {
		t.Fatalf("unchanged: %v", msgs)
	}
	tb.set("a", []byte("2"))
	tb.set("b", []byte("x"))
	tb.set("a", []byte("3"))
	msgs, next := tb.due(now.Add(200 * time.Millisecond))
	if len(msgs) != 1 || msgs[0].topic != "b" || next != 800*time.Millisecond {
		t.Fatalf("limited: %v, next %v", msgs, next)
	}
	if msgs, _ := tb.due(now.Add(time.Second)); len(msgs) != 1 || string(msgs[0].payload) != "3" {
		t.Fatalf("after a second: %v", msgs)
	}
	tb.set("a", []byte("4"))
	if msgs := tb.last(); len(msgs) != 1 {
		t.Fatalf("last words: %v", msgs)
	}
}

func TestTableBoundsNews(t *testing.T) {
	tb := newTable()
	tb.push(message{topic: "lost"})
	tb.connect(true)
	for i := range maxQueued + 10 {
		tb.push(message{topic: strconv.Itoa(i)})
	}
	msgs, _ := tb.due(time.Now())
	if len(msgs) != maxQueued || msgs[0].topic != "10" || tb.droppedCount() != 11 {
		t.Fatalf("%d messages from %s, %d dropped", len(msgs), msgs[0].topic, tb.droppedCount())
	}
}

func TestFitPicture(t *testing.T) {
	small := picture(t, 320, 180)
	if out, err := fitPicture(small); err != nil || !bytes.Equal(out, small) {
		t.Fatalf("a small picture must stay as it is: %v", err)
	}
	out, err := fitPicture(picture(t, 2560, 1440))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(out))
	if err != nil || cfg.Width != 1280 || cfg.Height != 720 || len(out) > maxPictureBytes {
		t.Fatalf("%+v, %d bytes, %v", cfg, len(out), err)
	}
	for _, bad := range [][]byte{nil, []byte("no"), small[:40]} {
		if _, err := fitPicture(bad); err == nil {
			t.Error("accepted what is no JPEG")
		}
	}
}

// pipe feeds bytes to a guard as a broker would.
type pipe struct {
	net.Conn
	r io.Reader
}

func (p pipe) Read(b []byte) (int, error) { return p.r.Read(b) }

func packet(kind byte, body int) []byte {
	out := []byte{kind << 4}
	for n := body; ; {
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			out = append(out, b|0x80)
			continue
		}
		return append(append(out, b), make([]byte, body)...)
	}
}

func TestGuard(t *testing.T) {
	var skipped atomic.Uint64
	read := func(stream ...[]byte) ([]byte, error) {
		return io.ReadAll(newGuard(pipe{r: bytes.NewReader(slices.Concat(stream...))}, &skipped))
	}
	ok := slices.Concat(packet(2, 2), packet(3, 1000), packet(9, 3), packet(13, 0))
	if got, err := read(ok); err != nil || !bytes.Equal(got, ok) {
		t.Fatalf("legal packets were changed: %v", err)
	}
	if got, err := read(packet(3, maxPacket+1), packet(13, 0)); err != nil || !bytes.Equal(got, packet(13, 0)) || skipped.Load() != 1 {
		t.Fatalf("oversized message: %d bytes, %v", len(got), err)
	}
	for _, bad := range [][]byte{
		packet(9, 4), packet(9, 2), packet(2, 3), {2 << 4, 2, 0, 77}, packet(4, 100), {3 << 4, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		if _, err := read(bad); err == nil {
			t.Errorf("accepted % x", bad[:min(len(bad), 6)])
		}
	}
}

// FuzzHostileBroker lets a whole session, paho included, read what a broker might send.
func FuzzHostileBroker(f *testing.F) {
	connack := []byte{2 << 4, 2, 0, 0}
	f.Add(connack)
	f.Add(slices.Concat(connack, packet(9, 3), packet(3, 10)))
	f.Add([]byte{2 << 4, 2, 0, 99})
	f.Add(slices.Concat(connack, []byte{3<<4 | 6, 4, 0, 200, 'x', 'y'}))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(data)
			_ = c.Close()
		}()
		cfg := Config{BrokerURL: "mqtt://" + l.Addr().String(), Discovery: true, Cameras: []Camera{{ID: "front"}}}
		b, err := cfg.normalise()
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{
			cfg: cfg, broker: b, topics: topics{"nightjar"}, table: newTable(), commands: make(chan command, 4),
			cameras: map[nvr.CameraID]*cameraView{}, log: slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := (&session{c: c}).run(ctx); err == nil {
			t.Error("a session with nobody ended without an error")
		}
		_ = l.Close()
		<-done
	})
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{"Front door": "front_door", "Tür «Süd»!": "tur_sud", "  A--B ": "a_b", "車庫": "", "": ""} {
		if got := slug(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if !strings.HasPrefix(title("traffic_light"), "Traffic l") {
		t.Error(title("traffic_light"))
	}
}
