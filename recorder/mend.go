package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// writeback is how long the kernel may keep what was written before it is on the device, with room to spare.
const writeback = 2 * time.Minute

// broken returns those of recs whose files are not here or do not have the size that their lines say. Of the latest, which
// may not have been written back, the ends are looked at as well: after a power cut a file can have its size and not its
// last bytes.
func broken(lib *library.Library, recs []index.Recording) ([]index.Recording, error) {
	var out []index.Recording
	var last time.Time
	for i := range recs {
		last = latest(last, recs[i].End())
	}
	for _, rec := range recs {
		if rec.Evicted {
			continue
		}
		info, err := lib.FS().Stat(rec.Path)
		torn := errors.Is(err, fs.ErrNotExist)
		if err != nil && !torn {
			return nil, fmt.Errorf("look at recording: %w", err)
		}
		if !torn {
			torn = info.Size() != rec.Bytes
		}
		if !torn && last.Sub(rec.End()) < writeback {
			if torn, err = whole.Torn(lib.FS(), rec.Path, rec.Bytes); err != nil {
				return nil, fmt.Errorf("read recording %s: %w", rec.Path, err)
			}
		}
		if torn {
			out = append(out, rec)
		}
	}
	return out, nil
}

// mend brings the journal and the file of a recording in step that a power cut left otherwise than its line says. That
// happens where files are not synced, or where the device did not keep what it promised.
func (o *recovered) mend(d volumeDay, rec index.Recording) error {
	_, ms, err := library.ParseFilePath(rec.Path)
	if err != nil {
		return err
	}
	evict := []library.Line{{Files: &library.Files{Change: library.Evicted, MS: []int64{ms}}}}
	if !rec.Remote {
		evict = append(evict, damaged(&rec, rec.Start)...)
	}
	got, err := whole.Read(d.lib.FS(), rec.Path, &rec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.lib.Append(d.day, evict...)
	case rec.Remote && (errors.Is(err, whole.ErrNoVideo) || err == nil && got.Prefix != rec.CRC): // the archive has it whole
		o.removed++
		return errors.Join(d.lib.Append(d.day, evict...), d.lib.RemoveFiles(rec.Stream, []int64{ms}))
	case errors.Is(err, whole.ErrNoVideo): // before the line: what is given up and still there is deleted
		if err := o.clear(d.lib, rec.Path, got); err != nil {
			return err
		}
		return errors.Join(d.lib.Append(d.day, evict...), d.lib.RemoveFiles(rec.Stream, []int64{ms})) // the hour may be empty now
	case err != nil:
		return fmt.Errorf("read recording %s: %w", rec.Path, err)
	case got.Size > rec.Bytes && got.Prefix == rec.CRC: // the failed write behind it was cut off, and came back
		got.Cut(rec.Bytes)
		return o.cut(d.lib, rec.Path, got)
	}
	if err := o.cut(d.lib, rec.Path, got); err != nil {
		return err
	}
	o.files++
	is := got.Describe(rec.Stream, rec.Path, rec.Start)
	return d.lib.Append(d.day, append([]library.Line{{Recording: &is}}, damaged(&rec, is.End())...)...)
}

// damaged returns the gap line for what of rec is lost from from on, if that is long enough for one.
func damaged(rec *index.Recording, from time.Time) []library.Line {
	if rec.End().Sub(from) < minGap {
		return nil
	}
	return []library.Line{{Gap: &index.Gap{
		Stream: rec.Stream, Start: from, End: rec.End(), Reason: index.GapDisk, Detail: "A power cut took what was not on the disk yet.",
	}}}
}
