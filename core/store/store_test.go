package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"))
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := New(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for range 2 { // the second finds nothing to do
		if err := s.Migrate(t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestStore(t *testing.T) {
	s := open(t)
	t.Run("Recordings", func(t *testing.T) { testRecordings(t, s) })
	t.Run("Gaps", func(t *testing.T) { testGaps(t, s) })
	t.Run("Sessions", func(t *testing.T) { testSessions(t, s) })
	t.Run("Events", func(t *testing.T) { testEvents(t, s) })
	t.Run("Settings", func(t *testing.T) { testSettings(t, s) })
}

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

func recording(start time.Time) index.Recording {
	r := index.Recording{
		Stream: front, Start: start, Duration: 30 * time.Second, Path: fmt.Sprintf("front/main/%d.mp4", start.UnixMilli()),
		Bytes: 5_000_000, InitBytes: 900, CRC: 0xfedcba98, Codecs: "avc1.640028", Width: 1920, Height: 1080,
	}
	for i := range 10 {
		r.Segments = append(r.Segments, index.Segment{
			Offset: 900 + int64(i)*400_000, Bytes: 400_000, Start: time.Duration(i) * 3 * time.Second, Duration: 3 * time.Second,
		})
	}
	return r
}

func testRecordings(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var recs []index.Recording
	for i := range 20 {
		recs = append(recs, recording(t0.Add(time.Duration(i)*30*time.Second)))
	}
	for range 2 { // adding again changes nothing
		if err := s.AddRecordings(ctx, recs); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Recordings(ctx, front, nvr.TimeRange{Start: t0.Add(45 * time.Second), End: t0.Add(91 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%d recordings overlap 45..91 s, want those at 30, 60 and 90", len(got))
	}
	want := recs[1]
	if fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", want) {
		t.Errorf("came back as\n%+v, want\n%+v", got[0], want)
	}
	edge, err := s.Recordings(ctx, front, nvr.TimeRange{Start: t0.Add(30 * time.Second), End: t0.Add(60 * time.Second)})
	if err != nil || len(edge) != 1 {
		t.Errorf("half-open range gave %d recordings, %v", len(edge), err)
	}
	if err := s.RemoveRecordings(ctx, front, []time.Time{t0, t0.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	sum, err := s.RecordedBytes(ctx)
	if err != nil || sum["front"] != 19*5_000_000 {
		t.Errorf("bytes %v, %v", sum, err)
	}
}

func testGaps(t *testing.T, s *Store) {
	ctx, t0 := t.Context(), time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	g := index.Gap{Stream: front, Start: t0, End: t0.Add(time.Minute), Reason: index.GapOffline, Detail: "connection refused"}
	longer := g
	longer.End, longer.Detail = t0.Add(2*time.Minute), "still refused"
	if err := s.AddGaps(ctx, []index.Gap{g, longer}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Gaps(ctx, front, nvr.TimeRange{Start: t0.Add(-time.Hour), End: t0.Add(time.Hour)})
	if err != nil || len(got) != 1 || got[0] != longer {
		t.Errorf("%+v, %v; want %+v", got, err, longer)
	}
}

func testSessions(t *testing.T, s *Store) {
	ctx := t.Context()
	u, err := s.AddUser(ctx, "ann", "admin", "hash")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddUser(ctx, "ann", "viewer", "hash"); err == nil {
		t.Error("two users of one name")
	}
	h := func(x string) []byte { b := sha256.Sum256([]byte(x)); return b[:] }
	later := time.Now().Add(time.Hour)
	if err := s.AddRefreshToken(ctx, u.ID, h("1"), later); err != nil {
		t.Fatal(err)
	}
	if got, err := s.RotateRefreshToken(ctx, h("1"), h("2"), later); err != nil || got.Name != "ann" {
		t.Fatalf("%+v, %v", got, err)
	}
	// The same token again at once: an answer was lost.
	if _, err := s.RotateRefreshToken(ctx, h("1"), h("2b"), later); err != nil {
		t.Errorf("a repeat within the grace: %v", err)
	}
	// Again later: it was copied. The whole family ends.
	if _, err := s.pool.Exec(ctx, "UPDATE refresh_tokens SET spent_at = now() - interval '5 minutes' WHERE hash = $1", h("1")); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"1", "2", "2b", "never"} {
		if _, err := s.RotateRefreshToken(ctx, h(token), h("x"+token), later); nvr.ErrorCode(err) != nvr.CodeUnauthorized {
			t.Errorf("token %s after a theft: %v", token, err)
		}
	}
	if err := s.AddRefreshToken(ctx, u.ID, h("old"), time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RotateRefreshToken(ctx, h("old"), h("y"), later); nvr.ErrorCode(err) != nvr.CodeUnauthorized {
		t.Errorf("expired token: %v", err)
	}
	if _, err := s.UserByName(ctx, "nobody"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("unknown user: %v", err)
	}
}

func testSettings(t *testing.T, s *Store) {
	ctx := t.Context()
	for range 2 {
		v, err := s.SettingOr(ctx, "k", []byte("first"))
		if err != nil || string(v) != "first" {
			t.Errorf("%q, %v", v, err)
		}
	}
	if v, err := s.SettingOr(ctx, "k", []byte("second")); err != nil || string(v) != "first" {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := s.UpsertCamera(ctx, "front", "Front"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRecording(ctx, "front", false); err != nil {
		t.Fatal(err)
	}
	if sw, err := s.UpsertCamera(ctx, "front", "Front 2"); err != nil || sw.Recording || !sw.Detecting {
		t.Errorf("%+v, %v", sw, err)
	}
}

func TestSegmentsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var segs []index.Segment
		at, off := time.Duration(0), int64(900)
		for range rng.IntN(12) {
			if rng.IntN(4) == 0 { // a hole in bytes or time
				at, off = at+time.Duration(rng.IntN(1e6))*time.Microsecond, off+int64(rng.IntN(1000))
			}
			s := index.Segment{Offset: off, Bytes: int64(1 + rng.IntN(1e6)), Start: at, Duration: time.Duration(1+rng.IntN(6e6)) * time.Microsecond}
			segs, at, off = append(segs, s), at+s.Duration, off+s.Bytes
		}
		got, err := decodeSegments(encodeSegments(segs))
		if err != nil || !slices.Equal(got, segs) {
			t.Fatalf("%v, %v; want %v", got, err, segs)
		}
	}
}

func FuzzDecodeSegments(f *testing.F) {
	f.Add(encodeSegments(recording(time.Now()).Segments))
	f.Fuzz(func(t *testing.T, b []byte) {
		segs, err := decodeSegments(b)
		if err == nil && len(segs) > len(b) {
			t.Fatalf("%d segments out of %d bytes", len(segs), len(b))
		}
	})
}

func TestErrorsHideThePassword(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, dsn := range []string{"postgres://u:canary@127.0.0.1:1/x", "postgres://u:canary@[bad"} {
		s, err := New(dsn)
		if err == nil {
			err = s.Migrate(ctx, slog.New(slog.DiscardHandler))
			s.Close()
		}
		if err == nil {
			t.Fatal("connected")
		}
		if s := fmt.Sprint(err); containsCanary(s) {
			t.Errorf("the error shows the password: %s", s)
		}
	}
}
