package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// testMotion has a camera whose pictures are searched from t0 for nine minutes. Something moves at the left edge for
// twenty seconds, half a minute after t0, and in the lower right corner at t0 + 1 min and 3 min.
func (w *world) testMotion(t *testing.T) {
	slot := func(after time.Duration, b nvr.Box) nvr.MotionSlot {
		s := nvr.MotionSlot{Index: nvr.MotionSlotOf(t0.Add(after))}
		s.Map.Mark(b)
		return s
	}
	left, corner := nvr.Box{X: 0, Y: 0, W: 0.25, H: 1}, nvr.Box{X: 0.75, Y: 0.75, W: 0.25, H: 0.25}
	rec := nvr.MotionRecord{Camera: "front", TimeRange: nvr.TimeRange{Start: t0, End: t0.Add(9 * time.Minute)}, Slots: []nvr.MotionSlot{
		slot(30*time.Second, left), slot(40*time.Second, left), slot(time.Minute, corner), slot(3*time.Minute, corner),
	}}
	if err := w.store.SaveMotionRecords(t.Context(), []nvr.MotionRecord{rec}); err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return t0.Add(d).UnixMilli() }
	base := "/api/v1/cameras/front/"
	span := "?from=" + ms(t0.Add(-time.Hour)) + "&to=" + ms(t0.Add(5*time.Minute))

	for query, want := range map[string]MotionSpans{
		"": {
			Start: []int64{at(30 * time.Second), at(time.Minute), at(3 * time.Minute)},
			End:   []int64{at(50 * time.Second), at(70 * time.Second), at(190 * time.Second)}, Cells: []float64{0.25, 0.07, 0.07},
		},
		"&region=0,0,0.5,1":              {Start: []int64{at(30 * time.Second)}, End: []int64{at(50 * time.Second)}, Cells: []float64{0.5}},
		"&region=0.9,0.9,0.1,0.1":        {Start: []int64{at(time.Minute), at(3 * time.Minute)}, End: []int64{at(70 * time.Second), at(190 * time.Second)}, Cells: []float64{1, 1}},
		"&region=0.5,0.1,0.2,0.2":        {},
		"&points=0,0,0.1,0,0.1,0.1":      {Start: []int64{at(30 * time.Second)}, End: []int64{at(50 * time.Second)}, Cells: []float64{1}},
		"&points=0.5,0.1,0.7,0.1,0.6,.3": {},
	} {
		var got MotionSearch
		resp := w.do(request{path: base + "motion" + span + query, token: w.viewer}, &got)
		if resp.StatusCode != http.StatusOK || !slices.Equal(got.Spans.Start, want.Start) || !slices.Equal(got.Spans.End, want.End) || !slices.Equal(got.Spans.Cells, want.Cells) {
			t.Errorf("%q: %s, %+v, want %+v", query, resp.Status, got.Spans, want)
		}
		if !slices.Equal(got.Unknown.Start, []int64{at(-time.Hour)}) || !slices.Equal(got.Unknown.End, []int64{at(0)}) {
			t.Errorf("%q: unknown %+v", query, got.Unknown)
		}
	}

	var heat Heatmap
	w.do(request{path: base + "heatmap" + span, token: w.viewer}, &heat)
	if heat.Columns != 32 || heat.Rows != 18 || len(heat.Counts) != 576 || heat.Counts[0] != 2 || heat.Counts[575] != 2 || heat.Counts[9] != 0 || len(heat.Unknown.Start) != 1 {
		t.Errorf("%+v", heat)
	}
	w.refusesBadMotion(t, base, span)
}

func (w *world) refusesBadMotion(t *testing.T, base, span string) {
	long := strings.Repeat("0.5,", 200) + "0.5"
	for query, names := range map[string]string{
		"&region=0,0,1": "region", "&region=0,0,1,1,1": "region", "&region=a,b,c,d": "region", "&region=NaN,0,1,1": "region", "&region=0,0,Inf,1": "region",
		"&region=0.5,0,0.6,1": "region", "&region=0,0,0,1": "region", "&region=-1,0,1,1": "region", "&region=0,0,1e-9,1": "region", "&region=0,0,-1,1": "region",
		"&points=0,0,1": "points", "&points=0,0,1,1": "points", "&points=0,0,1,1,1,0,0,1": "points", "&points=NaN,0,1,1,1,0": "points", "&points=" + long: "points",
		"&points=0,0,1,0,1,2": "points", "&region=0,0,1,1&points=0,0,1,0,1,1": "points",
	} {
		resp := w.do(request{path: base + "motion" + span + query, token: w.viewer}, nil)
		if body := text(resp); resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, names) {
			t.Errorf("%s: %s %s", query, resp.Status, body)
		}
	}
	for path, want := range map[string]int{
		"motion": 422, "heatmap": 422, "motion?from=5&to=5": 422, "heatmap?from=0&to=99999999999": 422, "motion?from=-9&to=5": 422, "../back/motion" + span: 404, "../back/heatmap" + span: 404,
	} {
		path = strings.Replace(base+path, "front/../", "", 1)
		if resp := w.do(request{path: path, token: w.viewer}, nil); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
	if resp := w.do(request{path: base + "motion" + span}, nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", resp.Status)
	}
}
