// Package index is the contract between the recorder and whoever remembers what is on disk: the rows a recording, its
// segments and the gaps between recordings become. The database implements it (core/store); the disk stays the truth.
package index

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Recording is one closed fMP4 file of one stream. (Stream, Start) is its identity: adding it twice changes nothing.
type Recording struct {
	Stream    nvr.StreamID
	Start     time.Time     // wall time of the first picture, microseconds
	Duration  time.Duration // sum of its segments
	Path      string        // below the recordings directory, slash-separated
	Bytes     int64         // of the whole file
	InitBytes int64         // length of ftyp+moov at the start of the file
	CRC       uint32        // CRC-32C of the whole file
	Codecs    string        // RFC 6381 list, "avc1.640028,mp4a.40.2"
	Width     int           // pixels
	Height    int           // pixels
	Segments  []Segment     // in order, contiguous

	Remote  bool // the archive holds a verified copy
	Evicted bool // the local file is gone; with Remote it plays from the archive
}

// End returns the wall time after the last segment.
func (r Recording) End() time.Time { return r.Start.Add(r.Duration) }

// Segment is one HLS segment: a byte range of a recording that starts at a key frame.
type Segment struct {
	Offset   int64         // bytes from the start of the file
	Bytes    int64         // length
	Start    time.Duration // from the recording's Start
	Duration time.Duration
}

// GapReason says why there is no recording.
type GapReason string

// The reasons for a gap.
const (
	GapOffline  GapReason = "offline"  // the camera sent nothing
	GapLoss     GapReason = "loss"     // packets were lost
	GapDisk     GapReason = "disk"     // the disk refused or was too slow
	GapOverload GapReason = "overload" // we were too slow
	GapRestart  GapReason = "restart"  // Nightjar was not running
	GapClock    GapReason = "clock"    // the clock jumped
	GapDisabled GapReason = "disabled" // recording was switched off
)

// Gap is an interval without recording. (Stream, Start) is its identity; adding it again replaces End, Reason and Detail.
type Gap struct {
	Stream nvr.StreamID
	Start  time.Time
	End    time.Time
	Reason GapReason
	Detail string // one sentence for a person
}

// Index remembers recordings and gaps. All methods may block and fail with the database; the recorder never calls
// them on its writing path.
type Index interface {
	// AddRecordings stores rows in one transaction. Known ones are left as they are.
	AddRecordings(ctx context.Context, recs []Recording) error
	// Recordings returns those of stream that overlap r, ordered by start.
	Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]Recording, error)
	// RemoveRecordings forgets rows; unknown ones are ignored.
	RemoveRecordings(ctx context.Context, stream nvr.StreamID, starts []time.Time) error
	// Place says where the bytes of rows are. A row that is evicted and not remote is nowhere and is forgotten; unknown
	// ones are ignored.
	Place(ctx context.Context, stream nvr.StreamID, starts []time.Time, remote, evicted bool) error
	// Runs returns what is recorded of each stream in r, clipped to r, ordered; recordings that meet are one run.
	Runs(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]nvr.TimeRange, error)
	// AddGaps stores gaps in one transaction.
	AddGaps(ctx context.Context, gaps []Gap) error
	// Gaps returns those of stream that overlap r, ordered by start.
	Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]Gap, error)
	// GapsOf is Gaps of several streams in one question; those without gaps are left out.
	GapsOf(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]Gap, error)
}

// AppendRun adds rec, clipped to r, to runs, which are in order. Recordings that meet, or of which one begins before the
// other has ended, become one run.
func AppendRun(runs []nvr.TimeRange, rec Recording, r nvr.TimeRange) []nvr.TimeRange {
	start, end := rec.Start, rec.End()
	if start.Before(r.Start) {
		start = r.Start
	}
	if end.After(r.End) {
		end = r.End
	}
	if !start.Before(end) {
		return runs
	}
	if n := len(runs); n > 0 && !start.After(runs[n-1].End.Add(touching)) {
		if end.After(runs[n-1].End) {
			runs[n-1].End = end
		}
		return runs
	}
	return append(runs, nvr.TimeRange{Start: start, End: end})
}

// touching is what separates two runs that would otherwise coincide (docs/recording.md, invariant 5), and no hole.
const touching = time.Microsecond
