package fsck

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

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
		if !it.remote || there && bytes == it.bytes {
			continue
		}
		f := t.finding(10, Error, it)
		f.Problem = "The journal says that the archive has this recording, but it has not."
		if there {
			f.Problem = fmt.Sprintf("The archive's copy has %d bytes, the recording has %d.", bytes, it.bytes)
		}
		f.Repair = "The journal says that the archive's copy is gone; it is uploaded again."
		if it.evicted {
			f.Repair = "The journal gives the recording up."
		}
		c.found(f, func() error {
			return it.v.lib.Append(it.day, library.Line{Files: &library.Files{Change: library.Expired, MS: []int64{it.ms}}})
		})
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
