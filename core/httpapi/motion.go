package httpapi

import (
	"context"
	"fmt"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// motionReader knows where something moved.
type motionReader interface {
	MotionRecords(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.MotionRecord, error)
}

// MotionSearch is when something moved in a region of a camera's picture.
type MotionSearch struct {
	From    int64       `json:"from" doc:"UTC milliseconds"`
	To      int64       `json:"to" doc:"UTC milliseconds"`
	StepMS  int64       `json:"step_ms" doc:"Spans are as exact as this, milliseconds"`
	Spans   MotionSpans `json:"spans" doc:"In order; spans that meet are one"`
	Unknown TimeSpans   `json:"unknown" doc:"When pictures were not searched for motion: nothing is claimed about these"`
}

// MotionSpans are spans with motion, as columns.
type MotionSpans struct {
	Start []int64   `json:"start" nullable:"false" doc:"UTC milliseconds"`
	End   []int64   `json:"end" nullable:"false" doc:"UTC milliseconds"`
	Cells []float64 `json:"cells" nullable:"false" doc:"Share of the region that moved within one step, at most over the span: more than 0, up to 1"`
}

// TimeSpans are spans of time, as columns.
type TimeSpans struct {
	Start []int64 `json:"start" nullable:"false" doc:"UTC milliseconds"`
	End   []int64 `json:"end" nullable:"false" doc:"UTC milliseconds"`
}

// Heatmap is where something moved, over a time range.
type Heatmap struct {
	From    int64     `json:"from" doc:"UTC milliseconds"`
	To      int64     `json:"to" doc:"UTC milliseconds"`
	StepMS  int64     `json:"step_ms"`
	Columns int       `json:"columns" doc:"Cells from the left to the right edge of the picture"`
	Rows    int       `json:"rows" doc:"Cells from its top to its bottom"`
	Counts  []int     `json:"counts" nullable:"false" doc:"In how many steps something moved in each cell, row by row from the top left"`
	Unknown TimeSpans `json:"unknown" doc:"When pictures were not searched for motion"`
}

func (s *Server) registerMotion() {
	type searchInput struct {
		CameraPath
		RangeInput
		Region []float64 `query:"region" maxItems:"4" doc:"A rectangle: x, y, width and height in fractions of the picture from its top left corner. The whole picture when absent"`
		Points []float64 `query:"points" maxItems:"128" doc:"A polygon instead: x and y of each corner in turn"`
	}
	type searchOutput struct{ Body MotionSearch }
	register(s, operation{method: "GET", path: "/cameras/{id}/motion", id: "searchMotion", tag: "timeline", summary: "When something moved in a region of the picture", access: accessViewer},
		func(ctx context.Context, in *searchInput) (*searchOutput, error) {
			area, err := areaOf(in.Region, in.Points)
			if err != nil {
				return nil, err
			}
			r, records, err := s.motionRecords(ctx, in.ID, in.RangeInput)
			if err != nil {
				return nil, err
			}
			return &searchOutput{Body: MotionSearch{
				From: in.From, To: in.To, StepMS: nvr.MotionStep.Milliseconds(),
				Spans:   motionColumns(nvr.SearchMotion(records, r, nvr.MotionMask(area))),
				Unknown: spanColumns(nvr.Unsearched(records, r)),
			}}, nil
		})
	type heatInput struct {
		CameraPath
		RangeInput
	}
	type heatOutput struct{ Body Heatmap }
	register(s, operation{method: "GET", path: "/cameras/{id}/heatmap", id: "getHeatmap", tag: "timeline", summary: "Where in the picture something moved", access: accessViewer},
		func(ctx context.Context, in *heatInput) (*heatOutput, error) {
			r, records, err := s.motionRecords(ctx, in.ID, in.RangeInput)
			if err != nil {
				return nil, err
			}
			return &heatOutput{Body: Heatmap{
				From: in.From, To: in.To, StepMS: nvr.MotionStep.Milliseconds(), Columns: nvr.MotionColumns, Rows: nvr.MotionRows,
				Counts: nvr.CountMotion(records, r), Unknown: spanColumns(nvr.Unsearched(records, r)),
			}}, nil
		})
}

func (s *Server) motionRecords(ctx context.Context, id string, in RangeInput) (nvr.TimeRange, []nvr.MotionRecord, error) {
	r, err := in.span(maxTimelineSpan)
	if err != nil {
		return r, nil, err
	}
	c, err := s.camera(id)
	if err != nil {
		return r, nil, err
	}
	records, err := s.deps.Motion.MotionRecords(ctx, nvr.CameraID(c.ID), r)
	return r, records, err
}

// areaOf reads the region of a search.
func areaOf(region, points []float64) (nvr.Polygon, error) {
	switch {
	case len(region) > 0 && len(points) > 0:
		return nil, invalid("region and points: say only one of them")
	case len(points) > 0:
		return polygonOf(points)
	case len(region) > 0:
		return rectangleOf(region)
	}
	return nvr.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}, nil
}

func rectangleOf(v []float64) (nvr.Polygon, error) {
	const slack = 1e-6 // of the sum of two decimals
	if len(v) != 4 {
		return nil, invalid("region: has %d numbers, want 4: x, y, width, height", len(v))
	}
	x, y, right, bottom := v[0], v[1], v[0]+v[2], v[1]+v[3]
	// In the positive, so that NaN is wrong too.
	if ok := x >= 0 && y >= 0 && v[2] > 0 && v[3] > 0 && right <= 1+slack && bottom <= 1+slack; !ok {
		return nil, invalid("region: %v,%v,%v,%v is not in the picture, want fractions: 0 to 1, width and height more than 0", v[0], v[1], v[2], v[3])
	}
	x0, y0, x1, y1 := float32(x), float32(y), float32(min(right, 1)), float32(min(bottom, 1))
	p := nvr.Polygon{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
	if err := p.Check(); err != nil {
		return nil, invalid("region: the rectangle %s", err)
	}
	return p, nil
}

func polygonOf(v []float64) (nvr.Polygon, error) {
	if len(v)%2 != 0 {
		return nil, invalid("points: has %d numbers, want pairs: x and y of each corner", len(v))
	}
	p := make(nvr.Polygon, len(v)/2)
	for i := range p {
		p[i] = nvr.Point{X: float32(v[2*i]), Y: float32(v[2*i+1])}
	}
	if err := p.Check(); err != nil {
		return nil, invalid("points: the polygon %s", err)
	}
	return p, nil
}

func invalid(format string, args ...any) error {
	return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(format, args...)}
}

func motionColumns(hits []nvr.MotionHit) MotionSpans {
	out := MotionSpans{Start: make([]int64, len(hits)), End: make([]int64, len(hits)), Cells: make([]float64, len(hits))}
	for i, h := range hits {
		out.Start[i], out.End[i], out.Cells[i] = h.Start.UnixMilli(), h.End.UnixMilli(), thousandths(h.Share)
	}
	return out
}

// thousandths rounds a share up to three digits, so that it stays above 0.
func thousandths(v float64) float64 { return float64(int(v*1000+0.999)) / 1000 }

func spanColumns(spans []nvr.TimeRange) TimeSpans {
	out := TimeSpans{Start: make([]int64, len(spans)), End: make([]int64, len(spans))}
	for i, s := range spans {
		out.Start[i], out.End[i] = s.Start.UnixMilli(), s.End.UnixMilli()
	}
	return out
}
