package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event"
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
	var mu sync.Mutex
	told := make(map[string]string) // names by event
	f.corrected = func(changes []nvr.EventChange) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			told[c.After.ID] = string(c.After.Identity.State) + " " + c.After.Identity.Name
		}
	}
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

	e := nvr.Event{
		ID: event.NewID(time.Now()), Camera: "gate", Kind: nvr.EventObject, Label: "person", Start: time.Now(), End: time.Now(), Revision: 1,
		Identity: nvr.Identity{State: nvr.IdentityUnknown},
	}
	if err := st.SaveEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	heard := func(want string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if told[e.ID] != want {
			t.Errorf("the event is told to be %q, want %q", told[e.ID], want)
		}
	}
	seen, err := st.AddFace(t.Context(), nvr.FaceSample{Source: nvr.FaceEvent, Camera: "gate", EventID: e.ID, Seen: time.Now(), Embedding: nvr.Embedding{9}, Quality: 0.5, JPEG: []byte{0xff, 0xd8}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.AssignFaces(t.Context(), anna, []string{seen}); err != nil {
		t.Fatal(err)
	}
	heard("known Anna")
	db.away.Store(true)
	if err := f.DeletePerson(t.Context(), anna); err != nil {
		t.Fatalf("deleted, and yet: %v", err)
	}
	heard("unknown ")
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
	if n, err := f.change(gone, func() ([]nvr.EventChange, error) {
		defer leave() // whoever asked goes away as soon as it is done
		return st.RenamePerson(gone, bert, "Berta")
	}); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if known(5) != "Berta" {
		t.Errorf("%q after the request was gone", known(5))
	}
}
