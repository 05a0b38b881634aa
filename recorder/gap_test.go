package recorder

import (
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestDamagedPicturesAreToldAsOneGapWhereTheyAreClose(t *testing.T) {
	b := newBench(t, nil)
	clip := scene(t) // 15 pictures a second, a key picture each 2 s
	next := clip.Play(clip.Desc, epoch)
	damaged := false
	hit := map[time.Duration]bool{5 * time.Second: true, 11 * time.Second: true, 41 * time.Second: true} // when packets are lost
	b.feed(func() *media.AccessUnit {
		u := next()
		if u.Track != 0 {
			return u
		}
		at := u.NTP.Sub(epoch)
		if u.Key {
			damaged = false
		}
		if hit[at.Truncate(time.Second)] {
			delete(hit, at.Truncate(time.Second))
			damaged = true
		}
		u.Damaged = damaged
		return u
	}, 60*time.Second)
	b.must(b.endRun())
	recs, gaps := journal(t, b.lib)
	if len(gaps) != 2 {
		t.Fatalf("gaps %+v", gaps)
	}
	for i, want := range [][2]time.Duration{{5 * time.Second, 12 * time.Second}, {41 * time.Second, 42 * time.Second}} {
		g := gaps[i]
		if g.Reason != index.GapLoss || !strings.Contains(g.Detail, "pictures may be damaged") {
			t.Errorf("gap %+v", g)
		}
		if from, to := g.Start.Sub(epoch), g.End.Sub(epoch); (from-want[0]).Abs() > 400*time.Millisecond || (to-want[1]).Abs() > 400*time.Millisecond {
			t.Errorf("gap from %v to %v, want %v", from, to, want)
		}
	}
	if got := total(recs).Round(time.Second); got != 60*time.Second {
		t.Errorf("recorded %v: damaged pictures belong to the recording", got)
	}
}

func TestAReplayIsNotRecordedTwice(t *testing.T) {
	for name, c := range map[string]struct {
		back  time.Duration
		start time.Duration // of the second recording, from the end of the first
	}{
		"a little":   {time.Second, 0},
		"a group":    {5 * time.Second, time.Second},
		"clock step": {2 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-an")
			b.feed(clip.Play(clip.Desc, epoch), 20*time.Second)
			b.end("cable", epoch.Add(20*time.Second))
			b.feed(clip.Play(fmp4test.Copy(clip.Desc), epoch.Add(20*time.Second-c.back)), 20*time.Second)
			b.must(b.endRun())
			recs, gaps := journal(t, b.lib)
			first, second := recs[0], recs[len(recs)-1]
			for i := range recs[1:] {
				if recs[i+1].Stream == first.Stream && !recs[i+1].Start.Equal(recs[i].End()) {
					first, second = recs[i], recs[i+1]
				}
			}
			hole := second.Start.Sub(first.End())
			if hole <= 0 || (hole-c.start).Abs() > 3*time.Second || c.start == 0 && hole != time.Microsecond {
				t.Errorf("the second session begins %v behind the first", hole)
			}
			if told := len(gaps) == 1 && gaps[0].Reason == index.GapClock; told != (c.back > maxReplay) {
				t.Errorf("gaps %+v", gaps)
			}
			checkFiles(t, b.lib, recs)
		})
	}
}

func TestAClockSetBackByAnHourIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		back time.Duration
		told bool
	}{"by six minutes": {6 * time.Minute, true}, "by an hour": {time.Hour, true}, "ahead": {-time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-an")
			b.feed(clip.Play(clip.Desc, epoch), 20*time.Second)
			b.feed(clip.Play(clip.Desc, epoch.Add(20*time.Second-c.back)), 20*time.Second)
			b.must(b.endRun())
			recs, gaps := journal(t, b.lib)
			if got := total(recs).Round(time.Second); got != 40*time.Second {
				t.Errorf("recorded %v of 40 s", got)
			}
			var told []index.Gap
			for _, g := range gaps {
				if strings.Contains(g.Detail, "set back") {
					told = append(told, g)
				}
			}
			if (len(told) == 1) != c.told {
				t.Fatalf("gaps %+v", gaps)
			}
			if !c.told {
				return
			}
			g := told[0]
			if g.Reason != index.GapClock || !strings.Contains(g.Detail, "pictures of two times") || g.End.Sub(g.Start) != time.Microsecond ||
				(g.End.Sub(epoch)-(20*time.Second-c.back)).Abs() > 3*time.Second {
				t.Errorf("gap %+v", g)
			}
			checkFiles(t, b.lib, recs)
		})
	}
}

func TestTheGapThatIsGoingOn(t *testing.T) {
	b := newBench(t, nil)
	r := b.r
	now := time.Now().UTC().Truncate(time.Microsecond)
	if g, ok := r.openGap(now); ok {
		t.Errorf("gap of a stream that was never recorded: %+v", g)
	}
	r.resumeFrom(now.Add(-time.Hour))
	if g, ok := r.openGap(now.Add(5 * time.Second)); !ok || g.Reason != index.GapRestart || !g.Start.Equal(now.Add(-time.Hour)) || !g.End.Equal(now.Add(5*time.Second)) {
		t.Errorf("soon after the start %+v", g)
	}
	if g, ok := r.openGap(now.Add(time.Minute)); !ok || g.Reason != index.GapOffline || !g.Start.Equal(r.started) {
		t.Errorf("a minute after the start %+v", g)
	}
	r.note(now.Add(30*time.Second), false) // too early
	r.note(now.Add(2*time.Minute), false)
	r.note(now.Add(3*time.Minute), false) // not again yet
	r.lost(now.Add(10*time.Minute), index.GapDisabled, "off")
	if g, ok := r.openGap(now.Add(11 * time.Minute)); !ok || g.Reason != index.GapDisabled || !g.Start.Equal(now.Add(10*time.Minute)) {
		t.Errorf("switched off %+v", g)
	}
	r.note(now.Add(12*time.Minute), true)
	clip := scene(t)
	at := now.Add(20 * time.Minute)
	b.feed(clip.Play(clip.Desc, at), 4*time.Second)
	if g, ok := r.openGap(at.Add(5 * time.Second)); ok {
		t.Errorf("while recording %+v", g)
	}
	if g, ok := r.openGap(at.Add(time.Minute)); !ok || g.Reason != index.GapLoss || g.Start.Sub(at).Round(time.Second) != 4*time.Second {
		t.Errorf("silence while a file is open: %+v, %v", g, ok)
	}
	b.must(b.endRun())
	_, gaps := journal(t, b.lib)
	var all []string
	cursor := now.Add(-time.Hour)
	for i, g := range gaps {
		all = append(all, string(g.Reason))
		if i > 0 && g.Start.Equal(gaps[i-1].Start) { // told again, longer
			cursor = g.Start
		}
		if !g.Start.Equal(cursor) {
			t.Errorf("gap %d starts at %v, the one before ends at %v", i, g.Start, cursor)
		}
		cursor = g.End
	}
	if got := strings.Join(all, " "); got != "restart offline offline disabled disabled" || !cursor.Equal(at) {
		t.Errorf("gaps %s, to %v, want to %v", got, cursor, at)
	}
	found, err := recoverVolumes([]*library.Library{b.lib}, now, nil, quiet())
	if err != nil || found.files != 0 {
		t.Errorf("recovered %+v, error %v", found, err)
	}
}

func TestRecoveryLeavesGivenUpFilesAlone(t *testing.T) {
	b := newBench(t, nil)
	clip := scene(t)
	b.feed(clip.Play(clip.Desc, epoch), 5*time.Second)
	b.must(b.endRun())
	recs, _ := journal(t, b.lib)
	_, ms, err := library.ParseFilePath(recs[0].Path)
	b.must(err)
	b.must(b.lib.Append(library.DayOf(front, epoch), library.Line{Files: &library.Files{Change: library.Evicted, MS: []int64{ms}}}))
	found, err := recoverVolumes([]*library.Library{b.lib}, epoch, nil, quiet())
	if err != nil || found.files != 0 || found.removed != 0 {
		t.Errorf("recovered %+v, error %v", found, err)
	}
	led, err := b.lib.Ledger(library.DayOf(front, epoch), 0)
	if err != nil || len(led.Recordings()) != 0 {
		t.Errorf("what was given up is back: %+v, %v", led.Recordings(), err)
	}
}

func TestWhatIsDroppedAtTheEndOfASessionIsTold(t *testing.T) {
	for want, writing := range map[index.GapReason]time.Duration{index.GapOverload: time.Second, index.GapDisk: 2 * stall} {
		t.Run(string(want), func(t *testing.T) {
			b := newBench(t, nil)
			clip := scene(t)
			next := clip.Play(clip.Desc, epoch)
			b.feed(next, 10*time.Second)
			b.writing = writing
			for range 3 { // more than the queue takes
				b.r.stream.Hub.Publish(next())
			}
			b.end("cable", epoch.Add(20*time.Second))
			b.feed(clip.Play(fmp4test.Copy(clip.Desc), epoch.Add(25*time.Second)), 4*time.Second)
			b.must(b.endRun())
			_, gaps := journal(t, b.lib)
			if len(gaps) != 2 || gaps[0].Reason != want || gaps[1].Reason != index.GapOffline {
				t.Fatalf("gaps %+v", gaps)
			}
			if !gaps[0].End.Equal(gaps[1].Start) || !gaps[1].Start.Equal(epoch.Add(20*time.Second)) || (gaps[0].End.Sub(gaps[0].Start)-10*time.Second).Abs() > time.Second {
				t.Errorf("gaps %+v do not fill the hole", gaps)
			}
		})
	}
}
