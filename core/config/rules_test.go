package config

import (
	"slices"
	"testing"
	"time"
)

func TestSchedules(t *testing.T) {
	for text, want := range map[string]Schedule{
		"22:00-06:00":                 {From: 22 * time.Hour, Until: 6 * time.Hour},
		"mon-fri 08:00-17:30":         {Days: []time.Weekday{1, 2, 3, 4, 5}, From: 8 * time.Hour, Until: 17*time.Hour + 30*time.Minute},
		"fri-sun,wed 00:00-24:00":     {Days: []time.Weekday{5, 6, 0, 3}, Until: 24 * time.Hour},
		"Sat,SUN 09:15-09:16":         {Days: []time.Weekday{6, 0}, From: 9*time.Hour + 15*time.Minute, Until: 9*time.Hour + 16*time.Minute},
		"  tue   00:00-23:59        ": {Days: []time.Weekday{2}, Until: 23*time.Hour + 59*time.Minute},
	} {
		s, err := parseSchedule(text)
		if err != nil || s.From != want.From || s.Until != want.Until || !slices.Equal(s.Days, want.Days) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "22:00", "mon tue 10:00-11:00", "funday 10:00-11:00", "10:00-10:00", "24:00-06:00", "8-9", "mon-fri"} {
		if _, err := parseSchedule(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
