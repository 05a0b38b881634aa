package jobs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/route"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxSnapshotBytes = 1 << 20
	maxErrorBytes    = 1000 // of LastError
	maxMessageBytes  = 512
	minWait          = 250 * time.Millisecond // for an earlier change of the same event
	maxWait          = time.Minute
)

// verdict is how a due delivery is told: not at all (reason), later with others (hold, until), a little later (pause), or now.
type verdict struct {
	reason string
	hold   nvr.HoldReason
	until  time.Time
	pause  time.Duration
	silent bool
}

// route returns the route of a delivery as it is now. One that is gone has no wishes any more.
func (d *Dispatcher) route(id string) nvr.Route {
	routes := d.opts.Routes()
	if i := slices.IndexFunc(routes, func(r nvr.Route) bool { return r.ID == id }); i >= 0 {
		return routes[i]
	}
	return nvr.Route{ID: id}
}

// consider decides about a claimed delivery at now, which is in the site's zone.
func (d *Dispatcher) consider(ctx context.Context, t nvr.DeliveryTurn, r nvr.Route, now time.Time) (v verdict, err error) {
	if v = known(t, now); v != (verdict{}) {
		return v, nil
	}
	if t.Snoozed {
		return verdict{reason: "snoozed until " + t.SnoozedUntil.In(now.Location()).Format("15:04 on Mon 2 Jan")}, nil
	}
	v.silent = r.Silent
	if action, end, ok := route.QuietNow(r, severity(t), now); ok {
		switch action {
		case nvr.QuietDrop:
			return verdict{reason: "quiet hours until " + end.Format("15:04")}, nil
		case nvr.QuietHold:
			return verdict{hold: nvr.HoldQuiet, until: end}, nil
		case nvr.QuietSilent:
			v.silent = true
		}
	}
	if t.Admitted {
		return v, nil
	}
	if r.Digest > 0 && t.Phase == nvr.PhaseNew && (t.Hold == nvr.HoldNone || t.Hold == nvr.HoldEscalation) {
		return verdict{hold: nvr.HoldDigest, until: now.Add(r.Digest)}, nil
	}
	if r.Rate.Burst <= 0 || r.Rate.Per <= 0 {
		return v, nil
	}
	ok, wait, err := d.opts.Store.AdmitDelivery(ctx, t.Delivery, r.Rate)
	if err == nil && !ok {
		return verdict{hold: nvr.HoldRate, until: now.Add(wait)}, nil
	}
	return v, err
}

// known decides by what the recipient knows already.
func known(t nvr.DeliveryTurn, now time.Time) verdict {
	switch {
	case t.Level > 0 && t.Acknowledged:
		return verdict{reason: "acknowledged by " + t.AcknowledgedBy}
	case t.Phase == nvr.PhaseNew, t.Members > 0: // others' alerts do not go with a change that is told otherwise
		return verdict{}
	case t.Phase == nvr.PhaseUpdate && t.Superseded:
		return verdict{reason: "a later change is told instead"}
	case t.Collected:
		return verdict{reason: "told with the alert itself, which waits or is part of a digest"}
	case t.Earlier:
		return verdict{pause: min(max(t.EarlierAt.Sub(now), minWait), maxWait)}
	}
	return verdict{}
}

// severity is the highest of what a delivery tells.
func severity(t nvr.DeliveryTurn) nvr.Severity {
	s := t.Event.Severity
	for _, e := range t.Digest {
		if e.Severity.Rank() > s.Rank() {
			s = e.Severity
		}
	}
	return s
}

// alert is what the plugin is asked to tell.
func (d *Dispatcher) alert(t nvr.DeliveryTurn, r nvr.Route, silent bool) nvr.Alert {
	a := nvr.Alert{
		DeliveryID: t.ID, ExpiresAt: t.ExpiresAt, Attempt: t.Attempts + 1, Recipient: t.Recipient, Phase: t.Phase, Event: t.Event, CameraName: t.Camera,
		Snapshot: d.snapshot(t.Event), Silent: silent, Link: d.opts.Link(t.Event), Previous: t.Previous, Digest: t.Digest,
		Attachments: attachments(t), Actions: []nvr.AlertAction{
			{Kind: nvr.ActionAcknowledge, Token: ackPrefix + t.Token, Label: "Seen"},
			{Kind: nvr.ActionSnooze, Token: snoozePrefix + t.Token, Label: "Snooze 1 h"},
		},
	}
	name := func(id nvr.CameraID) string {
		if id == t.Event.Camera {
			return t.Camera
		}
		return d.opts.CameraName(id)
	}
	if t.Acknowledged {
		a.Actions = nil
	}
	a.Title, a.Text = route.Render(r, route.NewData(t.Delivery, t.Event, t.Digest, t.Total, a.Link, name, d.opts.Zone))
	if t.Level > 0 {
		a.Text += fmt.Sprintf("\nNobody has acknowledged this since %s.", t.Event.Start.In(d.opts.Zone).Format("15:04"))
	}
	return a
}

// attachments are what the host may offer; it makes the references.
func attachments(t nvr.DeliveryTurn) (out []nvr.Attachment) {
	if t.Event.HasSnapshot {
		out = append(out, nvr.Attachment{Kind: nvr.AttachSnapshot, ContentType: "image/jpeg"})
	}
	if t.Event.Kind != nvr.EventCamera {
		out = append(out, nvr.Attachment{Kind: nvr.AttachClip, ContentType: "video/mp4"})
	}
	return out
}

// snapshot reads the event's picture, where there is one that fits.
func (d *Dispatcher) snapshot(e nvr.Event) []byte {
	if d.opts.Snapshots == nil || !e.HasSnapshot {
		return nil
	}
	f, err := d.opts.Snapshots.OpenSnapshot(e.Camera, e.Start, e.ID)
	if err != nil {
		return nil // swept with its day, perhaps
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSnapshotBytes+1))
	if err != nil || len(b) > maxSnapshotBytes {
		return nil
	}
	return b
}

// clip makes a text of a plugin's one that PostgreSQL takes.
func clip(s string, n int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), n)], ""), "\x00", "")
}
