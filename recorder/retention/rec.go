package retention

import (
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Class says how interesting a recording is. The zero value says that nobody knows, which counts as interesting.
type Class uint8

// The classes.
const (
	Unknown Class = iota // not asked yet, or whoever should know does not
	Quiet                // nothing happened
	Motion               // something moved
	Event                // an object, motion or manual event
)

// Rec is what the plan knows of one recording of a Day: 16 bytes, for there may be millions.
type Rec struct {
	at        uint32 // its name: milliseconds since midnight
	length    uint32 // milliseconds from at to its end
	bytesLow  uint32
	bytesHigh uint16
	flags     uint8 // class, and whether the archive has a copy
	early     uint8 // how long before its name it starts, in units of 4 ms: the name was taken
}

const (
	classMask  = 0x07
	remoteFlag = 0x08
	earlyUnit  = 4 // milliseconds
)

// Class returns how interesting the recording is.
func (r Rec) Class() Class { return Class(r.flags & classMask) }

// Remote reports whether the archive has a verified copy.
func (r Rec) Remote() bool { return r.flags&remoteFlag != 0 }

// Bytes returns the size of the file.
func (r Rec) Bytes() int64 { return int64(r.bytesHigh)<<32 | int64(r.bytesLow) }

func (r Rec) withClass(c Class) Rec {
	r.flags = r.flags&^classMask | uint8(c)
	return r
}

func (r Rec) withRemote(on bool) Rec {
	r.flags &^= remoteFlag
	if on {
		r.flags |= remoteFlag
	}
	return r
}

// Day is the local recordings of one stream and day on one volume.
type Day struct {
	library.Day
	Recs []Rec // by name

	midnight int64 // UTC milliseconds
}

// NewDay returns a day without recordings.
func NewDay(d library.Day) Day { return Day{Day: d, midnight: d.Start().UnixMilli()} }

// Add enters a recording; one of the same name is replaced, but stays in the archive if it is there. Recordings of
// another day are ignored.
func (d *Day) Add(r index.Recording) {
	_, ms, err := library.ParseFilePath(r.Path)
	if err != nil || ms < d.midnight || ms >= d.midnight+24*time.Hour.Milliseconds() {
		return
	}
	start, end := r.Start.UnixMicro(), r.End().UnixMicro()
	rec := Rec{
		at: uint32(ms - d.midnight), length: uint32(clamp((end+999)/1000-ms, 1<<32-1)), //nolint:gosec // within a day, and clamped
		bytesLow: uint32(r.Bytes & (1<<32 - 1)), bytesHigh: uint16(clamp(r.Bytes>>32, 1<<16-1)), //nolint:gosec // masked and clamped
		early: uint8(clamp((ms*1000-start+earlyUnit*1000-1)/(earlyUnit*1000), 255)), //nolint:gosec // clamped
	}
	rec = rec.withRemote(r.Remote)
	i, known := d.find(ms)
	if known {
		d.Recs[i] = rec.withRemote(r.Remote || d.Recs[i].Remote())
		return
	}
	d.Recs = slices.Insert(d.Recs, i, rec)
}

func clamp(n, most int64) int64 { return max(0, min(most, n)) }

// find returns where the recording named ms is or would be.
func (d *Day) find(ms int64) (int, bool) {
	return slices.BinarySearchFunc(d.Recs, ms, func(r Rec, ms int64) int {
		switch at := d.midnight + int64(r.at); {
		case at < ms:
			return -1
		case at > ms:
			return 1
		default:
			return 0
		}
	})
}

// name returns the name of Recs[i]: UTC milliseconds.
func (d *Day) name(i int) int64 { return d.midnight + int64(d.Recs[i].at) }

// start and end return when Recs[i] starts and ends, in UTC milliseconds, rounded outwards.
func (d *Day) start(i int) int64 { return d.name(i) - earlyUnit*int64(d.Recs[i].early) }
func (d *Day) end(i int) int64   { return d.name(i) + int64(d.Recs[i].length) }

// hour returns the hour of the day in whose directory Recs[i] lies.
func (d *Day) hour(i int) int { return int(int64(d.Recs[i].at) / time.Hour.Milliseconds()) }

// ofHour returns the recordings of an hour, as a range of indices.
func (d *Day) ofHour(hour int) (from, to int) {
	from, _ = d.find(d.midnight + int64(hour)*time.Hour.Milliseconds())
	to, _ = d.find(d.midnight + int64(hour+1)*time.Hour.Milliseconds())
	return from, to
}

func (d *Day) bytes() (n int64) {
	for _, r := range d.Recs {
		n += r.Bytes()
	}
	return n
}
