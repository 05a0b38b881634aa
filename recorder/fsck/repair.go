package fsck

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// lostAndFound is where in a volume goes what is taken out of the tree.
const lostAndFound = library.LostAndFound

// cure says what heal does for a journaled file, or returns "" where nothing can be done.
func (d *dayCheck) cure(rec *index.Recording, got *whole.Content, err error) string {
	switch {
	case err == nil && got.Size > rec.Bytes && got.Prefix == rec.CRC:
		return "The file is cut to the recording's end."
	case rec.Remote:
		return "The file is moved to " + lostAndFound + "; it plays from the archive."
	case err != nil:
		return "The file is moved to " + lostAndFound + " and the journal gives it up."
	case got.Size == rec.Bytes && got.Prefix != rec.CRC && got.Layout.Size == rec.Bytes:
		return "" // a new checksum would hide that the bytes changed
	case d.playsOn(rec, got):
		return "" // what is behind the damage would not play any more
	case got.Layout.Size < got.Size:
		return "The file is cut to what is whole, what is cut off goes to " + lostAndFound + ", and the journal describes the rest."
	default:
		return "The journal describes the file as it is."
	}
}

// playsOn tells whether something in a file that has its length still plays behind the damage: playback finds segments by the
// journal's offsets, not by walking the boxes.
func (d *dayCheck) playsOn(rec *index.Recording, got *whole.Content) bool {
	if got.Size != rec.Bytes || got.Prefix == rec.CRC || got.Layout.Size >= rec.Bytes {
		return false
	}
	plays, err := got.PlaysBehind(d.v.lib.FS(), rec)
	return err != nil || plays
}

// heal makes the file at rec.Path and its journal line agree. Dying anywhere in it leaves what the next repair heals.
func (d *dayCheck) heal(rec *index.Recording, got *whole.Content, err error) error {
	fsys := d.v.lib.FS()
	switch {
	case err == nil && got.Size > rec.Bytes && got.Prefix == rec.CRC:
		return truncate(fsys, rec.Path, rec.Bytes)
	case rec.Remote, err != nil:
		if err := library.SetAside(fsys, rec.Path); err != nil {
			return err
		}
		return d.giveUp(rec)
	}
	if got.Layout.Size < got.Size {
		if err := library.KeepTail(fsys, rec.Path, got.Layout.Size); err != nil {
			return err
		}
		if err := truncate(fsys, rec.Path, got.Layout.Size); err != nil {
			return err
		}
	}
	is := got.Describe(rec.Stream, rec.Path, rec.Start)
	return d.replaceLine(rec, is)
}

// giveUp journals that the file of rec is not here, and the hole that it leaves unless the archive fills it.
func (d *dayCheck) giveUp(rec *index.Recording) error {
	_, ms, err := library.ParseFilePath(rec.Path)
	if err != nil {
		return err
	}
	lines := []library.Line{{Files: &library.Files{Change: library.Evicted, MS: []int64{ms}}}}
	if !rec.Remote {
		lines = append(lines, damaged(rec, rec.Start)...)
	}
	return d.v.lib.Append(d.day, lines...)
}

// damaged returns the gap line for what of rec is lost from from on, if that is long enough for one.
func damaged(rec *index.Recording, from time.Time) []library.Line {
	if rec.End().Sub(from) < minHole {
		return nil
	}
	return []library.Line{{Gap: &index.Gap{
		Stream: rec.Stream, Start: from, End: rec.End(), Reason: index.GapDisk, Detail: "The recording was damaged on its disk.",
	}}}
}

// replaceLine journals rec in place of what the journal says of its file, because the last line counts, and the hole that
// it leaves in the time of old.
func (d *dayCheck) replaceLine(old *index.Recording, rec index.Recording) error {
	lines := append([]library.Line{{Recording: &rec}}, damaged(old, rec.End())...)
	if err := d.v.lib.Append(d.day, lines...); err != nil {
		return err
	}
	return d.v.lib.Sync(d.day)
}

// truncate cuts the file at p to size, on the device.
func truncate(fsys library.FS, p string, size int64) error {
	f, err := fsys.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// rewriteJournal writes the journal of day anew from the lines that end at good, keeps the old one in lost+found, and makes
// the feeder begin again, because its offsets mean nothing in another journal.
func rewriteJournal(v *volume, day library.Day, good []int64) error {
	fsys, name := v.lib.FS(), journalOf(day)
	old, err := library.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	var b []byte
	for _, end := range good {
		if end > int64(len(old)) {
			return fmt.Errorf("journal %s changed meanwhile", name)
		}
		start := bytes.LastIndexByte(old[:end-1], '\n') + 1
		b = append(b, old[start:end]...)
	}
	if err := library.Keep(fsys, name, old); err != nil {
		return fmt.Errorf("keep the old journal: %w", err)
	}
	return replaceJournal(v, day, b)
}

func replaceJournal(v *volume, day library.Day, b []byte) error {
	fsys := v.lib.FS()
	if err := fsys.Remove(cursorName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reset the index cursor: %w", err)
	}
	v.cursor = nil
	if err := errors.Join(fsys.SyncDir("."), library.ReplaceFile(fsys, journalOf(day), b), fsys.SyncDir(day.String())); err != nil {
		return fmt.Errorf("replace journal: %w", err)
	}
	return nil
}
