package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// What a token is for is its first letter; the rest is the delivery's own secret.
const (
	ackPrefix    = "a"
	snoozePrefix = "s"
)

const (
	defaultSnooze = time.Hour
	maxSnooze     = 7 * 24 * time.Hour
	maxActionAge  = 72 * time.Hour // of an alert whose buttons still do something
	maxCommand    = 1000           // bytes
)

// peopleStore is what People needs of the database; core/store implements it.
type peopleStore interface {
	DeliveryByToken(ctx context.Context, notifier, token string) (nvr.Delivery, nvr.CameraID, error)
	Acknowledge(ctx context.Context, id, by string) (first bool, err error)
	PutSnooze(ctx context.Context, z nvr.Snooze) error
	Snoozes(ctx context.Context) ([]nvr.Snooze, error)
}

// PeopleOptions are the parts of People. All are required but Zone.
type PeopleOptions struct {
	Store  peopleStore
	Routes func() []nvr.Route
	// Cameras returns all cameras as they are now.
	Cameras func() []nvr.CameraStatus
	Mode    func() nvr.Mode
	SetMode func(ctx context.Context, m nvr.Mode) error
	// Still returns the newest picture of a camera as JPEG.
	Still func(ctx context.Context, id nvr.CameraID) ([]byte, time.Time, error)
	Zone  *time.Location // nil: the machine's
	Log   *slog.Logger
}

// People handles what people answer to alerts through their notifiers.
type People struct{ o PeopleOptions }

// NewPeople checks its parts.
func NewPeople(o PeopleOptions) (*People, error) {
	if o.Store == nil || o.Routes == nil || o.Cameras == nil || o.Mode == nil || o.SetMode == nil || o.Still == nil || o.Log == nil {
		return nil, errors.New("people: store, routes, cameras, mode, mode switch, stills and logger are required")
	}
	if o.Zone == nil {
		o.Zone = time.Local //nolint:gosmopolitan // answers name times of the people at this place
	}
	return &People{o: o}, nil
}

// Act does what the person by chose by an action's token, and returns a sentence for them. The token must belong to a
// delivery of the notifier (CodeNotFound) of the last three days (CodeConflict), to somebody whom a route still names
// (CodeForbidden): a link that was kept or passed on is not good for ever. snooze is how long, for that action; 0: one hour.
func (p *People) Act(ctx context.Context, notifier, token, by string, snooze time.Duration) (string, error) {
	kind, secret := token[:min(1, len(token))], token[min(1, len(token)):]
	if kind != ackPrefix && kind != snoozePrefix {
		return "", &nvr.Error{Code: nvr.CodeInvalid, Message: "this is not an action of Nightjar"}
	}
	d, camera, err := p.o.Store.DeliveryByToken(ctx, notifier, secret)
	if err != nil {
		return "", err
	}
	switch {
	case !p.known(notifier, d.Recipient):
		return "", errStranger
	case time.Since(d.CreatedAt) > maxActionAge:
		return "", &nvr.Error{Code: nvr.CodeConflict, Message: "this alert is too old for that"}
	}
	by = clip(strings.TrimSpace(by), 100)
	if by == "" {
		by = notifier
	}
	first, err := p.o.Store.Acknowledge(ctx, d.ID, by)
	if err != nil {
		return "", err
	}
	p.o.Log.Info("alert was acknowledged", "plugin", notifier, "delivery_id", d.ID, "by", by)
	if kind == snoozePrefix {
		return p.snooze(ctx, nvr.Snooze{Notifier: notifier, Recipient: d.Recipient, Camera: camera, By: by}, snooze)
	}
	if !first {
		return "Somebody had seen it already.", nil
	}
	return "Noted that you have seen it.", nil
}

func (p *People) snooze(ctx context.Context, z nvr.Snooze, d time.Duration) (string, error) {
	if d <= 0 {
		d = defaultSnooze
	}
	z.Until = time.Now().Add(min(d, maxSnooze))
	if err := p.o.Store.PutSnooze(ctx, z); err != nil {
		return "", err
	}
	p.o.Log.Info("alerts were snoozed", "plugin", z.Notifier, "camera_id", string(z.Camera), "until", z.Until, "by", z.By)
	what := "any camera"
	if z.Camera != "" {
		what = p.name(z.Camera)
	}
	return fmt.Sprintf("No alerts of %s for you until %s.", what, z.Until.In(p.o.Zone).Format("15:04 on Mon 2 Jan")), nil
}

const helpText = `/status – cameras, arming mode, snoozes
/snapshot front_door – how it looks there now
/snooze 1h – no alerts for you for an hour
/snooze 30m front_door – none of one camera
/mode away – change the arming mode: home, away, night`

var errStranger = &nvr.Error{Code: nvr.CodeForbidden, Message: "you are not among those whom Nightjar tells alerts"}

// Command handles a line that a recipient of the notifier wrote, and returns the answer for them, with a JPEG where it is a
// picture. Only those whom a route of the notifier names are heard (CodeForbidden); the empty recipient is the default of
// the notifier's settings. They see the cameras that their routes tell them of, and change the arming mode where those are
// all.
func (p *People) Command(ctx context.Context, notifier, recipient, text string) (string, []byte, error) {
	if !p.known(notifier, recipient) {
		p.o.Log.Warn("a command of a stranger was refused", "plugin", notifier)
		return "", nil, errStranger
	}
	words := strings.Fields(text)
	if len(text) > maxCommand || len(words) == 0 {
		return helpText, nil, nil
	}
	name, _, _ := strings.Cut(strings.ToLower(words[0]), "@") // "/status@my_bot" in groups
	answer, err := helpText, error(nil)
	switch name {
	case "/status":
		answer, err = p.status(ctx, notifier, recipient)
	case "/snapshot":
		return p.still(ctx, p.cameras(notifier, recipient), strings.Join(words[1:], " "))
	case "/snooze":
		answer, err = p.snoozeCommand(ctx, notifier, recipient, words[1:])
	case "/mode":
		answer, err = p.modeCommand(ctx, notifier, recipient, words[1:])
	}
	return answer, nil, err
}

func (p *People) still(ctx context.Context, cameras []nvr.CameraStatus, wanted string) (string, []byte, error) {
	c, ok := find(cameras, wanted)
	if !ok {
		return noCamera(wanted), nil, nil
	}
	jpeg, at, err := p.o.Still(ctx, c.Camera)
	if nvr.ErrorCode(err) == nvr.CodeNotFound {
		return "There is no picture of " + c.Name + " yet.", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	return c.Name + ", " + at.In(p.o.Zone).Format("15:04:05"), jpeg, nil
}

// find returns a camera by its id or its name.
func find(cameras []nvr.CameraStatus, wanted string) (nvr.CameraStatus, bool) {
	for _, c := range cameras {
		if strings.EqualFold(string(c.Camera), wanted) || strings.EqualFold(c.Name, wanted) {
			return c, true
		}
	}
	return nvr.CameraStatus{}, false
}

func noCamera(wanted string) string {
	return "There is no camera " + clip(wanted, 60) + "; /status lists them."
}

// told returns the routes that tell a recipient.
func (p *People) told(notifier, recipient string) (out []nvr.Route) {
	for _, r := range p.o.Routes() {
		if r.Notifier == notifier && !r.Disabled && (slices.Contains(r.Recipients, recipient) || (recipient == "" && len(r.Recipients) == 0)) {
			out = append(out, r)
		}
	}
	return out
}

func (p *People) known(notifier, recipient string) bool { return len(p.told(notifier, recipient)) > 0 }

// hearsAll reports whether a recipient is told of all cameras.
func (p *People) hearsAll(notifier, recipient string) bool {
	return slices.ContainsFunc(p.told(notifier, recipient), func(r nvr.Route) bool { return len(r.Cameras) == 0 })
}

// cameras are those that a recipient is told of.
func (p *People) cameras(notifier, recipient string) []nvr.CameraStatus {
	all, routes := p.o.Cameras(), p.told(notifier, recipient)
	return slices.DeleteFunc(slices.Clone(all), func(c nvr.CameraStatus) bool {
		return !slices.ContainsFunc(routes, func(r nvr.Route) bool { return len(r.Cameras) == 0 || slices.Contains(r.Cameras, c.Camera) })
	})
}

func (p *People) name(id nvr.CameraID) string {
	for _, c := range p.o.Cameras() {
		if c.Camera == id {
			return c.Name
		}
	}
	return string(id)
}

func (p *People) status(ctx context.Context, notifier, recipient string) (string, error) {
	var b strings.Builder
	cameras := p.cameras(notifier, recipient)
	fmt.Fprintf(&b, "Mode: %s", p.o.Mode())
	for _, c := range cameras {
		fmt.Fprintf(&b, "\n%s: %s", c.Name, c.State)
	}
	all, err := p.o.Store.Snoozes(ctx)
	if err != nil {
		return "", err
	}
	for _, z := range all {
		if z.Notifier != "" && (z.Notifier != notifier || z.Recipient != recipient) {
			continue
		}
		what := "all cameras"
		if z.Camera != "" {
			c, ok := find(cameras, string(z.Camera))
			if !ok {
				continue
			}
			what = c.Name
		}
		fmt.Fprintf(&b, "\nSnoozed: %s until %s", what, z.Until.In(p.o.Zone).Format("15:04 on Mon 2 Jan"))
	}
	return b.String(), nil
}

func (p *People) snoozeCommand(ctx context.Context, notifier, recipient string, args []string) (string, error) {
	d := defaultSnooze
	if len(args) > 0 {
		parsed, err := time.ParseDuration(args[0])
		if err != nil || parsed <= 0 || parsed > maxSnooze {
			return "Say for how long, up to 168h: /snooze 1h or /snooze 30m front_door", nil //nolint:nilerr // the person is told
		}
		d, args = parsed, args[1:]
	}
	z := nvr.Snooze{Notifier: notifier, Recipient: recipient, By: by(notifier, recipient)}
	if len(args) > 0 {
		c, ok := find(p.cameras(notifier, recipient), strings.Join(args, " "))
		if !ok {
			return noCamera(strings.Join(args, " ")), nil
		}
		z.Camera = c.Camera
	}
	return p.snooze(ctx, z, d)
}

func (p *People) modeCommand(ctx context.Context, notifier, recipient string, args []string) (string, error) {
	if len(args) == 0 {
		return "The mode is " + string(p.o.Mode()) + ".", nil
	}
	if !p.hearsAll(notifier, recipient) {
		return "Only those who are told of all cameras can change the mode.", nil
	}
	m, err := nvr.ParseMode(strings.ToLower(args[0]))
	if err != nil {
		return "Say one of /mode home, /mode away and /mode night.", nil //nolint:nilerr // the person is told
	}
	if err := p.o.SetMode(ctx, m); err != nil {
		return "", err
	}
	p.o.Log.Info("the arming mode was changed by a command", "mode", m, "by", by(notifier, recipient))
	return "The mode is " + string(m) + " now.", nil
}

func by(notifier, recipient string) string {
	if recipient == "" {
		return notifier
	}
	return clip(notifier+" "+recipient, 100)
}
