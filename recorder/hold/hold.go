// Package hold owns the holds: ranges of time of cameras whose video is kept, whatever else happens. The truth is a small
// append-only file in the root of every volume, so that holds need no database and outlive the loss of a volume.
//
// It promises that a hold which was acknowledged is on the device of at least one volume, that whoever asks hears of it at
// once, and that a hold which is released stays released when an old volume comes back. It keeps nothing by itself: whoever
// deletes asks Covers.
package hold

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Kind says why video is held.
type Kind string

// The kinds of holds.
const (
	Favourite Kind = "favourite" // somebody likes it
	Export    Kind = "export"    // an export reads it; released when it is done
	Legal     Kind = "legal"     // evidence
)

// Hold keeps the video of some cameras in a range of time.
type Hold struct {
	ID      string // UUIDv7
	Kind    Kind
	Cameras []nvr.CameraID
	Range   nvr.TimeRange // microseconds
	Note    string        // for people
	By      string        // who asked for it
	Created time.Time     // microseconds
}

// The limits of a hold.
const (
	maxCameras = 256
	maxNote    = 1000 // characters
	maxBy      = 200  // characters
)

// Options is what a Set needs; both fields are required.
type Options struct {
	// Libraries returns all volumes, also those that are not there.
	Libraries func() []*library.Library
	Logger    *slog.Logger
}

// Set is all holds of all volumes. Its methods may be called from any goroutine.
type Set struct {
	libraries func() []*library.Library
	logger    *slog.Logger
	cover     atomic.Pointer[cover]

	mu       sync.Mutex
	holds    map[string]Hold
	released map[string]struct{} // for ever: a volume that comes back may still have the hold
	volumes  map[*library.Library]*volume
}

// Open reads the holds of all volumes. A volume that cannot be read is no error here, see Err.
func Open(o Options) (*Set, error) {
	if o.Libraries == nil || o.Logger == nil {
		return nil, errors.New("holds: libraries and logger are required")
	}
	s := &Set{
		libraries: o.Libraries, logger: o.Logger,
		holds: make(map[string]Hold), released: make(map[string]struct{}), volumes: make(map[*library.Library]*volume),
	}
	s.Refresh()
	return s, nil
}

// Refresh reads volumes that came or were exchanged, and brings those up to date that could not be written before.
func (s *Set) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
}

// Err returns why the holds are not known, or nil. They are when one file could be read: each has all of them. A volume
// without a file is new and has no video of before, so it knows for itself and for volumes that are not there; but not for one
// that is there and whose file cannot be read.
func (s *Set) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err()
}

// ErrOf returns why it is not known what is held of the video on lib, or nil. A new volume without a file has none of before,
// whatever another one cannot tell.
func (s *Set) ErrOf(lib *library.Library) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.err()
	if v := s.volumes[lib]; err != nil && v != nil {
		return v.unread
	}
	return err
}

// err needs the lock.
func (s *Set) err() error {
	var errs []error
	fresh, broken := false, false
	for _, v := range s.volumes {
		switch {
		case v.unread != nil:
			broken = broken || !errors.Is(v.unread, library.ErrMissing)
			errs = append(errs, v.unread)
		case v.seen != stamp{}:
			return nil
		default:
			fresh = true
		}
	}
	if fresh && !broken {
		return nil
	}
	return errors.Join(errs...)
}

// Damaged returns how many lines could not be understood, in all volumes. They stay where they are.
func (s *Set) Damaged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, v := range s.volumes {
		n += v.damaged
	}
	return n
}

// Add keeps the video of h from now on and returns h as stored. ID and Created are set where they are empty. When it
// returns without an error, the hold is on the device of at least one volume. Errors: CodeInvalid, CodeConflict (an ID that
// exists or existed), CodeUnavailable (no volume takes it).
func (s *Set) Add(h Hold) (Hold, error) {
	if h.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return Hold{}, fmt.Errorf("make the id of a hold: %w", err)
		}
		h.ID = id.String()
	}
	if h.Created.IsZero() {
		h.Created = time.Now()
	}
	h = h.normal()
	if err := h.validate(); err != nil {
		return Hold{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	_, held := s.holds[h.ID]
	if _, was := s.released[h.ID]; was || held {
		return Hold{}, &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("hold %s exists already or was released; make a new one", h.ID)}
	}
	line, err := marshalHold(h)
	if err != nil {
		return Hold{}, err
	}
	s.holds[h.ID] = h
	if err := s.write(line); err != nil {
		delete(s.holds, h.ID)
		return Hold{}, err
	}
	s.cover.Store(newCover(s.holds))
	return h.clone(), nil
}

// Release gives up a hold. Errors: CodeNotFound, CodeUnavailable (no volume takes it; the hold stays).
func (s *Set) Release(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	h, ok := s.holds[id]
	if !ok {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("there is no hold %q", id)}
	}
	line, err := marshalRelease(id)
	if err != nil {
		return err
	}
	delete(s.holds, id)
	s.released[id] = struct{}{}
	if err := s.write(line); err != nil {
		delete(s.released, id)
		s.holds[id] = h
		return err
	}
	s.cover.Store(newCover(s.holds))
	return nil
}

// List returns all holds, oldest first.
func (s *Set) List() []Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Hold, 0, len(s.holds))
	for _, h := range s.holds {
		out = append(out, h.clone())
	}
	slices.SortFunc(out, func(a, b Hold) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Covers reports whether a hold keeps video of stream between start and end. It neither blocks nor touches the disk.
func (s *Set) Covers(stream nvr.StreamID, start, end time.Time) bool {
	return s.cover.Load().covers(stream.Camera, start.UnixMicro(), end.UnixMicro())
}

// Ranges returns what is held of camera, in order and without overlaps.
func (s *Set) Ranges(camera nvr.CameraID) []nvr.TimeRange {
	return s.cover.Load().ranges(camera)
}

func (h Hold) clone() Hold {
	h.Cameras = slices.Clone(h.Cameras)
	return h
}

// normal returns h as it reads after being written.
func (h Hold) normal() Hold {
	h = h.clone()
	slices.Sort(h.Cameras)
	h.Cameras = slices.Compact(h.Cameras)
	h.Range.Start = h.Range.Start.UTC().Truncate(time.Microsecond)
	h.Range.End = h.Range.End.UTC().Truncate(time.Microsecond)
	h.Created = h.Created.UTC().Truncate(time.Microsecond)
	h.Note, h.By = strings.ToValidUTF8(h.Note, "\uFFFD"), strings.ToValidUTF8(h.By, "\uFFFD")
	return h
}

func (h Hold) validate() error {
	bad := func(format string, args ...any) error {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(format, args...)}
	}
	if _, err := parseID(h.ID); err != nil {
		return bad("hold id %q: want a UUID of version 7", h.ID)
	}
	switch h.Kind {
	case Favourite, Export, Legal:
	default:
		return bad("hold kind %q: want favourite, export or legal", h.Kind)
	}
	if len(h.Cameras) == 0 || len(h.Cameras) > maxCameras {
		return bad("a hold of %d cameras: want 1 to %d", len(h.Cameras), maxCameras)
	}
	for _, c := range h.Cameras {
		if _, err := nvr.ParseCameraID(string(c)); err != nil {
			return &nvr.Error{Code: nvr.CodeInvalid, Message: err.Error(), Err: err}
		}
	}
	switch {
	case !plausible(h.Range.Start.UnixMicro()) || !plausible(h.Range.End.UnixMicro()):
		return bad("a hold from %v to %v: want times between 1970 and 9999", h.Range.Start, h.Range.End)
	case !h.Range.Start.Before(h.Range.End):
		return bad("a hold that ends at %v, before it starts: want an end after %v", h.Range.End, h.Range.Start)
	case utf8.RuneCountInString(h.Note) > maxNote:
		return bad("the note of a hold has more than %d characters; shorten it", maxNote)
	case utf8.RuneCountInString(h.By) > maxBy:
		return bad("the name of who holds has more than %d characters; shorten it", maxBy)
	}
	return nil
}

func parseID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil {
		return id, err
	}
	if id.Version() != 7 || id.String() != s {
		return id, errors.New("not a UUID of version 7 in its usual form")
	}
	return id, nil
}

// plausible accepts the years 1970 to 9999.
func plausible(us int64) bool { return us >= 0 && us < 253402300800_000_000 }
