package fsck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const uploadAgain = "The journal says that the archive's copy is gone; it is uploaded again."

// archive compares what the journals say of the archive with what it holds (invariant 10).
func (c *checker) archive(ctx context.Context, t *timeline) error {
	if c.o.Remote == nil {
		return nil
	}
	objects := make(map[string]int64)
	err := c.o.Remote.List(ctx, t.stream, func(p string, bytes int64) error {
		objects[p] = bytes
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the archive: %w", err)
	}
	for _, it := range t.items {
		bytes, there := objects[it.path]
		delete(objects, it.path)
		if !it.remote {
			continue
		}
		if there && bytes == it.bytes {
			if err := c.readBack(ctx, t, it); err != nil {
				return err
			}
			continue
		}
		f := t.finding(10, Error, it)
		f.Problem = "The journal says that the archive has this recording, but it has not."
		if there {
			f.Problem = fmt.Sprintf("The archive's copy has %d bytes, the recording has %d.", bytes, it.bytes)
		}
		f.Repair = uploadAgain
		if it.evicted {
			f.Repair = "The journal gives the recording up."
		}
		c.found(f, it.forgetCopy)
	}
	for _, p := range slices.Sorted(maps.Keys(objects)) {
		if streamOf(p) != t.stream {
			continue
		}
		c.found(Finding{
			Invariant: 10, Severity: Info, Path: p, Stream: t.stream,
			Problem: "The archive has an object that no journal speaks of.",
		}, nil)
	}
	return nil
}

// readBack compares the bytes of the archive's copy with the journal's checksum. A damaged copy is given up only where the
// disk still has the recording: otherwise it is all there is, and the intact part of it plays.
func (c *checker) readBack(ctx context.Context, t *timeline, it item) error {
	if c.o.Level < Content {
		return nil
	}
	err := c.o.Remote.Verify(ctx, index.Recording{Stream: t.stream, Start: it.start, Path: it.path, Bytes: it.bytes, CRC: it.crc})
	var told *nvr.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &told) || told.Code != nvr.CodeConflict:
		return fmt.Errorf("read %s back from the archive: %w", it.path, err)
	}
	f := t.finding(10, Error, it)
	f.Problem = "The bytes of the archive's copy are not those of the recording."
	if it.evicted {
		f.Problem += " It is the only copy; restore the object from the bucket's versions or a backup, if there are any."
		c.found(f, nil)
		return nil
	}
	f.Repair = uploadAgain
	c.found(f, it.forgetCopy)
	return nil
}

// forgetCopy makes the journal say that the archive's copy is gone.
func (it item) forgetCopy() error {
	return it.v.lib.Append(it.day, library.Line{Files: &library.Files{Change: library.Expired, MS: []int64{it.ms}}})
}
