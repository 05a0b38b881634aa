package playback

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// maxPlaylist bounds one playlist: a day of 2 s segments is 5 MB of text.
const maxPlaylist = 25 * time.Hour

// overlap is how far a segment may reach back into what was already played, as happens when a camera reconnects;
// beyond it the wall clock was set back, and of the hour that happened twice only the first is played.
const overlap = time.Second

// Playlist is an HLS playlist (RFC 8216, version 7) of recorded video.
type Playlist struct {
	Text string
	// Range is what the playlist plays: from the key picture at or before the start that was asked for.
	Range nvr.TimeRange
	// Next is where the rest begins that this playlist cannot hold, or zero. Players cannot go from one codec or set
	// of tracks to another within a playlist, so a new one must be asked for from there.
	Next time.Time
}

// Playlist returns a playlist of stream over r. Each line that names media is prefix followed by
// "<ms>/<offset>-<bytes>.m4s" or "<ms>/init.mp4", as OpenRange and OpenInit take them; the bytes behind such a name
// never change. It fails with CodeNotFound where nothing is recorded.
func (p *Player) Playlist(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange, prefix string) (Playlist, error) {
	if r.Duration() > maxPlaylist {
		return Playlist{}, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("a playlist covers at most %d hours", maxPlaylist/time.Hour)}
	}
	recs, err := p.Recordings(ctx, stream, r)
	if err != nil {
		return Playlist{}, err
	}
	w := writer{prefix: prefix}
	for i := range recs {
		if !w.recording(&recs[i], r) {
			break
		}
	}
	if w.count == 0 {
		return Playlist{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "nothing is recorded in this time range"}
	}
	return w.finish(), nil
}

// writer builds a playlist from recordings in order.
type writer struct {
	prefix string
	body   strings.Builder
	count  int
	target float64 // s, the longest segment
	last   *index.Recording
	next   index.Segment // what would follow seamlessly in last
	played nvr.TimeRange
	rest   time.Time
}

// recording adds the segments of rec that overlap r. It reports false when the playlist must end before rec.
func (w *writer) recording(rec *index.Recording, r nvr.TimeRange) bool {
	_, ms, err := library.ParseFilePath(rec.Path)
	if err != nil {
		return true // not ours to serve
	}
	for _, s := range rec.Segments {
		start := rec.Start.Add(s.Start)
		end := start.Add(s.Duration)
		if s.Duration <= 0 || !end.After(r.Start) || !start.Before(r.End) {
			continue
		}
		if w.count > 0 && start.Before(w.played.End.Add(-overlap)) {
			continue
		}
		if w.last != nil && shape(rec.Codecs) != shape(w.last.Codecs) {
			w.rest = start
			return false
		}
		w.segment(rec, ms, s, nvr.TimeRange{Start: start, End: end})
	}
	return true
}

// shape is what must stay the same within a playlist: the codec of each track without its profile.
func shape(codecs string) string {
	var out []string
	for c := range strings.SplitSeq(codecs, ",") {
		family, _, _ := strings.Cut(c, ".")
		out = append(out, family)
	}
	return strings.Join(out, ",")
}

func (w *writer) segment(rec *index.Recording, ms int64, s index.Segment, at nvr.TimeRange) {
	file := w.prefix + strconv.FormatInt(ms, 10) + "/"
	if !w.continues(rec, s) {
		if w.count > 0 {
			w.body.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		fmt.Fprintf(&w.body, "#EXT-X-MAP:URI=\"%sinit.mp4\"\n", file)
	}
	seconds := s.Duration.Seconds()
	fmt.Fprintf(&w.body, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%.6f,\n%s%d-%d.m4s\n",
		at.Start.UTC().Format("2006-01-02T15:04:05.000Z"), seconds, file, s.Offset, s.Bytes)
	if w.count == 0 {
		w.played.Start = at.Start
	}
	w.played.End = at.End
	w.target = math.Max(w.target, seconds)
	w.last, w.next = rec, index.Segment{Offset: s.Offset + s.Bytes}
	w.count++
}

// continues reports whether s goes on where the last segment ended on the same media timeline: the next bytes of the
// file, or the first of a file that begins exactly where the last one ended (recorder/docs/recording.md, invariant 5).
func (w *writer) continues(rec *index.Recording, s index.Segment) bool {
	if w.last == nil {
		return false
	}
	if rec.Path == w.last.Path {
		return s.Offset == w.next.Offset
	}
	return rec.Start.Equal(w.last.End()) && w.next.Offset == w.last.Bytes && s.Offset == rec.InitBytes &&
		rec.Codecs == w.last.Codecs && rec.InitBytes == w.last.InitBytes && rec.Width == w.last.Width && rec.Height == w.last.Height
}

func (w *writer) finish() Playlist {
	var out strings.Builder
	out.Grow(w.body.Len() + 256)
	fmt.Fprintf(&out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n", int(math.Ceil(w.target)))
	out.WriteString("#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	out.WriteString(w.body.String())
	out.WriteString("#EXT-X-ENDLIST\n")
	return Playlist{Text: out.String(), Range: w.played, Next: w.rest}
}
