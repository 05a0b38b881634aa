package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Line is one line of a journal: exactly one of Recording, Gap, Deleted and Files is set.
type Line struct {
	Next int64 // offset behind the line in its journal; set by Read, ignored by Append

	Recording *index.Recording
	Gap       *index.Gap
	Deleted   *Hour  // all recordings of this hour so far were given up; their files go, or are gone
	Files     *Files // something happened to single recordings
}

// Files is what happened to single recordings of the journal's day.
type Files struct {
	Change Change
	MS     []int64 // their names: start, UTC milliseconds
}

// Change is what happened to a recording.
type Change string

// The changes, as written in the journal.
const (
	Evicted  Change = "evict"   // the local file was given up; it goes, or is gone
	Archived Change = "archive" // the archive has a verified copy
	Expired  Change = "expire"  // the archive's copy was given up
)

// wireLine is a journal line as JSON. Times are UTC microseconds, durations microseconds. The formats are described
// in recorder/docs/recording.md; a field is added, never changed.
type wireLine struct {
	Type     string     `json:"t"`
	Start    int64      `json:"start,omitempty"`
	Duration int64      `json:"dur,omitempty"`
	Path     string     `json:"path,omitempty"`
	Bytes    int64      `json:"bytes,omitempty"`
	Init     int64      `json:"init,omitempty"`
	CRC      uint32     `json:"crc,omitempty"`
	Codecs   string     `json:"codecs,omitempty"`
	Width    int        `json:"w,omitempty"`
	Height   int        `json:"h,omitempty"`
	Segments [][4]int64 `json:"seg,omitempty"` // offset, bytes, start, duration
	End      int64      `json:"end,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Detail   string     `json:"detail,omitempty"`
	Hour     *int       `json:"hour,omitempty"`
	Files    []int64    `json:"files,omitempty"`
}

const (
	typeRecording = "rec"
	typeGap       = "gap"
	typeDeleted   = "del"
)

var errBadLine = errors.New("not a journal line")

func (l Line) marshal() ([]byte, error) {
	var w wireLine
	switch {
	case l.Recording != nil:
		r := l.Recording
		w = wireLine{
			Type: typeRecording, Start: r.Start.UnixMicro(), Duration: r.Duration.Microseconds(), Path: r.Path,
			Bytes: r.Bytes, Init: r.InitBytes, CRC: r.CRC, Codecs: r.Codecs, Width: r.Width, Height: r.Height,
			Segments: make([][4]int64, 0, len(r.Segments)),
		}
		for _, s := range r.Segments {
			w.Segments = append(w.Segments, [4]int64{s.Offset, s.Bytes, s.Start.Microseconds(), s.Duration.Microseconds()})
		}
	case l.Gap != nil:
		g := l.Gap
		w = wireLine{Type: typeGap, Start: g.Start.UnixMicro(), End: g.End.UnixMicro(), Reason: string(g.Reason), Detail: g.Detail}
	case l.Deleted != nil:
		w = wireLine{Type: typeDeleted, Hour: &l.Deleted.Hour}
	case l.Files != nil:
		w = wireLine{Type: string(l.Files.Change), Files: l.Files.MS}
	default:
		return nil, errBadLine
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("marshal journal line: %w", err)
	}
	return append(b, '\n'), nil
}

// parseLine reads one line of the journal of day and refuses what cannot be true: the file may have been damaged.
func parseLine(day Day, b []byte) (Line, error) {
	var w wireLine
	if err := json.Unmarshal(b, &w); err != nil {
		return Line{}, errBadLine
	}
	switch w.Type {
	case typeRecording:
		r, ok := w.recording(day.Stream)
		if !ok {
			return Line{}, errBadLine
		}
		return Line{Recording: &r}, nil
	case typeGap:
		if w.End < w.Start || !plausible(w.Start) || !plausible(w.End) {
			return Line{}, errBadLine
		}
		return Line{Gap: &index.Gap{
			Stream: day.Stream, Start: time.UnixMicro(w.Start).UTC(), End: time.UnixMicro(w.End).UTC(),
			Reason: index.GapReason(w.Reason), Detail: w.Detail,
		}}, nil
	case typeDeleted:
		if w.Hour == nil || *w.Hour < 0 || *w.Hour > 23 {
			return Line{}, errBadLine
		}
		return Line{Deleted: &Hour{Day: day, Hour: *w.Hour}}, nil
	case string(Evicted), string(Archived), string(Expired):
		if len(w.Files) == 0 {
			return Line{}, errBadLine
		}
		for _, ms := range w.Files {
			if h, err := HourOf(FilePath(day.Stream, ms)); err != nil || h.Day != day {
				return Line{}, errBadLine
			}
		}
		return Line{Files: &Files{Change: Change(w.Type), MS: w.Files}}, nil
	default:
		return Line{}, errBadLine
	}
}

func (w *wireLine) recording(stream nvr.StreamID) (index.Recording, bool) {
	owner, _, err := ParseFilePath(w.Path)
	if err != nil || owner != stream || !plausible(w.Start) || w.Duration <= 0 || w.Duration > maxDurationUS || w.Init <= 0 || w.Bytes < w.Init {
		return index.Recording{}, false
	}
	r := index.Recording{
		Stream: stream, Start: time.UnixMicro(w.Start).UTC(), Duration: time.Duration(w.Duration) * time.Microsecond,
		Path: w.Path, Bytes: w.Bytes, InitBytes: w.Init, CRC: w.CRC, Codecs: w.Codecs, Width: w.Width, Height: w.Height,
		Segments: make([]index.Segment, 0, len(w.Segments)),
	}
	at := w.Init
	for _, s := range w.Segments {
		if s[0] != at || s[1] <= 0 || s[1] > w.Bytes-at || s[2] < 0 || s[2] > w.Duration || s[3] < 0 || s[3] > w.Duration {
			return index.Recording{}, false
		}
		at += s[1]
		r.Segments = append(r.Segments, index.Segment{
			Offset: s[0], Bytes: s[1],
			Start: time.Duration(s[2]) * time.Microsecond, Duration: time.Duration(s[3]) * time.Microsecond,
		})
	}
	return r, len(r.Segments) > 0
}

// A recording lasts an hour at most, the longest that configuration allows. The index looks back two hours for recordings that
// began before a range: a longer one would be missed there.
const maxDurationUS = 2 * 3600 * 1_000_000

// plausible accepts the years 1970 to 9999, which is what paths can express.
func plausible(us int64) bool { return us >= 0 && us < 253402300800_000_000 }
