package playback

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// maxPlaylist bounds one playlist: a day of 2 s segments is 5 MB of text.
const maxPlaylist = 25 * time.Hour

// lineBytes is what a segment's lines take without the prefix.
const lineBytes = 120

// overlap is how far a segment may reach back into what was already played, as happens when a camera reconnects;
// beyond it the wall clock was set back, and of the hour that happened twice one recording is played (index.Once).
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
	if p.remote == nil { // what is only in an archive that is switched off
		recs = slices.DeleteFunc(recs, func(r index.Recording) bool { return r.Evicted })
	}
	recs = index.Once(recs, r.End)
	n := 0
	for i := range recs {
		n += len(recs[i].Segments)
	}
	w := writer{prefix: prefix, body: make([]byte, 0, 256+n*(len(prefix)+lineBytes))}
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
	body   []byte
	count  int
	target time.Duration // the longest segment
	file   []byte        // prefix and name of last
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
		if w.last != nil && rec.Codecs != w.last.Codecs && shape(rec.Codecs) != shape(w.last.Codecs) {
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

// segment is called tens of thousands of times for a day, so it formats by hand.
func (w *writer) segment(rec *index.Recording, ms int64, s index.Segment, at nvr.TimeRange) {
	continues := w.continues(rec, s)
	if rec != w.last {
		w.file = append(strconv.AppendInt(append(w.file[:0], w.prefix...), ms, 10), '/')
	}
	b := w.body
	if !continues {
		if w.count > 0 {
			b = append(b, "#EXT-X-DISCONTINUITY\n"...)
		}
		b = append(b, "#EXT-X-MAP:URI=\""...)
		b = append(append(b, w.file...), "init.mp4\"\n"...)
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = at.Start.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, "\n#EXTINF:"...)
	b = appendSeconds(b, s.Duration)
	b = append(append(b, ",\n"...), w.file...)
	b = append(strconv.AppendInt(b, s.Offset, 10), '-')
	w.body = append(strconv.AppendInt(b, s.Bytes, 10), ".m4s\n"...)
	if w.count == 0 {
		w.played.Start = at.Start
	}
	w.played.End = at.End
	w.target = max(w.target, s.Duration)
	w.last, w.next = rec, index.Segment{Offset: s.Offset + s.Bytes}
	w.count++
}

// appendSeconds appends d in seconds with six decimals.
func appendSeconds(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	b = append(strconv.AppendInt(b, us/1e6, 10), '.')
	for unit := int64(100_000); unit > 0; unit /= 10 {
		b = append(b, byte('0'+us/unit%10))
	}
	return b
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
	out.Grow(len(w.body) + 256)
	target := (w.target + time.Second - 1) / time.Second
	fmt.Fprintf(&out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n", target)
	out.WriteString("#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	out.Write(w.body)
	out.WriteString("#EXT-X-ENDLIST\n")
	return Playlist{Text: out.String(), Range: w.played, Next: w.rest}
}
