// Package playback finds recorded video by time and serves it: HLS playlists over any range, the byte ranges they name,
// and the coverage that a timeline draws. It merges three sources, so that what was written two seconds ago plays, and
// so that everything plays while the database is away: the index, journal lines that the index does not have yet, and
// the files that are being written. A recording's bytes come from whichever volume has them, or from the archive. It
// decides nothing about what is recorded or kept.
package playback

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// indexTimeout is how long a viewer waits for the database before the journals answer in its place.
	indexTimeout = 2 * time.Second
	// indexPause is how long the index is left alone after it failed, so that not every viewer waits.
	indexPause = 5 * time.Second
	// maxFile is the longest recording that configuration allows: how far before a range its first file may begin.
	maxFile = time.Hour
	// maxRange bounds a query; a timeline of a month fits.
	maxRange = 32 * 24 * time.Hour
)

// OpenFiles knows what no journal has yet; recorder.Manager does.
type OpenFiles interface {
	// Open returns the recordings of stream that no journal has yet, as far as they are written.
	Open(stream nvr.StreamID) []index.Recording
	// OpenGap returns the gap that is going on now.
	OpenGap(stream nvr.StreamID) (index.Gap, bool)
}

// Indexed knows how much of a volume's journals is in the index; feed.Feeder does.
type Indexed interface {
	// Offset returns how many bytes of day's journal are in the index.
	Offset(day library.Day) int64
	// Complete reports whether every journal was in the index to its end once, so that only those that grew since in
	// this process can have more.
	Complete() bool
}

// Remote reads recordings from the archive by their library path. n < 0 means to the end. Errors have CodeNotFound or
// CodeUnavailable.
type Remote interface {
	OpenRange(ctx context.Context, path string, offset, n int64) (io.ReadCloser, error)
}

// Options is what a Player needs; all fields but Remote are required.
type Options struct {
	Volumes *library.Volumes
	Indexed []Indexed // one per volume, in the order of Volumes.All
	Index   index.Index
	Open    OpenFiles
	Remote  Remote // nil without an archive
	Logger  *slog.Logger
}

// Player serves recorded video. Its methods may be called from any goroutine.
type Player struct {
	vols   []volume
	index  index.Index
	open   OpenFiles
	remote Remote
	logger *slog.Logger
	skip   atomic.Int64 // unix nanoseconds until which the index is left alone
}

// volume is one volume with its feeder.
type volume struct {
	lib     *library.Library
	indexed Indexed
}

// New checks the options.
func New(o Options) (*Player, error) {
	if o.Volumes == nil || o.Index == nil || o.Open == nil || o.Logger == nil {
		return nil, errors.New("player: volumes, index, open files and logger are required")
	}
	libs := o.Volumes.All()
	if len(o.Indexed) != len(libs) {
		return nil, errors.New("player: one feeder per volume is required")
	}
	p := &Player{index: o.Index, open: o.Open, remote: o.Remote, logger: o.Logger}
	for i, lib := range libs {
		p.vols = append(p.vols, volume{lib, o.Indexed[i]})
	}
	return p, nil
}
