package retention

import (
	"errors"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Policy is how long footage is kept.
type Policy struct {
	Default Rule // of cameras that are not listed
	Cameras map[nvr.CameraID]Rule
	// MaxBytes caps the local recordings of all volumes together; 0 means no cap.
	MaxBytes int64
	// MinFree is how many bytes of each volume's file system stay free. 0 means DefaultMinFree, negative none.
	MinFree int64
	// Evict lets local files go EvictAfter their end once the archive has a verified copy.
	Evict      bool
	EvictAfter time.Duration
}

// Rule is how long footage of one camera is kept. A recording in which something happened is kept whole.
type Rule struct {
	Continuous bool // keep footage in which nothing happens; without, it goes 10 min and PostCapture after its end
	RetainDays int  // full days of all footage; 0 keeps until space is needed
	MotionDays int  // of footage with motion, where longer than RetainDays
	EventDays  int  // of footage with events, where longer than the two above
	// PreCapture and PostCapture belong to a motion or an event, before and after it.
	PreCapture, PostCapture time.Duration
	MaxBytes                int64 // of this camera; 0 means no cap
}

// DefaultMinFree returns the free space kept on a disk of total bytes: 5 %, at most 20 GiB.
func DefaultMinFree(total int64) int64 { return min(total/20, 20<<30) }

// ripens is how long after the end of a recording, and the post-capture, it is known what happened in it.
const ripens = 10 * time.Minute

func (p Policy) rule(camera nvr.CameraID) Rule {
	if r, ok := p.Cameras[camera]; ok {
		return r
	}
	return p.Default
}

func (p Policy) minFree(total int64) int64 {
	if p.MinFree == 0 {
		return DefaultMinFree(total)
	}
	return max(0, p.MinFree)
}

func (p Policy) validate() error {
	if p.MaxBytes < 0 || p.EvictAfter < 0 {
		return errors.New("retention: bytes and durations must not be negative")
	}
	check := func(who string, r Rule) error {
		if min(r.RetainDays, r.MotionDays, r.EventDays) < 0 || min(r.PreCapture, r.PostCapture) < 0 || r.MaxBytes < 0 {
			return fmt.Errorf("retention of %s: days, durations and bytes must not be negative", who)
		}
		return nil
	}
	for id, r := range p.Cameras {
		if err := check("camera "+string(id), r); err != nil {
			return err
		}
	}
	return check("cameras that are not listed", p.Default)
}

// days returns how many full days footage of class is kept, 0 for until space is needed. It is not for what the rule
// discards.
func (r Rule) days(c Class) int {
	if r.Continuous && r.RetainDays == 0 {
		return 0
	}
	switch c {
	case Quiet:
		return r.RetainDays
	case Motion:
		return max(r.RetainDays, r.MotionDays)
	default: // nothing goes for lack of knowledge
		return max(r.RetainDays, r.MotionDays, r.EventDays)
	}
}

// curious reports whether it matters for the age of footage what happened in it.
func (r Rule) curious() bool { return !r.Continuous || r.days(Quiet) != r.days(Event) }

const never = int64(1) << 62

// due returns when a recording that starts and ends at these times may go by age, all in UTC milliseconds. Whole hours
// of recordings go together: full days count from the end of the hour.
func (r Rule) due(c Class, start, end int64) int64 {
	if !r.Continuous && c == Quiet {
		return end + (ripens + r.PostCapture).Milliseconds()
	}
	days := r.days(c)
	if days == 0 {
		return never
	}
	const hour = int64(time.Hour / time.Millisecond)
	return max(end, (start/hour+1)*hour) + int64(days)*24*hour
}
