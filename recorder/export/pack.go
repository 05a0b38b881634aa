package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export/evidence"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// pack makes an evidence package of the original recordings and of the files made from them, which it takes away.
func (w *work) pack(ctx context.Context, sources []*source, made []File) error {
	name := packageName(&w.x)
	f, err := w.begin(name)
	if err != nil {
		return err
	}
	defer f.close()
	pkg, err := evidence.NewWriter(f, w.e.opts.Key, evidence.Manifest{
		Name: w.x.Name, CreatedAt: now(), CreatedBy: w.x.CreatedBy, Software: "Nightjar " + w.e.opts.Version,
		From: w.x.From, To: w.x.To, Notes: w.notes,
	})
	if err != nil {
		return err
	}
	for _, s := range sources {
		for i := range s.recs {
			if err := w.original(ctx, pkg, &s.recs[i]); err != nil {
				return err
			}
		}
		for _, g := range s.gaps {
			pkg.Gap(evidence.Gap{
				Camera: string(s.stream.Camera), Stream: string(s.stream.Role), Start: g.Start, End: g.End, Reason: string(g.Reason), Detail: g.Detail,
			})
		}
	}
	for i := range made {
		if err := w.playable(ctx, pkg, &made[i]); err != nil {
			return err
		}
	}
	if _, err := pkg.Close(); err != nil {
		return err
	}
	file := File{Name: name}
	if err := w.seal(ctx, &file); err != nil {
		return err
	}
	w.files = []File{file}
	return nil
}

// original packs a recording as it lies on disk or in the archive.
func (w *work) original(ctx context.Context, pkg *evidence.Writer, rec *index.Recording) error {
	end := rec.End()
	r := &whole{ctx: ctx, w: w, rec: rec}
	f, err := pkg.Add(evidence.File{
		Name: "originals/" + rec.Path, Kind: evidence.Original, Camera: string(rec.Stream.Camera), Stream: string(rec.Stream.Role),
		Start: &rec.Start, End: &end,
	}, r, rec.Bytes, &rec.CRC)
	err = errors.Join(err, r.close())
	if gone(err) {
		return &nvr.Error{
			Code: nvr.CodeConflict, Message: fmt.Sprintf("A recording of %s was deleted while the evidence was packed. Export it again.", rec.Stream.Camera), Err: err,
		}
	}
	if err == nil && !*f.CRCMatches {
		note := f.Name + " differs from what was recorded: the disk may be failing."
		pkg.Note(note)
		w.note(note)
	}
	return err
}

func (w *work) playable(ctx context.Context, pkg *evidence.Writer, made *File) error {
	f, err := w.e.store.reopen(w.x.ID, made.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", made.Name, err)
	}
	_, err = pkg.Add(evidence.File{
		Name: made.Name, Kind: evidence.Playable, Camera: string(made.Camera), Stream: string(w.x.Role), Start: &made.Start, End: &made.End,
	}, &counted{ctx: ctx, r: f, w: w, weight: hashWeight}, info.Size(), nil)
	if err != nil {
		return err
	}
	w.e.store.discard(w.x.ID, made.Name)
	return nil
}

// counted reads r, reports progress and ends with ctx.
type counted struct {
	ctx    context.Context //nolint:containedctx // a reader for one call that can be cancelled
	r      io.Reader
	w      *work
	weight float64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.w.progress.add(float64(n) * c.weight)
	return n, err
}

// whole reads all of a recording, range by range.
type whole struct {
	ctx context.Context //nolint:containedctx // a reader for one call that can be cancelled
	w   *work
	rec *index.Recording
	at  int64
	rc  io.ReadCloser
}

// rangeBytes is what is asked for at once.
const rangeBytes = 64 << 20

// Read implements io.Reader.
func (r *whole) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.rc == nil {
		if r.at >= r.rec.Bytes {
			return 0, io.EOF
		}
		_, ms, err := library.ParseFilePath(r.rec.Path)
		if err != nil {
			return 0, err
		}
		rc, err := r.w.e.opts.Player.OpenRange(r.ctx, r.rec.Stream, ms, r.at, min(rangeBytes, r.rec.Bytes-r.at))
		if err != nil {
			return 0, err
		}
		r.rc = rc
	}
	n, err := r.rc.Read(b)
	r.at += int64(n)
	r.w.progress.add(float64(n))
	if errors.Is(err, io.EOF) {
		err = r.close()
		if err == nil && r.at < r.rec.Bytes && r.at%rangeBytes != 0 {
			err = io.ErrUnexpectedEOF // the file is shorter than it should be
		}
	}
	return n, err
}

func (r *whole) close() error {
	if r.rc == nil {
		return nil
	}
	err := r.rc.Close()
	r.rc = nil
	return err
}
