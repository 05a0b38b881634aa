package retention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func withHolds(t *testing.T) func(*rig, *Options) {
	return func(r *rig, o *Options) {
		r.libs = []*library.Library{openLib(t)}
		var err error
		if o.Holds, err = hold.Open(hold.Options{Libraries: func() []*library.Library { return r.libs }, Logger: o.Logger}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStorage(t *testing.T) {
	p := Policy{
		Default: Rule{Continuous: true},
		Cameras: map[nvr.CameraID]Rule{"b": {Continuous: true, RetainDays: 3}, "c": {Continuous: true}, "d": {Continuous: true, MaxBytes: 2000}},
		MinFree: 1000,
	}
	r := newRig(t, p, withHolds(t))
	for h := range 48 {
		r.put("a", time.Duration(h+1)*time.Hour, 100)
	}
	for h := range 24 {
		r.put("b", time.Duration(h+1)*time.Hour, 50)
	}
	r.put("d", day, 1000)
	r.put("d", 30*day, 500)
	if _, err := r.opts.Holds.Add(hold.Hold{
		Kind: hold.Favourite, Cameras: []nvr.CameraID{"a"}, Range: nvr.TimeRange{Start: now.Add(-3 * time.Hour), End: now.Add(-2 * time.Hour)},
	}); err != nil {
		t.Fatal(err)
	}
	total := int64(4800 + 1200 + 1500)
	r.size = total + 1000 + 10_000
	st, err := r.Storage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !st.Complete || len(st.Volumes) != 1 || st.Volumes[0].RecordingBytes != total || st.Volumes[0].Free != 11_000 || st.Volumes[0].Total != r.size || st.HeldBytes != 100 {
		t.Errorf("volumes %+v, held %d", st.Volumes, st.HeldBytes)
	}
	about := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/50 {
			t.Errorf("%s: %v, want about %v", what, got, want)
		}
	}
	ids := ""
	for _, c := range st.Cameras {
		ids += string(c.Camera) + " "
	}
	if ids != "a b c d " {
		t.Fatalf("cameras %s", ids)
	}
	a, b, c, d := st.Cameras[0], st.Cameras[1], st.Cameras[2], st.Cameras[3]
	about("bytes per day of a", float64(a.BytesPerDay), 2400)
	about("bytes per day of b", float64(b.BytesPerDay), 1200)
	about("bytes per day of d", float64(d.BytesPerDay), 1000.0/7)
	if a.Bytes != 4800 || !a.Oldest.Equal(now.Add(-48*time.Hour)) || !a.Newest.Equal(now.Add(-time.Hour+30*time.Second)) {
		t.Errorf("a %+v", a)
	}
	if c.Bytes != 0 || !c.Oldest.IsZero() || !c.Newest.IsZero() || c.BytesPerDay != 0 {
		t.Errorf("c %+v", c)
	}
	// The disk has 10,000 bytes to give to (4800+1200+1000) bytes in two days, as the volume sees it.
	if a.Forecast.Limit != LimitSpace || d.Forecast.Limit != LimitCap {
		t.Errorf("forecasts %+v and %+v", a.Forecast, d.Forecast)
	}
	about("forecast of d", d.Forecast.Days, 500/(1000.0/7))
	if b.Forecast.Limit != LimitAge || st.Forecast != b.Forecast {
		t.Errorf("forecasts %+v and %+v", b.Forecast, st.Forecast)
	}
	about("forecast of b", b.Forecast.Days, 2+0.5/24) // its oldest hour ends half an hour after it began
}

func TestForecastOfNothingAndOfTooMuch(t *testing.T) {
	r := newRig(t, keepAll, nil)
	st, err := r.Storage(t.Context())
	if err != nil || st.Forecast.Limit != LimitNone || len(st.Cameras) != 0 {
		t.Errorf("storage %+v, error %v", st, err)
	}
	r.put("a", 2*time.Hour, 1000)
	r.opts.Policy.MaxBytes = 100
	if st, err = r.Storage(t.Context()); err != nil || st.Forecast != (Forecast{0, LimitCap}) {
		t.Errorf("storage %+v, error %v", st, err)
	}
}

func TestAnswersRespectTheContext(t *testing.T) {
	r := newRig(t, keepAll, nil)
	if err := r.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Storage(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("storage: %v", err)
	}
	if _, err := r.Plan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("plan: %v", err)
	}
	r.release()
}

func TestDryRun(t *testing.T) {
	d := &diary{}
	p := Policy{
		Default: Rule{Continuous: true, RetainDays: 2, EventDays: 9}, Cameras: map[nvr.CameraID]Rule{"q": {EventDays: 3}}, MinFree: 100,
		Evict: true, EvictAfter: time.Hour,
	}
	r := newRig(t, p, func(r *rig, o *Options) { withHolds(t)(r, o); o.Interest = d })
	for i := range 60 {
		r.put("a", 4*day-time.Duration(i)*time.Minute, 100)
	}
	d.add(nvr.InterestEvent, 4*day-10*time.Minute-10*time.Second, time.Second)
	r.put("q", 5*time.Hour, 10)
	r.archive(r.libs[0], r.put("a", 3*time.Hour, 7))
	for h := range 3 {
		r.put("a", 10*time.Hour+time.Duration(h)*time.Hour, 1000)
	}
	if _, err := r.opts.Holds.Add(hold.Hold{
		Kind: hold.Legal, Cameras: []nvr.CameraID{"a"}, Range: nvr.TimeRange{Start: now.Add(-4*day + 20*time.Minute), End: now.Add(-4*day + 21*time.Minute)},
	}); err != nil {
		t.Fatal(err)
	}
	left := r.left()
	r.size = r.stored(r.libs[0]) + 50 // short by 50, which age and eviction make good
	want := []string{
		"a age 58 files 5800 bytes: It is older than the 2 days for which footage of this camera is kept.",
		"q age 1 files 10 bytes: Nothing happened, and of this camera only motion and events are kept.",
		"a evict 1 files 7 bytes: The archive has a verified copy, and local copies go after 1h0m0s.",
	}
	check := func() Report {
		t.Helper()
		rep, err := r.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		sum := int64(0)
		for _, x := range rep.Deletions {
			got = append(got, fmt.Sprintf("%s %s %d files %d bytes: %s", x.Stream.Camera, x.Reason, x.Files, x.Bytes, x.Detail))
			sum += x.Bytes
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || rep.Bytes != sum {
			t.Errorf("plan\n%s\nof %d bytes, want\n%s", strings.Join(got, "\n"), rep.Bytes, strings.Join(want, "\n"))
		}
		return rep
	}
	rep := check()
	// 59 min of one minute each, from 10:30 to 11:29 on one day; two hours of the same day are one row
	if rep.HeldBytes != 100 || len(rep.Notes) != 0 || !rep.Deletions[0].From.Equal(now.Add(-4*day)) ||
		!rep.Deletions[0].To.Equal(now.Add(-4*day+59*time.Minute+30*time.Second)) {
		t.Errorf("report %+v", rep)
	}
	if got := r.left(); got != left {
		t.Errorf("the dry run deleted: left %q, before %q", got, left)
	}
	r.size -= 6000 // now space is short as well
	want = append(want[:1], append([]string{
		"a space 1 files 1000 bytes: Volume " + r.libs[0].Dir() + " has less than 100 bytes free; footage in which nothing happened goes first.",
	}, want[1:]...)...)
	check()
	// Without trust in the clock only space counts: the archived one first, then the oldest.
	r.evenly = r.mono
	r.size += 6000
	low := "Volume " + r.libs[0].Dir() + " has less than 100 bytes free; "
	want = []string{
		"a space 1 files 100 bytes: " + low + "footage in which nothing happened goes first.",
		"a space 1 files 7 bytes: " + low + "the archive has a copy of what goes first.",
	}
	if rep := check(); len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "clock") {
		t.Errorf("notes %q", rep.Notes)
	}
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 1550: "1.6 kB", 123_456_789: "123 MB", 2_000_000_000: "2 GB", 5e15: "5000 TB"} {
		if got := human(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
