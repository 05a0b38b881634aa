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
	// AddGaps stores gaps in one transaction.
	AddGaps(ctx context.Context, gaps []Gap) error
	// Gaps returns those of stream that overlap r, ordered by start.
	Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]Gap, error)
}
