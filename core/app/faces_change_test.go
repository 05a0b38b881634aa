package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/core/vision/face"
)

// cutOff is the store, whose library cannot be read while away is set: the connection broke after a change.
type cutOff struct {
	*store.Store
	away atomic.Bool
}

func (c *cutOff) KnownFaces(ctx context.Context) ([]nvr.KnownFace, error) {
	if c.away.Load() {
		return nil, errors.New("connection reset by peer")
	}
	return c.Store.KnownFaces(ctx)
}

// Nobody who was deleted may be recognised, and whoever was renamed has the new name, also when the request is gone by the time
// the library is read again, or the database is.
func TestLibraryChangesReachTheGallery(t *testing.T) {
	st, err := store.New(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	log := slog.New(slog.DiscardHandler)
	if err := st.Migrate(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	db := &cutOff{Store: st}
	cfg := config.Default()
	f := newFaces(&cfg, db, log, prometheus.NewRegistry())
	enrol := func(name string, at float32) string {
		p, err := f.AddPerson(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.enrol(t.Context(), nvr.FaceSample{PersonID: p.ID, Source: nvr.FaceUpload, Seen: time.Now(), Embedding: nvr.Embedding{at}, JPEG: []byte{0xff, 0xd8}}); err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	anna, bert := enrol("Anna", 0), enrol("Bert", 5)
	known := func(at float32) string { return f.gallery.Identify(&face.Embedding{at}).Name }
	if known(0) != "Anna" || known(5) != "Bert" {
		t.Fatalf("%q and %q", known(0), known(5))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
	})

	db.away.Store(true)
	if err := f.DeletePerson(t.Context(), anna); err != nil {
		t.Fatalf("deleted, and yet: %v", err)
	}
	if name := known(0); name != "" {
		t.Errorf("%s was deleted and is recognised", name)
	}
	if err := f.RenamePerson(t.Context(), bert, "Bertram"); err != nil {
		t.Fatal(err)
	}
	if known(5) != "Bert" {
		t.Errorf("%q without a database", known(5))
	}
	db.away.Store(false)
	deadline := time.After(30 * time.Second)
	for known(5) != "Bertram" {
		select {
		case <-deadline:
			t.Fatalf("still %q", known(5))
		case <-time.After(10 * time.Millisecond):
		}
	}

	gone, leave := context.WithCancel(t.Context())
	if n, err := f.change(gone, func() error {
		defer leave() // whoever asked goes away as soon as it is done
		return st.RenamePerson(gone, bert, "Berta")
	}); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if known(5) != "Berta" {
		t.Errorf("%q after the request was gone", known(5))
	}
}
