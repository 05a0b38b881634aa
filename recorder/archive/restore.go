package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// maxJournal bounds what is read of a journal: a day of one-second files.
const maxJournal = 256 << 20

// journalKey is where the journal of d on the volume called id lies in the bucket. Each volume has its own, because each
// one's lines speak of its own files.
func journalKey(d library.Day, id string) string { return d.String() + "/journal-" + id + ".jsonl" }

// parseJournalKey is the inverse of journalKey.
func parseJournalKey(path string) (library.Day, bool) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return library.Day{}, false
	}
	d, err := library.ParseDay(path[:at])
	id, ok := strings.CutPrefix(strings.TrimSuffix(path[at+1:], ".jsonl"), "journal-")
	return d, err == nil && ok && validID(id) && journalKey(d, id) == path
}

// dayOfPath returns the day that a recording or journal in the bucket belongs to.
func dayOfPath(path string) (library.Day, bool) {
	if h, err := library.HourOf(path); err == nil {
		return h.Day, true
	}
	return parseJournalKey(path)
}

// List calls fn with the library path and size of each recording of stream that is in the bucket, in order.
func (a *Archive) List(ctx context.Context, stream nvr.StreamID, fn func(path string, bytes int64) error) error {
	for o, err := range a.bucket.list(ctx, stream.String()+"/") {
		if err != nil {
			return a.unavailable(err)
		}
		if _, _, err := library.ParseFilePath(o.path); err != nil {
			continue
		}
		if err := fn(o.path, o.size); err != nil {
			return err
		}
	}
	return nil
}

// Streams returns the streams of which the bucket holds something.
func (a *Archive) Streams(ctx context.Context) ([]nvr.StreamID, error) {
	out, err := a.streams(ctx)
	if err != nil {
		return nil, a.unavailable(err)
	}
	return out, nil
}

// Verify reads the copy of r and compares it with what its journal line says: CodeNotFound where there is none,
// CodeConflict where it differs.
func (a *Archive) Verify(ctx context.Context, r index.Recording) error {
	body, err := a.OpenRange(ctx, r.Path, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	n, err := io.Copy(crc, io.LimitReader(body, r.Bytes+1))
	if err != nil {
		return a.unavailable(err)
	}
	if n != r.Bytes || crc.Sum32() != r.CRC {
		return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("the archive's copy of %s is damaged", r.Path)}
	}
	return nil
}

// Restored says what RestoreJournals did.
type Restored struct {
	Days       int // journals that gained lines
	Recordings int // known again, and playing from the archive
	Gaps       int
	Fetched    int // copied back, because no journal in the bucket describes them; the next start journals them
	Unknown    int // objects of past days that no journal in the bucket describes
}

// RestoreJournals writes what the bucket says of its recordings into the journals of lib, after its disk was lost. What
// some volume has already is left alone, so it can be repeated. Nothing may record meanwhile.
func (a *Archive) RestoreJournals(ctx context.Context, lib *library.Library) (Restored, error) {
	var out Restored
	streams, err := a.Streams(ctx)
	if err != nil {
		return out, err
	}
	for _, s := range streams {
		days, err := a.inventory(ctx, s)
		if err != nil {
			return out, err
		}
		for i, inv := range days {
			r := &restorer{a: a, lib: lib, inventory: inv, latest: i >= len(days)-recoveredDays}
			if err := r.run(ctx, &out); err != nil {
				return out, fmt.Errorf("restore %s: %w", inv.day, err)
			}
		}
	}
	return out, nil
}

// recoveredDays is how many of a stream's latest days the recorder searches for files without a line when it starts.
const recoveredDays = 3

// inventory is what the bucket has of a day.
type inventory struct {
	day      library.Day
	files    map[int64]int64 // sizes by name
	journals []string        // paths
}

// inventory returns what the bucket has of stream, oldest first.
func (a *Archive) inventory(ctx context.Context, s nvr.StreamID) ([]*inventory, error) {
	byDay := make(map[library.Day]*inventory)
	for o, err := range a.bucket.list(ctx, s.String()+"/") {
		if err != nil {
			return nil, a.unavailable(err)
		}
		d, ok := dayOfPath(o.path)
		if !ok {
			continue
		}
		inv := byDay[d]
		if inv == nil {
			inv = &inventory{day: d, files: make(map[int64]int64)}
			byDay[d] = inv
		}
		if _, ms, err := library.ParseFilePath(o.path); err == nil {
			inv.files[ms] = o.size
		} else {
			inv.journals = append(inv.journals, o.path)
		}
	}
	out := make([]*inventory, 0, len(byDay))
	for _, inv := range byDay {
		out = append(out, inv)
	}
	slices.SortFunc(out, func(x, y *inventory) int { return cmp.Compare(x.day.Date, y.day.Date) })
	return out, nil
}

// restorer restores one day.
type restorer struct {
	*inventory
	a      *Archive
	lib    *library.Library
	latest bool

	known  map[int64]index.Recording // by local journals
	remote map[int64]bool            // those that need no line here
	gaps   map[int64]bool            // by start, microseconds

	recs  []index.Recording // to be added
	lines []library.Line
}

func (r *restorer) run(ctx context.Context, out *Restored) error {
	if err := r.readLocal(); err != nil {
		return err
	}
	found := make(map[int64]index.Recording)
	for _, p := range r.journals {
		if err := r.readCopy(ctx, p, found, out); err != nil {
			return err
		}
	}
	var copied, evicted []int64
	for ms, size := range r.files {
		rec, described := found[ms]
		known, here := r.known[ms]
		switch {
		case here && (r.remote[ms] || known.Bytes != size):
		case !here && (!described || rec.Bytes != size):
			if err := r.orphan(ctx, ms, size, out); err != nil {
				return err
			}
		default:
			if !here {
				r.recs = append(r.recs, rec)
			}
			copied = append(copied, ms)
			if local, err := r.local(ms); err != nil {
				return err
			} else if !local {
				evicted = append(evicted, ms)
			}
		}
	}
	slices.SortFunc(r.recs, func(x, y index.Recording) int { return x.Start.Compare(y.Start) })
	for i := range r.recs {
		r.lines = append(r.lines, library.Line{Recording: &r.recs[i]})
	}
	for _, f := range []library.Files{{Change: library.Archived, MS: copied}, {Change: library.Evicted, MS: evicted}} {
		if slices.Sort(f.MS); len(f.MS) > 0 {
			r.lines = append(r.lines, library.Line{Files: &f})
		}
	}
	if len(r.lines) == 0 {
		return nil
	}
	out.Days++
	out.Recordings += len(copied)
	return r.lib.Append(r.day, r.lines...)
}

// readLocal learns what the volumes that are there have.
func (r *restorer) readLocal() error {
	r.known, r.remote, r.gaps = make(map[int64]index.Recording), make(map[int64]bool), make(map[int64]bool)
	libs := r.a.opts.Libraries()
	if !slices.Contains(libs, r.lib) {
		libs = append(slices.Clone(libs), r.lib)
	}
	for _, lib := range libs {
		var led library.Ledger
		_, _, err := lib.Read(r.day, 0, func(l library.Line) error {
			if l.Gap != nil {
				r.gaps[l.Gap.Start.UnixMicro()] = true
			}
			led.Apply(l)
			return nil
		})
		if err != nil {
			return err
		}
		for _, rec := range led.Recordings() {
			if _, ms, err := library.ParseFilePath(rec.Path); err == nil {
				r.known[ms] = rec
				r.remote[ms] = r.remote[ms] || rec.Remote || lib != r.lib // what another volume has is noted there
			}
		}
	}
	return nil
}

// readCopy reads a journal in the bucket. Whether it says that a recording is archived does not matter: the listing does.
func (r *restorer) readCopy(ctx context.Context, path string, found map[int64]index.Recording, out *Restored) error {
	body, _, err := r.a.bucket.get(ctx, path, 0, -1)
	if err != nil {
		return r.a.unavailable(err)
	}
	defer body.Close()
	damaged, err := library.ReadLines(r.day, io.LimitReader(body, maxJournal), func(l library.Line) error {
		switch {
		case l.Recording != nil:
			if _, ms, err := library.ParseFilePath(l.Recording.Path); err == nil {
				found[ms] = *l.Recording
			}
		case l.Gap != nil && !r.gaps[l.Gap.Start.UnixMicro()]:
			r.gaps[l.Gap.Start.UnixMicro()] = true
			r.lines = append(r.lines, library.Line{Gap: l.Gap})
			out.Gaps++
		}
		return nil
	})
	if err != nil {
		return r.a.unavailable(err)
	}
	if damaged > 0 {
		r.a.logger.Warn("journal in the archive has damaged lines", "path", path, "lines", damaged)
	}
	return nil
}

func (r *restorer) local(ms int64) (bool, error) {
	_, err := r.lib.FS().Stat(library.FilePath(r.day.Stream, ms))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// orphan copies back a recording that no journal describes, if the recorder will find it at its next start: it was
// closed after the last copy of its journal.
func (r *restorer) orphan(ctx context.Context, ms, size int64, out *Restored) error {
	if local, err := r.local(ms); local || err != nil {
		return err
	}
	if !r.latest {
		out.Unknown++
		return nil
	}
	path := library.FilePath(r.day.Stream, ms)
	body, err := r.a.OpenRange(ctx, path, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	f, created, err := r.lib.Create(r.day, ms)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.NewOffsetWriter(f, 0), io.LimitReader(body, size))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil || n != size || created != path {
		return errors.Join(fmt.Errorf("copy %s back: %w", path, cmp.Or(err, io.ErrUnexpectedEOF)), r.lib.FS().Remove(created))
	}
	out.Fetched++
	return nil
}
