// Package fsck checks what recorder/docs/recording.md promises of recordings at rest: files, journals, the index and the
// archive are compared with each other, each difference is a finding with the number of the invariant that it breaks, and
// most can be repaired. It never deletes video that plays: what it must take away goes to .lost+found in its volume, and
// what it cannot decide it reports. It also rebuilds journals from files alone.
//
// It is not the recovery after a crash, which the recorder does at each start within seconds; and it repairs nothing while
// a recorder runs.
package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Level says how closely files are looked at. Each level includes those before it.
type Level int

// The levels.
const (
	List    Level = iota // names: reads directories and journals
	Size                 // sizes: one stat per file
	Content              // checksums and boxes: reads every byte, the archive's too
)

// ParseLevel returns the level called list, size or content.
func ParseLevel(s string) (Level, error) {
	for l, name := range []string{"list", "size", "content"} {
		if s == name {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("level %q: want list, size or content", s)
}

// Severity says what a finding means.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // a promise is broken: video is damaged, missing or cannot be found
	Warning Severity = "warning" // a leftover that costs nothing, or what the next start heals
	Info    Severity = "info"    // for a person to know; nothing is wrong with Nightjar's data
)

// Finding is one difference between what is promised and what is there.
type Finding struct {
	Invariant int          `json:"invariant"` // its number in recorder/docs/recording.md
	Severity  Severity     `json:"severity"`
	Volume    string       `json:"volume,omitempty"` // empty where it concerns the index
	Path      string       `json:"path,omitempty"`   // below the volume
	Stream    nvr.StreamID `json:"stream"`
	Time      time.Time    `json:"time"`               // of the recording, or the zero time
	Problem   string       `json:"problem"`            // one sentence
	Repair    string       `json:"repair,omitempty"`   // what repairing does, one sentence; empty where it does nothing
	Repaired  bool         `json:"repaired,omitempty"` // it was done
	Failed    string       `json:"failed,omitempty"`   // why it could not be done
}

// Report is what was looked at and found.
type Report struct {
	Streams  int       `json:"streams"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"` // of recordings, as journaled
	Findings []Finding `json:"findings"`
	Errors   int       `json:"errors"`   // findings of severity error that are not repaired
	Warnings int       `json:"warnings"` // the same for warnings
	Repaired int       `json:"repaired"`
}

// Archive tells what the S3 tier holds.
type Archive interface {
	// List calls fn with the library path and size of each object of stream, in any order.
	List(ctx context.Context, stream nvr.StreamID, fn func(path string, bytes int64) error) error
	// Verify reads the copy of r back. The error has nvr.CodeConflict where its bytes are not the recording's.
	Verify(ctx context.Context, r index.Recording) error
}

// Options is what to check and how.
type Options struct {
	Libraries []*library.Library // the volumes, in the order in which playback asks them
	Index     index.Index        // nil leaves the index out
	Remote    Archive            // nil leaves the archive out
	Level     Level
	Repair    bool
	// Running says that a recorder works on the volumes: nothing may be repaired, and what is in motion is no finding.
	Running bool
	// Streams limits the check to these; nil means all. Streams that only the index knows must be named to be checked.
	Streams []nvr.StreamID
	// Progress, which may be nil, is called after each hour directory with how many of them are done.
	Progress func(done, total int)
}

// ErrRunning is returned when repair is asked for while a recorder runs.
var ErrRunning = errors.New("recordings cannot be repaired while Nightjar runs; stop it first, or check without repair")

// Check compares and, with Options.Repair, repairs. Doing it again after a repair repairs nothing more. The error is
// ErrRunning, ctx's, or that of a volume or index that cannot be read at all; the report holds what was found before.
func Check(ctx context.Context, o Options) (Report, error) {
	c := &checker{o: o, now: time.Now}
	err := c.run(ctx)
	return c.finish(), err
}

type checker struct {
	o       Options
	now     func() time.Time
	volumes []*volume
	rep     Report

	done, total int
}

// volume is one library and what is known of it before its days are looked at.
type volume struct {
	lib    *library.Library
	cursor map[library.Day]int64
	days   map[nvr.StreamID][]library.Day
}

func (c *checker) run(ctx context.Context) error {
	if len(c.o.Libraries) == 0 {
		return errors.New("fsck: no volume to check")
	}
	if c.o.Repair && c.o.Running {
		return ErrRunning
	}
	streams := make(map[nvr.StreamID]bool)
	for _, lib := range c.o.Libraries {
		v := &volume{lib: lib, cursor: readCursor(lib), days: make(map[nvr.StreamID][]library.Day)}
		if err := c.survey(v); err != nil {
			return fmt.Errorf("look through %s: %w", lib.Dir(), err)
		}
		c.volumes = append(c.volumes, v)
		for s := range v.days {
			streams[s] = true
		}
	}
	for _, s := range c.o.Streams {
		streams[s] = true
	}
	order := slices.SortedFunc(maps.Keys(streams), func(a, b nvr.StreamID) int { return cmp.Compare(a.String(), b.String()) })
	for _, s := range order {
		if err := c.stream(ctx, s); err != nil {
			return fmt.Errorf("check %s: %w", s, err)
		}
		c.rep.Streams++
	}
	return nil
}

// wanted tells whether the check is about stream.
func (c *checker) wanted(s nvr.StreamID) bool {
	return c.o.Streams == nil || slices.Contains(c.o.Streams, s)
}

// found enters a finding, and repairs it where that was asked for and repair is not nil.
func (c *checker) found(f Finding, repair func() error) {
	if repair == nil {
		f.Repair = ""
	} else if c.o.Repair {
		if err := repair(); err != nil {
			f.Failed = err.Error()
		} else {
			f.Repaired = true
		}
	}
	c.rep.Findings = append(c.rep.Findings, f)
}

func (c *checker) finish() Report {
	for _, f := range c.rep.Findings {
		switch {
		case f.Repaired:
			c.rep.Repaired++
		case f.Severity == Error:
			c.rep.Errors++
		case f.Severity == Warning:
			c.rep.Warnings++
		}
	}
	return c.rep
}

// step reports n more hour directories as done.
func (c *checker) step(n int) {
	c.done += n
	if c.o.Progress != nil {
		c.o.Progress(c.done, max(c.done, c.total))
	}
}
