package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type fakeStills struct{}

func (fakeStills) Frame(_ context.Context, _ nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error) {
	if t.Before(t0) {
		return nil, time.Time{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "nothing is recorded at this time"}
	}
	return fmt.Appendf(nil, "\xff\xd8frame %d", width), t.Add(-40 * time.Millisecond), nil
}

func (f fakeStills) Thumbnail(ctx context.Context, s nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error) {
	return f.Frame(ctx, s, t, width)
}

type fakePreviews struct{}

type memFile struct{ *bytes.Reader }

func (memFile) Close() error { return nil }

func (fakePreviews) List(nvr.CameraID, nvr.TimeRange) []PreviewHour {
	return []PreviewHour{{TimeRange: nvr.TimeRange{Start: t0, End: t0.Add(time.Hour)}}}
}

func (fakePreviews) Open(_ nvr.CameraID, hour time.Time) (io.ReadSeekCloser, int64, bool, error) {
	if !hour.Equal(t0) {
		return nil, 0, false, errNoMedia
	}
	return memFile{bytes.NewReader([]byte("0123456789"))}, 10, false, nil
}

// fakeExports has one finished export of vera's.
type fakeExports struct{ asked ExportRequest }

func (*fakeExports) Estimate(_ context.Context, r ExportRequest) (ExportEstimate, error) {
	return ExportEstimate{Bytes: 1000, DurationMS: r.To - r.From, Cameras: []CameraEstimate{}}, nil
}

func (f *fakeExports) Create(_ context.Context, r ExportRequest, by string) (Export, error) {
	f.asked = r
	return Export{ID: "new", State: "queued", CreatedBy: by, Cameras: r.Cameras, Files: []ExportFile{}}, nil
}

func (f *fakeExports) List() []Export {
	e, _ := f.Get("one")
	return []Export{e}
}

func (*fakeExports) Get(id string) (Export, error) {
	if id != "one" {
		return Export{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "this export does not exist"}
	}
	return Export{ID: id, State: "done", CreatedBy: "vera", Cameras: []string{"front"}, Files: []ExportFile{{Name: "front door.mp4", Bytes: 10, SHA256: "abc"}}}, nil
}

func (*fakeExports) Delete(context.Context, string) error { return nil }

func (*fakeExports) OpenFile(string, string) (io.ReadSeekCloser, int64, error) {
	return memFile{bytes.NewReader([]byte("0123456789"))}, 10, nil
}

func (*fakeExports) Link(id, name string, _ time.Time) (string, error) { return "token-" + id, nil }

func (*fakeExports) Resolve(token string) (string, string, error) {
	if token != "token-one" {
		return "", "", &nvr.Error{Code: nvr.CodeForbidden, Message: "this link has expired"}
	}
	return "one", "front door.mp4", nil
}

type fakeHolds struct{ holds []Hold }

func (f *fakeHolds) Holds() ([]Hold, error) { return f.holds, nil }

func (f *fakeHolds) AddHold(_ context.Context, h Hold) (Hold, error) {
	h.ID = fmt.Sprint("hold", len(f.holds))
	f.holds = append(f.holds, h)
	return h, nil
}

func (f *fakeHolds) ReleaseHold(_ context.Context, id string) error {
	for i, h := range f.holds {
		if h.ID == id {
			f.holds = append(f.holds[:i], f.holds[i+1:]...)
		}
	}
	return nil
}

type fakeStorage struct{}

func (fakeStorage) Storage(context.Context) (StorageReport, error) {
	return StorageReport{Volumes: []Volume{{Path: "/srv", State: "ok", Active: true}}, Cameras: []CameraStorage{}, Forecast: Forecast{Limit: "none"}}, nil
}

func (fakeStorage) DeletionPlan(context.Context) (DeletionPlan, error) {
	return DeletionPlan{At: t0.UnixMilli(), Deletions: []Deletion{}}, nil
}

func TestFootage(t *testing.T) {
	w := newWorld(t)
	for name, f := range map[string]func(*testing.T){
		"Pictures": w.testPictures, "Previews": w.testPreviews, "Coverage": w.testCoverage, "Sync": w.testSync, "Density": w.testDensity,
		"Exports": w.testExports, "Shared": w.testShared, "Holds": w.testHolds, "Storage": w.testStorageRoutes,
		"Motion": w.testMotion, "Alerts": w.testAlerts,
	} {
		t.Run(name, f)
	}
}

func (w *world) testPictures(t *testing.T) {
	resp := w.do(request{path: "/api/v1/cameras/front/frame.jpg?t=" + ms(t0) + "&width=640", token: w.viewer}, nil)
	if got := text(resp); got != "\xff\xd8frame 640" || resp.Header.Get("X-Frame-Time") != ms(t0.Add(-40*time.Millisecond)) || resp.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%q %v", got, resp.Header)
	}
	resp = w.do(request{path: "/api/v1/cameras/front/thumbnail.jpg?t=" + ms(t0), token: w.viewer}, nil)
	if got := text(resp); got != "\xff\xd8frame 320" {
		t.Errorf("%q", got)
	}
	for path, want := range map[string]int{
		"front/frame.jpg": 422, "front/frame.jpg?t=-1": 422, "front/frame.jpg?t=1e3": 422, "front/frame.jpg?t=1000&width=9": 422,
		"front/frame.jpg?t=1000": 404, "back/frame.jpg?t=1000": 404, "front/frame.jpg?t=1000&stream=x": 422,
	} {
		if resp := w.do(request{path: "/api/v1/cameras/" + path, token: w.viewer}, nil); resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
}

func (w *world) testPreviews(t *testing.T) {
	var list struct{ Previews []Preview }
	w.do(request{path: "/api/v1/cameras/front/previews?from=" + ms(t0) + "&to=" + ms(t0.Add(time.Hour)), token: w.viewer}, &list)
	if len(list.Previews) != 1 || list.Previews[0].Start != t0.UnixMilli() {
		t.Fatalf("%+v", list)
	}
	path := "/api/v1/" + list.Previews[0].URL
	for spec, want := range map[string]struct {
		status int
		body   string
	}{
		"": {200, "0123456789"}, "bytes=2-4": {206, "234"}, "bytes=7-": {206, "789"}, "bytes=-3": {206, "789"}, "bytes=-99": {206, "0123456789"},
		"bytes=8-99": {206, "89"}, "bytes=10-": {416, ""}, "bytes=1-2,4-5": {200, "0123456789"}, "bytes=5-3": {200, "0123456789"}, "lines=1-2": {200, "0123456789"},
		"bytes=": {200, "0123456789"}, "bytes=x-y": {200, "0123456789"}, "bytes=-": {200, "0123456789"},
	} {
		resp := w.do(request{path: path, token: w.viewer, header: map[string]string{"Range": spec}}, nil)
		got := text(resp)
		if resp.StatusCode != want.status || (want.status != 416 && got != want.body) {
			t.Errorf("range %q: %s %q, want %d %q", spec, resp.Status, got, want.status, want.body)
		}
	}
	resp := w.do(request{path: path, token: w.viewer, header: map[string]string{"Range": "bytes=2-4", "If-Range": `"old"`}}, nil)
	if got := text(resp); resp.StatusCode != http.StatusOK || len(got) != 10 {
		t.Errorf("a range of an older version: %s %q", resp.Status, got)
	}
	tag := resp.Header.Get("ETag")
	if resp := w.do(request{path: path, token: w.viewer, header: map[string]string{"If-None-Match": tag}}, nil); tag == "" || resp.StatusCode != http.StatusNotModified {
		t.Errorf("known version %s: %s", tag, resp.Status)
	}
	for _, bad := range []string{"1.mp4x", "x.mp4", "+5.mp4", "5", "-5.mp4", "1000.mp4"} {
		if resp := w.do(request{path: "/api/v1/previews/front/" + bad, token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", bad, resp.Status)
		}
	}
}

func (w *world) testCoverage(t *testing.T) {
	var out struct{ Days []DayCoverage }
	get := func(from, to time.Time, tz string) int {
		return w.do(request{path: "/api/v1/cameras/front/coverage?from=" + ms(from) + "&to=" + ms(to) + "&tz=" + tz, token: w.viewer}, &out).StatusCode
	}
	if got := get(t0, t0.Add(time.Minute), "UTC"); got != 200 || len(out.Days) != 1 {
		t.Fatalf("%d %+v", got, out)
	}
	d := out.Days[0]
	if d.Date != "2026-03-01" || d.RecordedMS != 20_000 || d.Gaps["offline"] != 10_000 || d.Gaps["unknown"] != 86_400_000-30_000 || d.To-d.From != 86_400_000 {
		t.Errorf("%+v", d)
	}
	if got := get(t0, t0.Add(time.Minute), "Mars/Base"); got != 422 {
		t.Errorf("unknown zone: %d", got)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone database: ", err)
	}
	summer := time.Date(2026, 3, 29, 12, 0, 0, 0, berlin) // the day that has 23 hours
	if got := get(summer, summer.Add(time.Minute), "Europe/Berlin"); got != 200 || out.Days[0].Date != "2026-03-29" || out.Days[0].To-out.Days[0].From != 23*3600_000 {
		t.Errorf("%d %+v", got, out)
	}
	days := daysOf(nvr.TimeRange{Start: summer.AddDate(0, 0, -2), End: summer.AddDate(0, 0, 9)}, berlin, summer)
	if last := days[len(days)-1]; len(days) != 3 || !last.End.Equal(summer) {
		t.Errorf("days until now: %v", days)
	}
}

func (w *world) testSync(t *testing.T) {
	var out struct{ Cameras []SyncedCamera }
	resp := w.do(request{path: "/api/v1/playback/sync?cameras=front&from=" + ms(t0) + "&to=" + ms(t0.Add(time.Minute)), token: w.viewer}, &out)
	if resp.StatusCode != http.StatusOK || len(out.Cameras) != 1 || out.Cameras[0].Runs.Start[0] != 10_000 {
		t.Fatalf("%s %+v", resp.Status, out)
	}
	if resp := w.do(request{path: "/api/v1/" + out.Cameras[0].Playlist, token: w.viewer}, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("playlist %s: %s", out.Cameras[0].Playlist, resp.Status)
	}
	if resp := w.do(request{path: "/api/v1/playback/sync?cameras=back&from=0&to=5", token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown camera: %s", resp.Status)
	}
}

func (w *world) testDensity(t *testing.T) {
	var tl Timeline
	resp := w.do(request{path: "/api/v1/timeline?bucket=3600000&from=" + ms(t0.Add(-time.Hour)) + "&to=" + ms(t0.Add(time.Hour)), token: w.viewer}, &tl)
	d := tl.Cameras[0].Density
	if resp.StatusCode != http.StatusOK || d == nil || len(d.Count) != 1 || d.Count[0] != 1 || d.Start[0] != 3600_000 || tl.Labels[d.Label[0]] != "person" || len(tl.Cameras[0].Events.ID) != 0 {
		t.Errorf("%s %+v", resp.Status, tl)
	}
}

func (w *world) testExports(t *testing.T) {
	body := map[string]any{"cameras": []string{"front"}, "from": t0.UnixMilli(), "to": t0.Add(time.Minute).UnixMilli(), "mode": "exact"}
	with := func(k string, v any) map[string]any {
		out := map[string]any{}
		for a, b := range body {
			out[a] = b
		}
		out[k] = v
		return out
	}
	var e Export
	if resp := w.do(request{method: "POST", path: "/api/v1/exports", token: w.viewer, body: body}, &e); resp.StatusCode != http.StatusAccepted || e.CreatedBy != "vera" || w.exports.asked.Stream != "main" {
		t.Errorf("%s %+v %+v", resp.Status, e, w.exports.asked)
	}
	var est ExportEstimate
	if resp := w.do(request{method: "POST", path: "/api/v1/exports/estimate", token: w.viewer, body: body}, &est); resp.StatusCode != http.StatusOK || est.DurationMS != 60_000 {
		t.Errorf("%s %+v", resp.Status, est)
	}
	for _, bad := range []map[string]any{
		with("cameras", []string{}), with("cameras", []string{"back"}), with("to", t0.UnixMilli()), with("mode", "magic"), with("mode", "timelapse"),
		with("to", t0.Add(48*time.Hour).UnixMilli()), with("more", 1), with("speed", 1), with("name", strings.Repeat("x", 200)),
	} {
		if resp := w.do(request{method: "POST", path: "/api/v1/exports", token: w.viewer, body: bad}, nil); resp.StatusCode != http.StatusUnprocessableEntity && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%v: %s", bad, resp.Status)
		}
	}
	if resp := w.do(request{method: "DELETE", path: "/api/v1/exports/one", token: w.viewer}, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("delete one's own: %s", resp.Status)
	}
	if resp := w.do(request{path: "/api/v1/exports/two", token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown: %s", resp.Status)
	}
	resp := w.do(request{path: "/api/v1/exports/one/files/front%20door.mp4", token: w.viewer, header: map[string]string{"Range": "bytes=5-"}}, nil)
	if got := text(resp); resp.StatusCode != http.StatusPartialContent || got != "56789" || resp.Header.Get("ETag") != `"abc"` || !strings.Contains(resp.Header.Get("Content-Disposition"), "front%20door.mp4") {
		t.Errorf("resumed download: %s %q %v", resp.Status, got, resp.Header)
	}
}

func (w *world) testShared(t *testing.T) {
	var l Link
	resp := w.do(request{method: "POST", path: "/api/v1/exports/one/links", token: w.viewer, body: map[string]any{"file": "front door.mp4", "expires_in_s": 3600}}, &l)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(l.URL, "/api/v1/shared/token-one/") || time.Until(time.UnixMilli(l.ExpiresAt)) < 59*time.Minute {
		t.Fatalf("%s %+v", resp.Status, l)
	}
	if resp := w.do(request{path: l.URL}, nil); resp.StatusCode != http.StatusOK || text(resp) != "0123456789" {
		t.Errorf("without a login: %s", resp.Status)
	}
	if resp := w.do(request{path: "/api/v1/shared/token-two/x.mp4"}, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a token that is not good: %s", resp.Status)
	}
	w.testSharedEvents(t)
}

func (w *world) testHolds(t *testing.T) {
	add := func(token, kind string, to time.Time) (Hold, int) {
		var h Hold
		resp := w.do(request{method: "POST", path: "/api/v1/holds", token: token, body: map[string]any{
			"kind": kind, "cameras": []string{"front"}, "from": t0.UnixMilli(), "to": to.UnixMilli(), "note": "parcel",
		}}, &h)
		return h, resp.StatusCode
	}
	mine, status := add(w.viewer, "favourite", t0.Add(time.Minute))
	if status != 201 || mine.CreatedBy != "vera" {
		t.Fatalf("%d %+v", status, mine)
	}
	if _, status := add(w.viewer, "legal", t0.Add(time.Minute)); status != 403 {
		t.Errorf("a viewer's legal hold: %d", status)
	}
	if _, status := add(w.viewer, "favourite", t0); status != 422 {
		t.Errorf("an empty range: %d", status)
	}
	legal, status := add(w.admin, "legal", t0.Add(time.Minute))
	if status != 201 {
		t.Fatal(status)
	}
	w.holds.holds = append(w.holds.holds, Hold{ID: "exp", Kind: "export"})
	release := func(token, id string) int {
		return w.do(request{method: "DELETE", path: "/api/v1/holds/" + id, token: token}, nil).StatusCode
	}
	if a, b, c, d, e := release(w.viewer, legal.ID), release(w.viewer, mine.ID), release(w.admin, "exp"), release(w.admin, legal.ID), release(w.admin, "nope"); a != 403 || b != 204 || c != 409 || d != 204 || e != 404 {
		t.Errorf("releasing: %d %d %d %d %d", a, b, c, d, e)
	}
}

func (w *world) testStorageRoutes(t *testing.T) {
	var r StorageReport
	if resp := w.do(request{path: "/api/v1/storage", token: w.viewer}, &r); resp.StatusCode != http.StatusOK || len(r.Volumes) != 1 {
		t.Errorf("%s %+v", resp.Status, r)
	}
	if resp := w.do(request{path: "/api/v1/storage/plan", token: w.viewer}, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the plan, to a viewer: %s", resp.Status)
	}
	if resp := w.do(request{path: "/api/v1/storage/plan", token: w.admin}, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("the plan, to an administrator: %s", resp.Status)
	}
}
