package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export/flatmp4"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// result is what a job made.
type result struct {
	files []File
	notes []string
}

// work is one attempt at a job.
type work struct {
	e        *Exporter
	x        Export
	progress progress
	result
}

// hashWeight is what summing up a byte costs, where reading and writing it costs 1.
const hashWeight = 0.5

// work does a job and returns its files, which are complete and on the disk.
func (e *Exporter) work(ctx context.Context, j *job, x Export) (result, error) {
	w := &work{e: e, x: x, progress: progress{e: e, j: j}}
	if err := e.store.clean(&record{Export: x}); err != nil { // of an attempt before
		return result{}, err
	}
	if err := e.hold(&x); err != nil {
		return result{}, err
	}
	sources, err := w.sources(ctx)
	if err != nil {
		return result{}, err
	}
	var made []File
	for _, s := range sources {
		files, err := w.camera(ctx, s)
		if err != nil {
			return result{}, err
		}
		made = append(made, files...)
	}
	if len(made) == 0 {
		return result{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "All recordings of this range were deleted before they could be exported, or are damaged."}
	}
	if x.Evidence {
		return w.result, w.pack(ctx, sources, made)
	}
	for i := range made {
		if err := w.seal(ctx, &made[i]); err != nil {
			return result{}, err
		}
	}
	w.files = made
	return w.result, nil
}

// source is what is recorded of one camera in the range.
type source struct {
	stream nvr.StreamID
	recs   []index.Recording
	spans  []span
	gaps   []Gap // of the whole range; grows where recordings turn out to be gone
	read   []nvr.TimeRange
}

func (w *work) rng() nvr.TimeRange { return nvr.TimeRange{Start: w.x.From, End: w.x.To} }

func (w *work) sources(ctx context.Context) ([]*source, error) {
	var out []*source
	total := 0.0
	for _, c := range w.x.Cameras {
		s := &source{stream: nvr.StreamID{Camera: c, Role: w.x.Role}}
		var err error
		if s.recs, err = w.e.opts.Player.Recordings(ctx, s.stream, w.rng()); err != nil {
			return nil, err
		}
		s.spans = spansOf(s.recs, w.rng())
		if len(s.spans) == 0 {
			w.note(fmt.Sprintf("Nothing is recorded of %s in this range.", c))
			continue
		}
		if len(index.Once(s.recs, w.x.To)) < len(s.recs) {
			w.note(fmt.Sprintf("The clock was set back: some of this range was recorded twice of %s, and the film has one of the two. Evidence has the recordings of both.", c))
		}
		for i := range s.spans {
			total += float64(s.spans[i].bytes()) * (1 + hashWeight)
		}
		if w.x.Evidence {
			for i := range s.recs {
				total += float64(s.recs[i].Bytes)
			}
		}
		out = append(out, s)
	}
	w.progress.plan(total)
	return out, nil
}

func (w *work) note(s string) { w.notes = append(w.notes, s) }

// maker makes files of the batches of one stream.
type maker interface {
	// begin starts a file for what r describes.
	begin(f flatmp4.File, r *reader, reserve int64) error
	take(ctx context.Context, b *batch) error
	// finish completes the file; empty says that it would present nothing.
	empty() bool
	finish(meta func([]Piece) flatmp4.Meta) ([]Piece, error)
}

// camera makes the files of one camera. They have temporary names and no sums yet.
func (w *work) camera(ctx context.Context, s *source) ([]File, error) {
	m := w.maker()
	r := &reader{player: w.e.opts.Player, stream: s.stream}
	var files []File
	var f *output
	defer func() { f.close() }()
	lost, damaged := 0, 0
	for i := range s.spans {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sp := &s.spans[i]
		changed, err := r.describe(ctx, sp)
		if err == nil && changed {
			if files, err = w.end(f, m, s, files); err != nil {
				return nil, err
			}
			if f, err = w.begin(fileName(&w.x, s.stream.Camera, len(files)+1)); err != nil {
				return nil, err
			}
			if err := m.begin(f, r, w.reserve(s, i)); err != nil {
				return nil, err
			}
		}
		var b *batch
		if err == nil {
			b, err = r.read(ctx, sp)
		}
		if skippable(err) {
			if gone(err) {
				lost++
			} else {
				damaged++
				w.e.opts.Logger.Warn("a piece of a recording is left out of an export", "export", w.x.ID, "err", err)
			}
			if i+1 < len(s.spans) {
				s.spans[i+1].jump = true
			}
			continue
		}
		if err == nil {
			err = m.take(ctx, b)
		}
		if err != nil {
			return nil, err
		}
		s.saw(sp)
		w.progress.add(float64(sp.bytes()))
	}
	files, err := w.end(f, m, s, files)
	if err != nil {
		return nil, err
	}
	f = nil
	if lost > 0 {
		w.note(fmt.Sprintf("Recordings of %s were deleted while they were exported; the files have gaps there.", s.stream.Camera))
	}
	if damaged > 0 {
		w.note(fmt.Sprintf("%d pieces of recordings of %s are damaged on their disk and left out; nightjar fsck --level content names them.", damaged, s.stream.Camera))
	}
	if w.x.Mode != Timelapse && len(files) > 1 {
		w.note(fmt.Sprintf("The stream of %s changed its format in this range; there are %d files of it.", s.stream.Camera, len(files)))
	}
	if r, ok := m.(*remux); ok {
		w.notes = append(w.notes, r.notes...)
	}
	return files, w.place(ctx, s, files)
}

func (w *work) maker() maker {
	if w.x.Mode == Timelapse {
		return &timelapse{from: w.x.From.UnixMicro(), to: w.x.To.UnixMicro(), speed: int64(w.x.Speed)}
	}
	return &remux{from: w.x.From.UnixMicro(), to: w.x.To.UnixMicro(), exact: w.x.Mode == Exact}
}

// reserve returns how much the tables may need of the file that begins with span i.
func (w *work) reserve(s *source, i int) int64 {
	first := s.spans[i].rec
	var d time.Duration
	for _, sp := range s.spans[i:] {
		if !sameShape(sp.rec, first) {
			break
		}
		d += sp.end().Sub(sp.start())
	}
	if w.x.Mode == Timelapse {
		return flatmp4.Reserve(d/time.Duration(w.x.Speed), timelapseFPS, 0, 2)
	}
	return flatmp4.Reserve(d, 30, 50, 1.5)
}

// saw notes that sp was exported.
func (s *source) saw(sp *span) {
	rec := index.Recording{Start: sp.start(), Duration: sp.end().Sub(sp.start())}
	s.read = index.AppendRun(s.read, rec, nvr.TimeRange{Start: rec.Start, End: rec.End()})
}

// begin opens a file in the making.
func (w *work) begin(name string) (*output, error) {
	f, err := w.e.store.temp(w.x.ID, name)
	if err != nil {
		return nil, err
	}
	return &output{File: f, name: name}, nil
}

// end completes f, if there is one, and appends it to files.
func (w *work) end(f *output, m maker, s *source, files []File) ([]File, error) {
	if f == nil {
		return files, nil
	}
	defer f.close()
	if m.empty() {
		w.e.store.discard(w.x.ID, f.name)
		return files, nil
	}
	pieces, err := m.finish(func(p []Piece) flatmp4.Meta { return w.meta(s.stream.Camera, p) })
	if err != nil {
		return nil, err
	}
	last := pieces[len(pieces)-1]
	return append(files, File{
		Name: f.name, Camera: s.stream.Camera, Start: pieces[0].Start, End: last.Start.Add(last.Duration), Pieces: pieces,
	}), nil
}

// meta is what players show.
func (w *work) meta(c nvr.CameraID, pieces []Piece) flatmp4.Meta {
	zone := zoneOf(w.x.Zone)
	m := flatmp4.Meta{
		Created: pieces[0].Start,
		Title:   fmt.Sprintf("%s, %s", c, pieces[0].Start.In(zone).Format("2006-01-02 15:04:05 MST")),
		Comment: fmt.Sprintf("Nightjar %s, export %s, first picture at %s", w.e.opts.Version, w.x.ID, pieces[0].Start.Format(time.RFC3339Nano)),
	}
	for _, p := range pieces {
		m.Chapters = append(m.Chapters, flatmp4.Chapter{At: p.At, Title: p.Start.In(zone).Format("2006-01-02 15:04:05")})
	}
	return m
}

// place finds the gaps of s and puts each into the file that it lies in or behind.
func (w *work) place(ctx context.Context, s *source, files []File) error {
	known, err := w.e.opts.Player.Gaps(ctx, s.stream, w.rng())
	if err != nil {
		return err
	}
	s.gaps = holes(w.rng(), s.read, known)
	if len(files) == 0 {
		return nil
	}
	for _, g := range s.gaps {
		i := 0
		for n := range files {
			if !files[n].Start.After(g.Start) {
				i = n
			}
		}
		files[i].Gaps = append(files[i].Gaps, g)
	}
	return nil
}

// minHole is the shortest hole that is listed.
const minHole = time.Millisecond

// holes returns what of r is not in runs, with the reason that covers most of it.
func holes(r nvr.TimeRange, runs []nvr.TimeRange, known []index.Gap) []Gap {
	var out []Gap
	add := func(start, end time.Time) {
		if start.Before(r.Start) {
			start = r.Start
		}
		if end.After(r.End) {
			end = r.End
		}
		if end.Sub(start) < minHole {
			return
		}
		g := Gap{Start: start.UTC(), End: end.UTC()}
		best := time.Duration(0)
		for _, k := range known {
			both := min(k.End.UnixMicro(), end.UnixMicro()) - max(k.Start.UnixMicro(), start.UnixMicro())
			if d := time.Duration(both) * time.Microsecond; d > best {
				best, g.Reason, g.Detail = d, k.Reason, k.Detail
			}
		}
		out = append(out, g)
	}
	at := r.Start
	for _, run := range runs {
		if run.Start.After(at) {
			add(at, run.Start)
		}
		if run.End.After(at) {
			at = run.End
		}
	}
	add(at, r.End)
	return out
}

// seal sums up a finished file, forces it to the device and gives it its name.
func (w *work) seal(ctx context.Context, file *File) error {
	f, err := w.e.store.reopen(w.x.ID, file.Name)
	if err != nil {
		return err
	}
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for err == nil {
		var n int
		if err = ctx.Err(); err != nil {
			break
		}
		n, err = f.Read(buf)
		_, _ = h.Write(buf[:n]) // a hash never fails
		file.Bytes += int64(n)
		w.progress.add(float64(n) * hashWeight)
	}
	if errors.Is(err, io.EOF) {
		err = w.e.store.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("sum up %s: %w", file.Name, err)
	}
	file.SHA256 = hex.EncodeToString(h.Sum(nil))
	return w.e.store.keep(w.x.ID, file.Name)
}

// output is a file in the making that is written to the device as it grows: gigabytes that wait in memory would
// otherwise be written at once, and a recorder that syncs a part would wait for them.
type output struct {
	*os.File
	name  string
	dirty int64
}

const writeBack = 8 << 20

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.File.Write(b)
	if o.dirty += int64(n); err == nil && o.dirty >= writeBack {
		o.dirty = 0
		// Best effort: not every file system can.
		_ = unix.SyncFileRange(int(o.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}
	return n, err
}

func (o *output) close() {
	if o != nil {
		o.File.Close() // what counts was synced before
	}
}
