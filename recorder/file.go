package recorder

import (
	"errors"
	"fmt"
	"hash/crc32"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// minSegment is the shortest HLS segment: the first key picture after it begins the next. A little under 2 s, so that
// a camera with a key picture each 2 s gets segments of 2 s in spite of rounding.
const minSegment = 1900 * time.Millisecond

// maxSegment is how long a stream may go without a key picture before its run ends. What would follow could only be played
// from minutes before; and with it a recording stays within the two hours that the index looks back.
const maxSegment = 10 * time.Minute

// maxSegmentBytes is the same in bytes: playback and export read a segment as a whole, 256 MiB at most, and what was recorded
// beyond that could not be played at all.
const maxSegmentBytes = 200 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// diskFile is a file that only grows.
type diskFile struct {
	f       library.File
	lib     *library.Library
	path    string
	syncs   prometheus.Counter
	named   bool // the directory entry was synced
	written int64
	torn    bool
}

// maxSlices is the kernel's limit for one vectored write (IOV_MAX).
const maxSlices = 1024

// writev appends all of bufs or fails; then part of them may have been written.
func (d *diskFile) writev(bufs [][]byte) error {
	if len(bufs) > maxSlices {
		bufs = [][]byte{join(bufs)} // dozens of slices per picture: a copy is cheaper than a second write
	}
	for len(bufs) > 0 {
		n, err := d.f.Writev(bufs)
		if n == 0 && err == nil {
			err = syscall.ENOSPC
		}
		if err != nil {
			d.torn = true
			return err
		}
		d.written += int64(n)
		bufs = skip(bufs, n)
	}
	return nil
}

// skip drops the first n bytes of bufs after a short write, which happens when the disk fills up or a signal comes.
func skip(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		rest := append([][]byte{bufs[0][n:]}, bufs[1:]...)
		return rest
	}
	return bufs
}

func join(bufs [][]byte) []byte {
	size := 0
	for _, b := range bufs {
		size += len(b)
	}
	out := make([]byte, 0, size)
	for _, b := range bufs {
		out = append(out, b...)
	}
	return out
}

func (d *diskFile) sync() error {
	d.syncs.Inc()
	if err := d.f.Sync(); err != nil {
		return err
	}
	if d.named {
		return nil
	}
	d.named = true
	d.syncs.Inc()
	return d.lib.SyncDir(d.path)
}

// close cuts off what was written beyond size and closes the file; of size 0, it is removed.
func (d *diskFile) close(size int64) error {
	var err error
	if d.torn || d.written > size {
		err = d.f.Truncate(size)
	}
	err = errors.Join(err, d.f.Close())
	if size == 0 {
		err = errors.Join(err, d.lib.FS().Remove(d.path))
	}
	return err
}

// openFile is a recording that is being written. It comes into being with its first part, so no file is ever empty
// except between two system calls. rec is guarded by the Recorder's mutex, because playback reads it.
type openFile struct {
	r      *Recorder
	rec    index.Recording
	sink   *diskFile
	head   []byte        // ftyp+moov, until written
	from   time.Duration // where rec.Start is on the muxer's timeline
	bufs   [][]byte
	cutSeg bool // the next part begins a segment
}

// newOpenFile plans a recording that starts at start, which is at from on the timeline of m.
func newOpenFile(r *Recorder, m *fmp4.Muxer, start time.Time, from time.Duration) *openFile {
	d := m.Description()
	f := &openFile{r: r, head: m.Init(), from: from, cutSeg: true, rec: index.Recording{
		Stream: r.stream.ID, Start: start, InitBytes: int64(len(m.Init())), Codecs: fmp4.Codecs(d),
	}}
	f.rec.Width, f.rec.Height = pictureSize(d)
	return f
}

func pictureSize(d *media.Description) (w, h int) {
	if i := d.VideoTrack(); i >= 0 {
		return d.Tracks[i].Width, d.Tracks[i].Height
	}
	return 0, 0
}

// write appends p with one system call, together with the init segment when it is the first. payload is the number of
// bytes in it that the camera sent.
func (f *openFile) write(p *fmp4.Part, payload int) error {
	f.bufs = f.bufs[:0]
	size := int64(p.Bytes)
	if f.head != nil {
		f.bufs = append(f.bufs, f.head)
		size += int64(len(f.head))
	}
	f.bufs = append(f.bufs, p.Buffers...)
	var err error
	if f.sink == nil {
		err = f.begin()
	} else if err = f.put(f.sink); err != nil {
		f.r.opts.Volumes.Failed(f.sink.lib, err)
		err = fmt.Errorf("write part of %s: %w", f.rec.Path, err)
	}
	if err != nil {
		return err
	}
	crc := f.rec.CRC
	for _, b := range f.bufs {
		crc = crc32.Update(crc, castagnoli, b)
	}
	clear(f.bufs)
	f.head = nil
	f.r.mu.Lock()
	f.grow(p, size, crc)
	f.r.mu.Unlock()
	f.r.metrics.bytes.Add(float64(size))
	f.r.metrics.payload.Add(float64(payload))
	f.r.metrics.parts.Inc()
	return nil
}

// put writes the part. Where only the whole file is synced, the device begins with it at once: left to the end, 30 s of a camera
// would hold up a slow disk for seconds.
func (f *openFile) put(s *diskFile) error {
	from := s.written
	if err := s.writev(f.bufs); err != nil {
		return err
	}
	switch f.r.opts.Sync {
	case SyncPart:
		return s.sync()
	case SyncFile:
		s.f.Writeback(from, s.written-from)
	case SyncOff:
	}
	return nil
}

// begin creates the file and writes the first part, on the first volume that takes it.
func (f *openFile) begin() error {
	v := f.r.opts.Volumes
	err := fmt.Errorf("create recording: %w", library.ErrMissing)
	for _, lib := range v.Candidates() {
		var s *diskFile
		if s, err = f.beginOn(lib); err == nil {
			v.Wrote(lib)
			f.r.mu.Lock()
			f.sink, f.rec.Path = s, s.path
			f.r.current = f
			f.r.mu.Unlock()
			return nil
		}
		v.Failed(lib, err)
		err = fmt.Errorf("begin recording in %s: %w", lib.Dir(), err)
	}
	return err
}

func (f *openFile) beginOn(lib *library.Library) (*diskFile, error) {
	ms := f.rec.Start.UnixMilli()
	file, path, err := f.r.opts.Volumes.Create(lib, library.DayOf(f.rec.Stream, f.rec.Start), ms)
	if err != nil {
		return nil, err
	}
	s := &diskFile{f: file, lib: lib, path: path, syncs: f.r.metrics.syncs}
	if err := f.put(s); err != nil {
		return nil, errors.Join(err, s.close(0))
	}
	return s, nil
}

// grow enters a written part into rec. A segment's bytes begin where the one before ended, the first's behind the
// init segment; times are whole microseconds of the timeline, so that what meets on it meets in the index.
func (f *openFile) grow(p *fmp4.Part, size int64, crc uint32) {
	r := &f.rec
	if f.cutSeg {
		f.cutSeg = false
		r.Segments = append(r.Segments, index.Segment{Offset: max(r.Bytes, r.InitBytes), Start: f.place(p.Start)})
	}
	r.Bytes += size
	r.CRC = crc
	s := &r.Segments[len(r.Segments)-1]
	s.Bytes = r.Bytes - s.Offset
	if p.Duration > 0 {
		r.Duration = f.place(p.Start + p.Duration)
		s.Duration = r.Duration - s.Start
	}
}

// endAt corrects the end of the last segment, which a flush may have guessed, to where the next picture begins.
func (f *openFile) endAt(at time.Duration) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	if n := len(f.rec.Segments); n > 0 && f.place(at) > f.rec.Segments[n-1].Start {
		f.rec.Duration = f.place(at)
		f.rec.Segments[n-1].Duration = f.rec.Duration - f.rec.Segments[n-1].Start
	}
}

// place returns the distance from rec.Start in whole microseconds.
func (f *openFile) place(at time.Duration) time.Duration {
	return at.Truncate(time.Microsecond) - f.from.Truncate(time.Microsecond)
}

// segmentAge returns how long the segment being written is when the next part begins at at.
func (f *openFile) segmentAge(at time.Duration) time.Duration {
	if len(f.rec.Segments) == 0 {
		return 0
	}
	return f.place(at) - f.rec.Segments[len(f.rec.Segments)-1].Start
}

// segmentBytes returns how long the segment being written is, without what waits for its part to be complete.
func (f *openFile) segmentBytes() int64 {
	if len(f.rec.Segments) == 0 {
		return 0
	}
	return f.rec.Segments[len(f.rec.Segments)-1].Bytes
}

// close ends the recording and journals it. After a failed write it keeps what was written whole before.
func (f *openFile) close() error {
	if f.sink == nil {
		return nil
	}
	var err error
	whole := f.rec.Duration > 0
	if whole && f.r.opts.Sync != SyncOff {
		err = f.sink.sync()
	}
	size := f.rec.Bytes
	if !whole {
		size = 0
	}
	err = errors.Join(err, f.sink.close(size))
	if whole {
		f.r.ended(f.rec.End())
		f.r.metrics.files.Inc()
		f.r.journal(pending{f.sink.lib, library.Line{Recording: &f.rec}}) // before current is let go, so that playback always finds it in one of the two
	}
	f.r.mu.Lock()
	f.r.current = nil
	f.r.mu.Unlock()
	if err != nil {
		f.r.opts.Volumes.Failed(f.sink.lib, err)
		return fmt.Errorf("close %s: %w", f.rec.Path, err)
	}
	return nil
}
