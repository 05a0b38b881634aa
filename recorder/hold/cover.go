package hold

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// cover is what is held, by camera: intervals in order that neither overlap nor meet. It is never changed.
type cover struct {
	cameras map[nvr.CameraID][]interval
}

// interval is half-open, UTC microseconds.
type interval struct{ start, end int64 }

func newCover(holds map[string]Hold) *cover {
	c := &cover{cameras: make(map[nvr.CameraID][]interval)}
	for _, h := range holds {
		one := interval{h.Range.Start.UnixMicro(), h.Range.End.UnixMicro()}
		for _, id := range h.Cameras {
			c.cameras[id] = append(c.cameras[id], one)
		}
	}
	for id, all := range c.cameras {
		c.cameras[id] = merge(all)
	}
	return c
}

func merge(all []interval) []interval {
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.start, b.start) })
	out := all[:1]
	for _, i := range all[1:] {
		last := &out[len(out)-1]
		if i.start <= last.end {
			last.end = max(last.end, i.end)
			continue
		}
		out = append(out, i)
	}
	return slices.Clone(out)
}

func (c *cover) covers(camera nvr.CameraID, start, end int64) bool {
	all := c.cameras[camera]
	i := sort.Search(len(all), func(i int) bool { return all[i].end > start })
	return i < len(all) && all[i].start < end
}

func (c *cover) ranges(camera nvr.CameraID) []nvr.TimeRange {
	var out []nvr.TimeRange
	for _, i := range c.cameras[camera] {
		out = append(out, nvr.TimeRange{Start: time.UnixMicro(i.start).UTC(), End: time.UnixMicro(i.end).UTC()})
	}
	return out
}
