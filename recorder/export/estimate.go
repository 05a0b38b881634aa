package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Estimate is what an export will be, as far as the index tells.
type Estimate struct {
	Bytes    int64         // of all files
	Duration time.Duration // of the longest file
	Cameras  []CameraEstimate

	need int64 // room that is taken while it is made
}

// CameraEstimate is one camera's share.
type CameraEstimate struct {
	Camera   nvr.CameraID
	Bytes    int64
	Duration time.Duration // of the video
	Gaps     []Gap         // what of the range is not recorded
}

// Estimate says how large and long an export will be, without making it. A copy is right to a few per cent, a
// time-lapse to its order of magnitude. Errors: CodeInvalid, CodeNotFound where nothing is recorded, and what fits says.
func (e *Exporter) Estimate(ctx context.Context, r Request) (Estimate, error) {
	_, est, err := e.estimate(ctx, r)
	if err != nil {
		return Estimate{}, err
	}
	return est, e.fits(est)
}

// estimate checks a request, fills in what it leaves open, and measures it.
func (e *Exporter) estimate(ctx context.Context, r Request) (Request, Estimate, error) {
	if err := e.check(&r); err != nil {
		return r, Estimate{}, err
	}
	var est Estimate
	for _, c := range r.Cameras {
		one, need, err := e.camera(ctx, &r, c)
		if err != nil {
			return r, Estimate{}, err
		}
		est.Cameras = append(est.Cameras, one)
		est.Bytes += one.Bytes
		est.need += need
		est.Duration = max(est.Duration, one.Duration)
	}
	if est.Duration == 0 {
		return r, Estimate{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "nothing is recorded of these cameras in this time range"}
	}
	return r, est, nil
}

func (e *Exporter) check(r *Request) error {
	if r.Role == "" {
		r.Role = nvr.Main
	}
	if r.Mode == "" {
		r.Mode = Copy
	}
	r.Range.Start, r.Range.End = r.Range.Start.UTC().Truncate(time.Microsecond), r.Range.End.UTC().Truncate(time.Microsecond)
	switch {
	case len(r.Cameras) == 0 || len(r.Cameras) > maxCameras:
		return invalid("an export has 1 to %d cameras, not %d", maxCameras, len(r.Cameras))
	case !r.Range.Start.Before(r.Range.End):
		return invalid("the time range is empty: its end must be after its start")
	case r.Range.Duration() > maxRange:
		return invalid("an export covers at most %d hours; make several", int(maxRange.Hours()))
	case r.Range.Start.Year() < 1970 || r.Range.End.Year() > 9999:
		return invalid("the time range is not of this age")
	case r.Mode != Copy && r.Mode != Exact && r.Mode != Timelapse:
		return invalid("there is no mode %q: want copy, exact or timelapse", r.Mode)
	case r.Mode == Timelapse && (r.Speed < minSpeed || r.Speed > maxSpeed):
		return invalid("a time-lapse is %d to %d times as fast, not %d", minSpeed, maxSpeed, r.Speed)
	case r.Mode != Timelapse && r.Speed > 1:
		return invalid("only a time-lapse has a speed")
	case r.Mode == Timelapse && r.Evidence:
		return invalid("a time-lapse is no evidence: choose copy or exact")
	case r.Evidence && e.opts.Key == nil:
		return invalid("this installation has no key to sign evidence with")
	}
	if _, err := nvr.ParseRole(string(r.Role)); err != nil {
		return invalid("%v", err)
	}
	for i, c := range r.Cameras {
		if _, err := nvr.ParseCameraID(string(c)); err != nil {
			return invalid("%v", err)
		}
		if slices.Contains(r.Cameras[:i], c) {
			return invalid("camera %s is named twice", c)
		}
	}
	if _, err := time.LoadLocation(r.Zone); err != nil || r.Zone == "Local" {
		return invalid("there is no time zone %q: want a name like Europe/Berlin", r.Zone)
	}
	if r.Name = cleanName(r.Name); r.Name == "" {
		r.Name = defaultName(r)
	}
	r.By = cleanName(r.By)
	return nil
}

// timelapseBits is what a picture of a time-lapse costs per pixel, measured with street scenes.
const timelapseBits = 0.7

func (e *Exporter) camera(ctx context.Context, r *Request, c nvr.CameraID) (est CameraEstimate, need int64, err error) {
	s := source{stream: nvr.StreamID{Camera: c, Role: r.Role}}
	if s.recs, err = e.opts.Player.Recordings(ctx, s.stream, r.Range); err != nil {
		return est, 0, err
	}
	known, err := e.opts.Player.Gaps(ctx, s.stream, r.Range)
	if err != nil {
		return est, 0, err
	}
	s.spans = spansOf(s.recs, r.Range)
	est.Camera = c
	pixels := int64(0)
	for i := range s.spans {
		sp := &s.spans[i]
		s.saw(sp)
		for _, seg := range sp.segs {
			start := sp.rec.Start.Add(seg.Start)
			part := min(seg.Duration, r.Range.End.Sub(start))
			if r.Mode != Copy && start.Before(r.Range.Start) {
				part -= r.Range.Start.Sub(start)
			}
			est.Duration += part
			est.Bytes += int64(float64(seg.Bytes) * float64(part) / float64(seg.Duration))
		}
		pixels = max(pixels, int64(sp.rec.Width)*int64(sp.rec.Height))
	}
	est.Gaps = holes(r.Range, s.read, known)
	if est.Duration == 0 {
		return est, 0, nil
	}
	if r.Mode == Timelapse {
		est.Duration /= time.Duration(r.Speed)
		pictures := est.Duration.Seconds()*timelapseFPS + 1
		est.Bytes = int64(pictures*timelapseBits*float64(min(pixels, 1920*1080))/8) + 16<<10
		return est, est.Bytes, nil
	}
	est.Bytes += 16 << 10 // tables
	need = est.Bytes
	if r.Evidence {
		for i := range s.recs {
			est.Bytes += s.recs[i].Bytes
		}
		need += est.Bytes // the playable file is there twice for a moment
	}
	return est, need, nil
}

// fits refuses what the disk or the limits have no room for. CodeInvalid.
func (e *Exporter) fits(est Estimate) error {
	var kept, promised int64
	for _, rec := range e.records(func(*job) bool { return true }) {
		kept += rec.Bytes
		if rec.State == Queued || rec.State == Running {
			promised += rec.Need
		}
	}
	if limit := e.opts.MaxBytes; limit > 0 && kept+est.Bytes > limit {
		return invalid("this export needs %s, and exports may take %s together, of which %s are left; delete old exports or choose less",
			size(est.Bytes), size(limit), size(max(0, limit-kept)))
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(e.opts.Dir, &fs); err != nil {
		return &nvr.Error{Code: nvr.CodeUnavailable, Message: "the disk for exports does not answer", Err: err}
	}
	free := int64(fs.Bavail)*fs.Bsize - e.opts.MinFree - promised
	if est.need > free {
		return invalid("this export needs %s of the disk while it is made, and %s are free for it; make room, or choose a shorter range or fewer cameras",
			size(est.need), size(max(0, free)))
	}
	return nil
}

// size writes bytes for people, in decimal units as disks are sold.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
}
