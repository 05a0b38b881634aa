package recorder

import (
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// mergeDamage is the distance within which two intervals of damaged pictures are told as one.
const mergeDamage = 10 * time.Second

// damage is an interval of recorded pictures of which packets were lost: from the last intact one to the next intact
// key picture.
type damage struct {
	intact     time.Time // wall time of the latest intact picture
	start, end time.Time // end is zero while the interval goes on
	units      int
}

// watch looks at the unit of the lead track that was just taken.
func (i *instance) watch(u *media.AccessUnit) {
	d := &i.damage
	at, _ := i.mux.Last()
	wall := i.origin.Add(at.Truncate(time.Microsecond))
	switch {
	case u.Damaged:
		if d.units == 0 {
			d.start = d.intact
		}
		d.units++
		d.end = time.Time{}
	case d.units > 0 && d.end.IsZero():
		if u.Key {
			d.end = wall
		}
	case d.units > 0 && wall.Sub(d.end) > mergeDamage:
		i.tellDamage()
	}
	if !u.Damaged && (d.units == 0 || !d.end.IsZero()) {
		d.intact = wall
	}
}

// tellDamage journals the interval, if there is one.
func (i *instance) tellDamage() {
	d := i.damage
	i.damage = damage{intact: d.intact}
	if d.units == 0 {
		return
	}
	if d.end.IsZero() { // the run ended first
		i.r.mu.Lock()
		d.end = i.r.lastEnd
		i.r.mu.Unlock()
	}
	if !d.start.Before(d.end) {
		return
	}
	units := fmt.Sprintf("%d pictures", d.units)
	if d.units == 1 {
		units = "1 picture"
	}
	i.r.tell(index.Gap{
		Stream: i.r.stream.ID, Start: d.start, End: d.end, Reason: index.GapLoss, Detail: "Packets were lost: " + units + " may be damaged.",
	})
}
