package export

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// fileName returns a name that tells what is in a file: "front_2026-11-25_14-30-00_to_14-32-10.mp4". Part counts files
// of one camera from 1, where the stream changed within the range.
func fileName(x *Export, camera nvr.CameraID, part int) string {
	var b strings.Builder
	b.WriteString(string(camera))
	if x.Role == nvr.Sub {
		b.WriteString("_sub")
	}
	b.WriteString("_" + spanName(x))
	if x.Mode == Timelapse {
		fmt.Fprintf(&b, "_%dx", x.Speed)
	}
	if part > 1 {
		fmt.Fprintf(&b, "_part%d", part)
	}
	return b.String() + ".mp4"
}

// packageName returns the name of an evidence package.
func packageName(x *Export) string {
	who := "cameras"
	if len(x.Cameras) == 1 {
		who = string(x.Cameras[0])
	}
	return "evidence_" + who + "_" + spanName(x) + ".zip"
}

func spanName(x *Export) string {
	zone := zoneOf(x.Zone)
	from, to := x.From.In(zone), x.To.In(zone)
	layout := "2006-01-02_15-04-05"
	until := "15-04-05"
	if from.YearDay() != to.YearDay() || from.Year() != to.Year() {
		until = layout
	}
	name := from.Format(layout) + "_to_" + to.Format(until)
	if zone == time.UTC { // a person would take it for the time of day
		name += "_UTC"
	}
	return name
}

func zoneOf(name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC // checked when it was created; the zone data went away since
	}
	return zone
}

// cleanName makes a name fit to be shown: no control characters, no directions of writing, at most maxName characters.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return s
}

// defaultName is what an export is called when nobody named it.
func defaultName(r *Request) string {
	zone := zoneOf(r.Zone)
	who := string(r.Cameras[0])
	if n := len(r.Cameras); n > 1 {
		who = fmt.Sprintf("%s and %d more", who, n-1)
	}
	return fmt.Sprintf("%s, %s", who, r.Range.Start.In(zone).Format("2006-01-02 15:04:05 MST"))
}
