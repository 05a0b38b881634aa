package retention

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Limit names the rule that will be the first to delete.
type Limit string

// The limits.
const (
	LimitAge   Limit = "age"
	LimitCap   Limit = "cap" // of the camera or of all
	LimitSpace Limit = "space"
	LimitNone  Limit = "none"
)

// Forecast says when deleting begins if recording goes on as in the last days.
type Forecast struct {
	Days  float64 // 0 when it deletes already; meaningless with LimitNone
	Limit Limit
}

func (f Forecast) earlier(o Forecast) Forecast {
	if f.Limit == LimitNone || o.Limit != LimitNone && o.Days < f.Days {
		return o
	}
	return f
}

// Storage is what the recordings take.
type Storage struct {
	At        time.Time
	Complete  bool            // all journals were read; right after the start they are not
	Volumes   []VolumeStorage // in order of preference
	Cameras   []CameraStorage // by id
	Forecast  Forecast
	HeldBytes int64
}

// VolumeStorage is what one volume has. Of one that cannot be read, only Path and Err are set.
type VolumeStorage struct {
	Path           string
	Total, Free    int64 // bytes of its file system
	MinFree        int64 // bytes that shall stay free
	RecordingBytes int64
	Err            error
}

// CameraStorage is what one camera has on all volumes. Oldest and Newest are zero when it has nothing.
type CameraStorage struct {
	Camera         nvr.CameraID
	Bytes          int64
	BytesPerDay    int64 // of what was recorded in the last days and is still there
	Oldest, Newest time.Time
	Forecast       Forecast
}

// measured is over how long bytes per day are measured.
const measured = 7 * 24 * time.Hour

// Storage returns what the recordings take and how long that will last. It does not wait for all journals to be read.
func (k *Keeper) Storage(ctx context.Context) (Storage, error) {
	if err := k.acquire(ctx); err != nil {
		return Storage{}, err
	}
	defer k.release()
	now := k.watchClock()
	complete, err := k.update(readPerPass)
	if err != nil {
		k.logger.Debug("storage is not all known", "err", err) // errors of volumes are shown there, and a pass tells all
	}
	k.complete = complete
	k.gather()
	out := Storage{At: now.UTC(), Complete: complete, HeldBytes: k.heldBytes()}
	space := Forecast{Limit: LimitNone}
	for _, v := range k.volumes {
		vs := VolumeStorage{Path: v.lib.Dir(), Err: v.err}
		if v.err == nil {
			vs.Total, vs.Free, vs.MinFree = v.total, v.free, v.minFree
			u := newUse(now)
			for _, d := range v.days {
				u.add(d)
			}
			vs.RecordingBytes = u.bytes
			if v.minFree > 0 {
				space = space.earlier(until(v.free-v.minFree, u.perDay(), LimitSpace))
			}
		}
		out.Volumes = append(out.Volumes, vs)
	}
	k.cameraStorage(now, space, &out)
	return out, nil
}

func (k *Keeper) cameraStorage(now time.Time, space Forecast, out *Storage) {
	uses := make(map[nvr.CameraID]*use)
	for id := range k.seen {
		uses[id] = newUse(now)
	}
	for _, v := range k.volumes {
		for _, d := range v.days {
			uses[d.Stream.Camera].add(d)
		}
	}
	total, perDay := int64(0), 0.0
	for _, u := range uses {
		total += u.bytes
		perDay += u.perDay()
	}
	shared := space
	if limit := k.opts.Policy.MaxBytes; limit > 0 {
		shared = shared.earlier(until(limit-total, perDay, LimitCap))
	}
	out.Forecast = shared
	for id, u := range uses {
		c := CameraStorage{Camera: id, Bytes: u.bytes, BytesPerDay: int64(u.perDay()), Oldest: ofMilli(u.oldest), Newest: ofMilli(u.newest), Forecast: shared}
		rule := k.opts.Policy.rule(id)
		if rule.MaxBytes > 0 {
			c.Forecast = c.Forecast.earlier(until(rule.MaxBytes-u.bytes, u.perDay(), LimitCap))
		}
		c.Forecast = c.Forecast.earlier(k.ageForecast(now, id, rule))
		out.Forecast = out.Forecast.earlier(c.Forecast)
		out.Cameras = append(out.Cameras, c)
	}
	slices.SortFunc(out.Cameras, func(a, b CameraStorage) int { return strings.Compare(string(a.Camera), string(b.Camera)) })
}

// ageForecast returns when the first recording of camera goes by age. What the rule discards at once is no limit.
func (k *Keeper) ageForecast(now time.Time, camera nvr.CameraID, rule Rule) Forecast {
	first := never
	for _, v := range k.volumes {
		for _, d := range v.days {
			if d.Stream.Camera != camera {
				continue
			}
			for i, r := range d.Recs {
				c := r.Class()
				switch {
				case !rule.Continuous && c == Quiet:
					continue
				case c == Unknown && rule.Continuous:
					c = Quiet
				case c == Unknown:
					c = Motion
				}
				if due := rule.due(c, d.start(i), d.end(i)); due < first && !k.held(d, i) {
					first = due
				}
			}
		}
	}
	if first == never {
		return Forecast{Limit: LimitNone}
	}
	return Forecast{Days: max(0, time.UnixMilli(first).Sub(now).Hours()/24), Limit: LimitAge}
}

// until returns when room bytes are used up.
func until(room int64, perDay float64, limit Limit) Forecast {
	switch {
	case room <= 0:
		return Forecast{Days: 0, Limit: limit}
	case perDay <= 0:
		return Forecast{Limit: LimitNone}
	default:
		return Forecast{Days: float64(room) / perDay, Limit: limit}
	}
}

// use sums up recordings.
type use struct {
	now, since     int64 // UTC milliseconds
	bytes, recent  int64
	oldest, newest int64
}

func newUse(now time.Time) *use {
	return &use{now: now.UnixMilli(), since: now.Add(-measured).UnixMilli(), oldest: math.MaxInt64}
}

func (u *use) add(d *tracked) {
	for i, r := range d.Recs {
		start := d.start(i)
		u.bytes += r.Bytes()
		if start >= u.since && start <= u.now {
			u.recent += r.Bytes()
		}
		u.oldest, u.newest = min(u.oldest, start), max(u.newest, d.end(i))
	}
}

// perDay returns how many bytes a day adds. It is measured over an hour at least, so that the first minutes do not say much.
func (u *use) perDay() float64 {
	if u.recent == 0 {
		return 0
	}
	length := max(u.now-max(u.oldest, u.since), time.Hour.Milliseconds())
	return float64(u.recent) / float64(length) * float64((24 * time.Hour).Milliseconds())
}

func ofMilli(ms int64) time.Time {
	if ms == 0 || ms == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// heldBytes returns what holds keep.
func (k *Keeper) heldBytes() (n int64) {
	if k.opts.Holds == nil {
		return 0
	}
	for _, v := range k.volumes {
		for _, d := range v.days {
			if len(d.Recs) == 0 || !k.opts.Holds.Covers(d.Stream, time.UnixMilli(d.midnight), time.UnixMilli(d.midnight).Add(2*24*time.Hour)) {
				continue
			}
			for i, r := range d.Recs {
				if k.held(d, i) {
					n += r.Bytes()
				}
			}
		}
	}
	k.metrics.held.Set(float64(n))
	return n
}
