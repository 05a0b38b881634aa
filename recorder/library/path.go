package library

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Day names one stream's recordings of one UTC day: a directory with a journal and up to 24 hour directories.
type Day struct {
	Stream nvr.StreamID
	Date   string // "2006-01-02", UTC
}

const (
	dateLayout  = "2006-01-02"
	journalName = "journal.jsonl"
	fileSuffix  = ".mp4"
)

// DayOf returns the day of stream that a recording which starts at t belongs to.
func DayOf(stream nvr.StreamID, t time.Time) Day {
	return Day{Stream: stream, Date: t.UTC().Format(dateLayout)}
}

// ParseDay is the inverse of String.
func ParseDay(s string) (Day, error) {
	id, date := path.Split(s)
	stream, err := nvr.ParseStreamID(strings.TrimSuffix(id, "/"))
	if err != nil {
		return Day{}, err
	}
	if _, err := time.Parse(dateLayout, date); err != nil {
		return Day{}, fmt.Errorf("day %q: want camera/role/YYYY-MM-DD", s)
	}
	return Day{Stream: stream, Date: date}, nil
}

// String returns the day's directory below the recordings directory: "camera/role/2006-01-02".
func (d Day) String() string { return d.Stream.String() + "/" + d.Date }

// Start returns midnight UTC, or the zero time for a date that is none.
func (d Day) Start() time.Time {
	t, _ := time.Parse(dateLayout, d.Date)
	return t
}

// Hour is one hour directory: what retention deletes at once.
type Hour struct {
	Day  Day
	Hour int // 0 to 23
}

// String returns the hour's directory below the recordings directory.
func (h Hour) String() string { return fmt.Sprintf("%s/%02d", h.Day, h.Hour) }

// Start returns the beginning of the hour.
func (h Hour) Start() time.Time { return h.Day.Start().Add(time.Duration(h.Hour) * time.Hour) }

// FilePath returns where the recording of stream that starts at ms, UTC milliseconds, lies.
func FilePath(stream nvr.StreamID, ms int64) string {
	t := time.UnixMilli(ms).UTC()
	return fmt.Sprintf("%s/%s/%02d/%d%s", stream, t.Format(dateLayout), t.Hour(), ms, fileSuffix)
}

// ParseFilePath is the inverse of FilePath and refuses everything that FilePath does not produce.
func ParseFilePath(p string) (stream nvr.StreamID, ms int64, err error) {
	bad := func() (nvr.StreamID, int64, error) {
		return nvr.StreamID{}, 0, fmt.Errorf("recording path %q: want camera/role/YYYY-MM-DD/HH/milliseconds.mp4", p)
	}
	elems := strings.Split(p, "/")
	if len(elems) != 5 {
		return bad()
	}
	stream, err = nvr.ParseStreamID(elems[0] + "/" + elems[1])
	if err != nil {
		return bad()
	}
	ms, err = strconv.ParseInt(strings.TrimSuffix(elems[4], fileSuffix), 10, 64)
	if err != nil || ms < 0 || ms > 253402300799999 || FilePath(stream, ms) != p {
		return bad()
	}
	return stream, ms, nil
}

// HourOf returns the hour directory of the recording at path.
func HourOf(p string) (Hour, error) {
	stream, ms, err := ParseFilePath(p)
	if err != nil {
		return Hour{}, err
	}
	t := time.UnixMilli(ms).UTC()
	return Hour{Day: DayOf(stream, t), Hour: t.Hour()}, nil
}
