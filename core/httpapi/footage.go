package httpapi

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// stills takes pictures out of recorded video.
type stills interface {
	// Frame returns the picture that is shown at t as JPEG, and its time. Width 0 keeps the size.
	Frame(ctx context.Context, stream nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error)
	// Thumbnail returns a picture near t.
	Thumbnail(ctx context.Context, stream nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error)
}

// previews are small videos, one per camera and hour.
type previews interface {
	List(camera nvr.CameraID, r nvr.TimeRange) []PreviewHour
	// Open opens the preview of the hour that starts at hour. A growing one is open.
	Open(camera nvr.CameraID, hour time.Time) (body io.ReadSeekCloser, size int64, open bool, err error)
}

// PreviewHour is one preview file.
type PreviewHour struct {
	nvr.TimeRange      // from its time 0, a full hour, to its last picture
	Open          bool // it still grows
}

// Coverage is what is recorded in a range and what is not.
type Coverage struct {
	Runs  []nvr.TimeRange // for drawing: holes of a second are closed
	Exact []nvr.TimeRange // to the microsecond
	Gaps  []Gap
}

// Preview is a small video of one hour: 180 rows, a picture per second, time 0 at the full hour.
type Preview struct {
	Start int64  `json:"start" doc:"Where the video's time 0 is, a full hour, UTC milliseconds"`
	End   int64  `json:"end" doc:"UTC milliseconds"`
	URL   string `json:"url" doc:"Relative to the API's base"`
	Open  bool   `json:"open" doc:"It still grows"`
}

// PreviewList is the previews of a range.
type PreviewList struct {
	Previews []Preview `json:"previews" nullable:"false"`
}

// CoverageList is the coverage of the days that a range touches.
type CoverageList struct {
	Days []DayCoverage `json:"days" nullable:"false"`
}

// DayCoverage is how much of one day is recorded.
type DayCoverage struct {
	Date       string           `json:"date" doc:"In the zone asked for"`
	From       int64            `json:"from" doc:"UTC milliseconds"`
	To         int64            `json:"to" doc:"UTC milliseconds; the day as far as it has passed"`
	RecordedMS int64            `json:"recorded_ms"`
	Gaps       map[string]int64 `json:"gaps" doc:"Milliseconds without recording, by reason; unknown where no reason is known"`
	Fraction   float64          `json:"fraction" doc:"Recorded part of the day, 0 to 1"`
}

// SyncedCamera is one camera of a synchronised playback.
type SyncedCamera struct {
	ID       string       `json:"id"`
	Playlist string       `json:"playlist" doc:"HLS playlist, relative to the API's base; each segment tells its wall time"`
	Runs     TimelineRuns `json:"runs" doc:"Where it has pictures"`
}

// SyncedPlayback is the same range of several cameras.
type SyncedPlayback struct {
	From    int64          `json:"from"`
	To      int64          `json:"to"`
	Cameras []SyncedCamera `json:"cameras" nullable:"false"`
}

func (s *Server) registerFootage() {
	get := func(path string, h fiber.Handler) { s.raw(fiber.MethodGet, apiBase+path, accessViewer, h) }
	get("/cameras/:id/frame.jpg", func(c *fiber.Ctx) error { return s.servePicture(c, s.deps.Stills.Frame, 0) })
	get("/cameras/:id/thumbnail.jpg", func(c *fiber.Ctx) error { return s.servePicture(c, s.deps.Stills.Thumbnail, 320) })
	get("/previews/:camera/:file", s.servePreview)
	s.registerCoverage()
	s.registerPreviews()
	s.registerSync()
}

// servePicture answers with one picture of the past. What is recorded does not change, so it may be kept.
func (s *Server) servePicture(c *fiber.Ctx, take func(context.Context, nvr.StreamID, time.Time, int) ([]byte, time.Time, error), width int) error {
	stream, err := s.mediaStream(c.Params("id"), c.Query("stream", string(nvr.Main)))
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(c.Query("t"), 10, 64)
	if err != nil || !plausible(at) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "t must be a UTC time in milliseconds"}
	}
	if w := c.Query("width"); w != "" {
		if width, err = strconv.Atoi(w); err != nil || width < 16 || width > 7680 {
			return &nvr.Error{Code: nvr.CodeInvalid, Message: "width must be 16 to 7680 pixels"}
		}
	}
	ctx, cancel := requestContext()
	defer cancel()
	jpeg, shown, err := take(ctx, stream, time.UnixMilli(at), width)
	if err != nil {
		return err
	}
	// Rounded up, so that asking for this time gives this picture and not the one before.
	c.Set("X-Frame-Time", strconv.FormatInt(shown.Add(time.Millisecond-1).UnixMilli(), 10))
	if time.Since(time.UnixMilli(at)) > time.Minute {
		c.Set(fiber.HeaderCacheControl, "private, max-age=86400")
	}
	return sendJPEG(c, jpeg)
}

// plausible accepts the years 1970 to 9999.
func plausible(ms int64) bool { return ms >= 0 && ms < 253402300800_000 }

func (s *Server) servePreview(c *fiber.Ctx) error {
	stream, err := s.mediaStream(c.Params("camera"), string(nvr.Main))
	if err != nil {
		return err
	}
	var hour int64
	if n, err := fmt.Sscanf(c.Params("file"), "%d.mp4", &hour); n != 1 || err != nil || !plausible(hour) || c.Params("file") != strconv.FormatInt(hour, 10)+".mp4" {
		return errNoMedia
	}
	body, size, open, err := s.deps.Previews.Open(stream.Camera, time.UnixMilli(hour))
	if err != nil {
		return err
	}
	f := content{body: body, size: size, mime: "video/mp4"}
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if !open {
		f.etag = fmt.Sprintf("%q", strconv.FormatInt(size, 36))
		c.Set(fiber.HeaderCacheControl, "private, max-age=604800")
	}
	return sendContent(c, f)
}

// RangeInput is a time range in a query.
type RangeInput struct {
	From int64 `query:"from" required:"true" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
	To   int64 `query:"to" required:"true" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
}

// span checks the range against the longest one allowed.
func (r RangeInput) span(limit time.Duration) (nvr.TimeRange, error) {
	return spanOf(r.From, r.To, limit)
}

func spanOf(from, to int64, limit time.Duration) (nvr.TimeRange, error) {
	r := nvr.TimeRange{Start: time.UnixMilli(from).UTC(), End: time.UnixMilli(to).UTC()}
	if d := r.Duration(); d <= 0 || d > limit {
		return nvr.TimeRange{}, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("from and to must be in order and at most %s apart", people(limit))}
	}
	return r, nil
}

func people(d time.Duration) string {
	if d > 48*time.Hour {
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	}
	return fmt.Sprintf("%d hours", int(d/time.Hour))
}

func (s *Server) registerPreviews() {
	type input struct {
		CameraPath
		RangeInput
	}
	type list struct{ Body PreviewList }
	register(s, operation{method: "GET", path: "/cameras/{id}/previews", id: "listPreviews", tag: "media", summary: "Small videos for scrubbing, one per hour", access: accessViewer},
		func(_ context.Context, in *input) (*list, error) {
			if _, err := s.camera(in.ID); err != nil {
				return nil, err
			}
			r, err := in.span(maxTimelineSpan)
			if err != nil {
				return nil, err
			}
			var out list
			out.Body.Previews = []Preview{}
			for _, p := range s.deps.Previews.List(nvr.CameraID(in.ID), r) {
				hour := p.Start.UnixMilli()
				out.Body.Previews = append(out.Body.Previews, Preview{
					Start: hour, End: p.End.UnixMilli(), Open: p.Open,
					URL: fmt.Sprintf("previews/%s/%d.mp4", in.ID, hour),
				})
			}
			return &out, nil
		})
}

func (s *Server) registerCoverage() {
	type input struct {
		CameraPath
		RangeInput
		TZ string `query:"tz" doc:"IANA zone whose days are meant; UTC when absent" maxLength:"64"`
	}
	type list struct{ Body CoverageList }
	register(s, operation{method: "GET", path: "/cameras/{id}/coverage", id: "getCoverage", tag: "timeline", summary: "How much of each day is recorded, and why the rest is not", access: accessViewer},
		func(ctx context.Context, in *input) (*list, error) {
			if _, err := s.camera(in.ID); err != nil {
				return nil, err
			}
			zone, err := time.LoadLocation(in.TZ)
			if err != nil || in.TZ == "Local" {
				return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "tz must be a time zone such as Europe/Berlin"}
			}
			r, err := in.span(maxTimelineSpan + 24*time.Hour)
			if err != nil {
				return nil, err
			}
			stream := nvr.StreamID{Camera: nvr.CameraID(in.ID), Role: nvr.Main}
			days := daysOf(r, zone, time.Now())
			if len(days) == 0 {
				return &list{Body: CoverageList{Days: []DayCoverage{}}}, nil
			}
			whole := nvr.TimeRange{Start: days[0].Start, End: days[len(days)-1].End}
			all, err := s.deps.Playback.Coverage(ctx, []nvr.StreamID{stream}, whole)
			if err != nil {
				return nil, err
			}
			var out list
			for _, d := range days {
				out.Body.Days = append(out.Body.Days, coverDay(d, zone, all[stream]))
			}
			return &out, nil
		})
}

// daysOf cuts r into the zone's days, each whole, the last one as far as it has passed. Days differ in length where
// daylight saving begins or ends.
func daysOf(r nvr.TimeRange, zone *time.Location, now time.Time) []nvr.TimeRange {
	var out []nvr.TimeRange
	y, m, d := r.Start.In(zone).Date()
	for start := time.Date(y, m, d, 0, 0, 0, 0, zone); start.Before(r.End) && start.Before(now); d++ {
		next := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
		end := next
		if now.Before(end) {
			end = now
		}
		out = append(out, nvr.TimeRange{Start: start.UTC(), End: end.UTC()})
		start = next
	}
	return out
}

func coverDay(day nvr.TimeRange, zone *time.Location, c Coverage) DayCoverage {
	out := DayCoverage{
		Date: day.Start.In(zone).Format(time.DateOnly), From: day.Start.UnixMilli(), To: day.End.UnixMilli(), Gaps: map[string]int64{},
	}
	var recorded time.Duration
	for _, r := range c.Exact {
		recorded += overlap(r, day)
	}
	missing := day.Duration() - recorded
	for _, g := range c.Gaps {
		d := overlap(g.TimeRange, day)
		for _, r := range c.Exact { // lost packets damage what is recorded all the same
			if r.Overlaps(g.TimeRange) {
				d -= overlap(nvr.TimeRange{Start: later(r.Start, g.Start), End: earlier(r.End, g.End)}, day)
			}
		}
		if d = min(d, missing); d > 0 {
			out.Gaps[g.Reason] += d.Milliseconds()
			missing -= d
		}
	}
	if missing >= time.Second {
		out.Gaps["unknown"] += missing.Milliseconds()
	}
	out.RecordedMS = recorded.Milliseconds()
	if all := day.Duration(); all > 0 {
		out.Fraction = math.Round(float64(recorded)/float64(all)*1e5) / 1e5
	}
	return out
}

func overlap(a, b nvr.TimeRange) time.Duration {
	return max(0, earlier(a.End, b.End).Sub(later(a.Start, b.Start)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *Server) registerSync() {
	type input struct {
		RangeInput
		Cameras []string `query:"cameras" required:"true" minItems:"1" maxItems:"16"`
	}
	type output struct{ Body SyncedPlayback }
	register(s, operation{method: "GET", path: "/playback/sync", id: "syncPlayback", tag: "media", summary: "Playlists of several cameras on one clock", access: accessViewer},
		func(ctx context.Context, in *input) (*output, error) {
			r, err := in.span(maxVODSpan)
			if err != nil {
				return nil, err
			}
			var streams []nvr.StreamID
			for _, name := range in.Cameras {
				if _, err := s.camera(name); err != nil {
					return nil, err
				}
				streams = append(streams, nvr.StreamID{Camera: nvr.CameraID(name), Role: nvr.Main})
			}
			all, err := s.deps.Playback.Coverage(ctx, streams, r)
			if err != nil {
				return nil, err
			}
			var out output
			out.Body.From, out.Body.To, out.Body.Cameras = in.From, in.To, []SyncedCamera{}
			for _, st := range streams {
				out.Body.Cameras = append(out.Body.Cameras, SyncedCamera{
					ID: string(st.Camera), Playlist: fmt.Sprintf("vod/%s/%d/%d/index.m3u8", st.Camera, in.From, in.To),
					Runs: runColumns(r.Start, all[st].Runs),
				})
			}
			return &out, nil
		})
}
