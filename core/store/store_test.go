package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index/indextest"
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
	t.Run("Index", func(t *testing.T) { indextest.Run(t, s) })
	t.Run("RecordedBytes", func(t *testing.T) { testRecordedBytes(t, s) })
	t.Run("Partitions", func(t *testing.T) { testPartitions(t, s) })
	t.Run("Sessions", func(t *testing.T) { testSessions(t, s) })
	t.Run("Events", func(t *testing.T) { testEvents(t, s) })
	t.Run("Interest", func(t *testing.T) { testInterest(t, s) })
	t.Run("MotionMaps", func(t *testing.T) { testMotionMaps(t, s) })
	t.Run("Timeline", func(t *testing.T) { testTimeline(t, s) })
	t.Run("Density", func(t *testing.T) { testDensity(t, s) })
	t.Run("Settings", func(t *testing.T) { testSettings(t, s) })
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
