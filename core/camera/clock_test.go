package camera

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

func TestClockIsWrongAfterAWhile(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var w clockWatch
	// say lets the camera report an offset for some seconds and returns how often the opinion changed.
	say := func(offset time.Duration, known bool, seconds int) (changes int) {
		for range seconds {
			now = now.Add(time.Second)
			if w.see(rtsp.Stats{ClockKnown: known, ClockOffset: offset}, 10*time.Second, 30*time.Second, now) {
				changes++
			}
		}
		return changes
	}
	for _, step := range []struct {
		what    string
		offset  time.Duration
		known   bool
		seconds int
		changes int
		wrong   bool
	}{
		{"a little off", 9 * time.Second, true, 60, 0, false},
		{"wrong for a moment", -time.Minute, true, 20, 0, false},
		{"right again", 0, true, 5, 0, false},
		{"wrong for good", -time.Minute, true, 40, 1, true},
		{"no session", 0, false, 60, 0, true},
		{"hardly better", 8 * time.Second, true, 60, 0, true},
		{"right", time.Second, true, 40, 1, false},
		{"counts from its start, not from 1970", -100 * 365 * 24 * time.Hour, true, 60, 0, false},
		{"was never set", -56 * 365 * 24 * time.Hour, true, 60, 1, true},
	} {
		if n := say(step.offset, step.known, step.seconds); n != step.changes || w.wrong != step.wrong {
			t.Errorf("%s: %d changes, wrong %v", step.what, n, w.wrong)
		}
	}
}

func TestClockDetailIsASentence(t *testing.T) {
	for offset, want := range map[time.Duration]string{
		12300 * time.Millisecond:       "The camera's clock is 12 s ahead. Set its time server and its time zone.",
		-2 * time.Hour:                 "The camera's clock is 2 h behind. Set its time server and its time zone.",
		-20000 * time.Hour:             "The camera's clock is 833 d 8 h behind. Set its time server and its time zone.",
		61*time.Second + 400*1000*1000: "The camera's clock is 1 min 1 s ahead. Set its time server and its time zone.",
	} {
		if got := clockDetail(offset); got != want {
			t.Errorf("%v: %s", offset, got)
		}
	}
}
