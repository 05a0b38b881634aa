package app

import (
	"maps"
	"slices"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/track"
	"github.com/nightjar-nvr/nightjar/core/vision/zone"
)

func zonesOf(c config.Camera) zone.Config {
	var out zone.Config
	for name, z := range c.Zones {
		out.Zones = append(out.Zones, zone.Zone{
			Name: name, Area: z.Points.Polygon(), Labels: z.Labels, Inertia: z.Inertia, Loitering: z.Loitering.D, Lengths: z.Lengths,
		})
	}
	for name, l := range c.Lines {
		ends := l.Points.Polygon()
		out.Lines = append(out.Lines, zone.Line{Name: name, From: ends[0], To: ends[1], Labels: l.Labels})
	}
	return out
}

func filters(d config.CameraDetect) map[string]track.Filter {
	out := make(map[string]track.Filter, len(d.Filters))
	for label, f := range d.Filters {
		out[label] = track.Filter{
			MinScore: float32(f.MinScore), Threshold: float32(f.Threshold), MinArea: float32(f.MinArea), MaxArea: float32(f.MaxArea),
			MinRatio: float32(f.MinRatio), MaxRatio: float32(f.MaxRatio),
		}
	}
	return out
}

func objectMasks(d config.CameraDetect) []track.Mask {
	var out []track.Mask
	for _, m := range d.Masks.Objects {
		out = append(out, track.Mask{Labels: m.Labels, Area: m.Points.Polygon()})
	}
	return out
}

func motionMasks(d config.CameraDetect) []nvr.Polygon {
	var out []nvr.Polygon
	for _, p := range d.Masks.Motion {
		out = append(out, p.Polygon())
	}
	return out
}

// areasOf is what the API tells of zones, lines and masks.
func areasOf(cameras map[nvr.CameraID]config.Camera) map[nvr.CameraID][]httpapi.Area {
	out := make(map[nvr.CameraID][]httpapi.Area, len(cameras))
	for id, c := range cameras {
		add := func(a httpapi.Area, labels []string) {
			a.Labels = append([]string{}, labels...)
			out[id] = append(out[id], a)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Zones)) {
			z := c.Zones[name]
			add(httpapi.Area{Kind: "zone", Name: name, Points: z.Points, Inertia: z.Inertia, LoiteringS: z.Loitering.D.Seconds(), Lengths: z.Lengths}, z.Labels)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Lines)) {
			add(httpapi.Area{Kind: "line", Name: name, Points: c.Lines[name].Points}, c.Lines[name].Labels)
		}
		for _, p := range c.Detect.Masks.Motion {
			add(httpapi.Area{Kind: "motion_mask", Points: p}, nil)
		}
		for _, m := range c.Detect.Masks.Objects {
			add(httpapi.Area{Kind: "object_mask", Points: m.Points}, m.Labels)
		}
	}
	return out
}
