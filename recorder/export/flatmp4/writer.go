// Package flatmp4 writes MP4 files without fragments, with the index in front of the media ("fast start"), so that they
// play everywhere and while they are still being downloaded. Payload goes straight to the file; only tables are kept in
// memory, about 10 bytes per picture. It knows nothing of recordings: the caller says what the samples are.
package flatmp4

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// File is what a Writer needs of the file it writes; *os.File has it.
type File interface {
	io.WriteSeeker
	io.ReaderAt
	io.WriterAt
}

// Track describes one track. The first one is the lead: it times the presentation.
type Track struct {
	// Stsd is the whole box that says how the samples are coded; see Stsd and AddParameters.
	Stsd  []byte
	Clock int64 // ticks per second
	Video bool
	// Width and Height are the size in pixels of pictures as they are shown.
	Width, Height int
}

// Sample is one picture or audio frame.
type Sample struct {
	Track    int   // index into the tracks
	DTS      int64 // on the timeline of the file, in the track's clock; grows from sample to sample of a track
	Duration int64 // ticks; only the last sample's counts, the others last until the next
	CTO      int64 // PTS minus DTS
	Key      bool
	Size     int // bytes
}

// Chapter names a point of the presentation.
type Chapter struct {
	At    time.Duration
	Title string
}

// Meta is what players show of the file.
type Meta struct {
	Created  time.Time // when the first picture was taken
	Title    string
	Comment  string
	Chapters []Chapter // none, or from 0 on in order
}

// Writer writes one file. It is for one goroutine.
type Writer struct {
	file    File
	tracks  []Track
	tables  []table
	payload int64 // where the first payload byte is
	size    int64 // payload bytes
}

// mdatHead is the length of a header of mdat with a 64-bit size.
const mdatHead = 16

// New begins a file and keeps reserve bytes free at its start for the tables; see Reserve. If they turn out too few,
// Finish moves the payload.
func New(f File, tracks []Track, reserve int64) (*Writer, error) {
	if len(tracks) == 0 {
		return nil, errors.New("write MP4: no tracks")
	}
	for _, t := range tracks {
		if t.Clock <= 0 || t.Clock > math.MaxUint32 {
			return nil, errors.New("write MP4: a track has no clock")
		}
	}
	w := &Writer{file: f, tracks: tracks, tables: make([]table, len(tracks)), payload: reserve + mdatHead}
	// The space is claimed with one byte; what the tables do not need stays a hole inside a box of type free.
	if _, err := f.WriteAt([]byte{0}, w.payload-1); err != nil {
		return nil, fmt.Errorf("write MP4: %w", err)
	}
	if _, err := f.Seek(w.payload, io.SeekStart); err != nil {
		return nil, fmt.Errorf("write MP4: %w", err)
	}
	return w, nil
}

// Reserve returns how much the tables of a file may need that lasts d at the given rates per second. It is generous:
// each picture may have a duration and an offset of its own.
func Reserve(d time.Duration, pictures, audioFrames, chunks float64) int64 {
	perSecond := pictures*(4+8+8+1) + audioFrames*(4+1) + chunks*2*(8+12)
	return 8192 + int64(1.1*perSecond*(d.Seconds()+2))
}

// Write appends data, which consists of the bytes of samples, one after another.
func (w *Writer) Write(data []byte, samples []Sample) error {
	at := w.size
	for i := 0; i < len(samples); {
		n, bytes := 0, int64(0)
		track := samples[i].Track
		for _, s := range samples[i:] {
			if s.Track != track {
				break
			}
			n++
			bytes += int64(s.Size)
			w.tables[track].add(s)
		}
		w.tables[track].chunks.add(at, n)
		at += bytes
		i += n
	}
	if at-w.size != int64(len(data)) {
		return fmt.Errorf("write MP4: %d bytes for samples of %d", len(data), at-w.size)
	}
	if _, err := w.file.Write(data); err != nil {
		return fmt.Errorf("write MP4: %w", err)
	}
	w.size = at
	return nil
}

// Describe replaces how the samples of track are coded: what comes to light only while they are written.
func (w *Writer) Describe(track int, stsd []byte) { w.tracks[track].Stsd = stsd }

// Samples returns how many samples of track were written.
func (w *Writer) Samples(track int) int { return w.tables[track].sizes.n }

// End returns the DTS after the last sample of track, 0 when there is none.
func (w *Writer) End(track int) int64 { return w.tables[track].end() }

// Finish writes the tables. The file then presents what lies in [start, end) of the timeline, in the lead track's clock
// by PTS; what was written outside of it stays in the file and is hidden by edit lists. It returns the file's length.
func (w *Writer) Finish(start, end int64, m Meta) (int64, error) {
	if w.tables[0].sizes.n == 0 || end <= start {
		return 0, errors.New("write MP4: nothing to present")
	}
	l := layout{w: w, meta: m, start: start, end: end}
	head := l.size()
	if free := w.payload - mdatHead - head; free < 0 || free > 0 && free < 8 {
		if err := w.shift(8 - free); err != nil {
			return 0, err
		}
	}
	b := bufio.NewWriterSize(io.NewOffsetWriter(w.file, 0), 1<<16)
	out := &boxWriter{w: b}
	l.write(out)
	if free := w.payload - mdatHead - out.n; free > 0 {
		out.u32(uint32(free))
		out.str("free")
	}
	if out.err == nil {
		out.err = b.Flush()
	}
	if out.err == nil {
		out.err = w.writeMdatHead()
	}
	if out.err != nil {
		return 0, fmt.Errorf("write tables of MP4: %w", out.err)
	}
	return w.payload + w.size, nil
}

func (w *Writer) writeMdatHead() error {
	b := bufio.NewWriterSize(io.NewOffsetWriter(w.file, w.payload-mdatHead), mdatHead)
	out := &boxWriter{w: b}
	out.u32(1)
	out.str("mdat")
	out.u64(uint64(w.size + mdatHead))
	if out.err != nil {
		return out.err
	}
	return b.Flush()
}

// shift moves the payload back by n bytes, from its end on, so that no second file is needed.
func (w *Writer) shift(n int64) error {
	buf := make([]byte, 1<<20)
	for left := w.size; left > 0; {
		k := min(left, int64(len(buf)))
		left -= k
		if _, err := w.file.ReadAt(buf[:k], w.payload+left); err != nil {
			return fmt.Errorf("make room for tables of MP4: %w", err)
		}
		if _, err := w.file.WriteAt(buf[:k], w.payload+left+n); err != nil {
			return fmt.Errorf("make room for tables of MP4: %w", err)
		}
	}
	w.payload += n
	return nil
}
