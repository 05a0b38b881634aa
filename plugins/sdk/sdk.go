// Package sdk makes a Nightjar notifier plugin out of one method. Embed Base with the plugin's settings as a struct,
// implement Notify, and call Serve in main:
//
//	type settings struct {
//		URL   string `json:"url" required:"true" desc:"Where to post."`
//		Token string `json:"token" secret:"true"`
//	}
//
//	type notifier struct{ sdk.Base[settings] }
//
//	func (n *notifier) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
//		// n.Settings() are the ones in force
//		return sdk.OK()
//	}
//
//	func main() { sdk.Serve(sdk.Info{Name: "Mine", Version: "1.0.0"}, &notifier{}) }
//
// The settings' JSON Schema is made from the struct; unknown and missing settings are refused before Notify is ever
// called. Log with slog: its default logger writes what the host understands. Never print to standard output: its
// first line belongs to the handshake, and the rest goes nowhere.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Info describes the plugin.
type Info struct {
	Name    string // for people, at most 64 characters
	Version string // semantic version
	// MaxSnapshotBytes is the largest picture the plugin wants with an alert, at most 1 MiB; 0: none.
	MaxSnapshotBytes int
	// Capabilities are what the plugin can do beyond sending a message.
	Capabilities []Capability
}

// Capability is an optional power of a plugin.
type Capability string

// The capabilities.
const (
	CapabilityUpdate   Capability = "update"   // changes a message that was sent: Alert.Previous and Result.WithMessage
	CapabilityActions  Capability = "actions"  // offers Alert.Actions and hands back what was chosen by Host.Act
	CapabilityClip     Capability = "clip"     // sends films
	CapabilitySilent   Capability = "silent"   // delivers without a sound
	CapabilityCommands Capability = "commands" // hands what people write to Host.Command
)

// Phase says which change of an event an alert is about.
type Phase string

// The phases.
const (
	PhaseNew    Phase = "new"
	PhaseUpdate Phase = "update"
	PhaseEnd    Phase = "end"
)

// Alert is what is to be told.
type Alert struct {
	DeliveryID string // idempotency key; the same for every attempt
	Attempt    int    // from 1
	Recipient  string // in the channel's own terms; empty: the settings' default
	Phase      Phase
	Event      Event
	Snapshot   []byte // JPEG; nil where there is none
	// Title is one line and Text a paragraph of plain text, made by the host from the route's templates. Never empty.
	Title, Text string
	Silent      bool // must not make a sound
	Attachments []Attachment
	Actions     []Action
	Link        string  // where a person sees the event; empty: the host does not know its own address
	Previous    string  // what Result.WithMessage said for an earlier phase; empty: nothing was sent
	Digest      []Event // all events of a digest, the newest last; nil for a single alert
	Test        bool    // an example that somebody asked for; title and text say so
	// ExpiresAt is when the news is too old to be told: a channel that keeps messages for people who are away must drop it then.
	// Zero: never.
	ExpiresAt time.Time
}

// AttachmentKind says what an attachment shows.
type AttachmentKind string

// The kinds of attachments.
const (
	AttachmentSnapshot AttachmentKind = "snapshot" // JPEG in full size
	AttachmentClip     AttachmentKind = "clip"     // MP4
)

// Attachment is media that Host.OpenMedia opens while the delivery is handled.
type Attachment struct {
	Kind        AttachmentKind
	Ref         string
	ContentType string
	Bytes       int64 // 0: not known before it is made
}

// ActionKind is what a person may do with an alert.
type ActionKind string

// The kinds of actions.
const (
	ActionAcknowledge ActionKind = "acknowledge" // "seen"
	ActionSnooze      ActionKind = "snooze"      // silences the camera for the person for a while
)

// Action is an offer that belongs to an alert.
type Action struct {
	Kind  ActionKind
	Token string // given back to Host.Act; at most 48 characters of [A-Za-z0-9_-]
	Label string // for people
}

// Event is the life of something seen, as far as it has gone.
type Event struct {
	ID         string // UUIDv7
	Camera     string // id
	CameraName string // for people
	Kind       string // object, motion, camera or manual
	Label      string
	Start      time.Time
	End        time.Time // zero while it goes on
	Score      float32
	TopScore   float32
	Box        Box
	Stationary bool
	Severity   string    // low, normal or high; empty: none
	Rules      []string  // ids of the alert rules that made an alert of it
	Zones      []string  // ids, in the order of entering
	Identity   *Identity // nil while nobody is recognised
	Attributes []string  // labels of what was seen on it
}

// Identity is who was recognised.
type Identity struct {
	PersonID   string // empty: somebody whom the library of faces does not know
	Name       string
	Similarity float32 // from 0 to 1
}

// Box is a rectangle in fractions of the picture; X, Y is the top left corner.
type Box struct{ X, Y, W, H float32 }

// Result is the verdict on one attempt, made by OK, Retry, Permanent or BadConfig.
type Result struct {
	class   class
	after   time.Duration
	detail  string
	message string
}

type class int

const (
	classRetry class = iota // the zero Result is no proof of delivery
	classOK
	classPermanent
	classBadConfig
)

// OK says that the alert was delivered.
func OK() Result { return Result{class: classOK} }

// Retry says "not now". after is when to try again; zero leaves that to the host. detail is one sentence for a
// person, without secrets.
func Retry(after time.Duration, detail string) Result {
	return Result{class: classRetry, after: after, detail: detail}
}

// Permanent says that this alert will never be accepted.
func Permanent(detail string) Result { return Result{class: classPermanent, detail: detail} }

// BadConfig says that no alert will be accepted until a person changes the settings.
func BadConfig(detail string) Result { return Result{class: classBadConfig, detail: detail} }

// String is the result in words, for logs and tests.
func (r Result) String() string {
	name := map[class]string{
		classRetry: "retry", classOK: "ok", classPermanent: "permanent", classBadConfig: "bad config",
	}[r.class]
	if r.detail == "" {
		return name
	}
	return fmt.Sprintf("%s: %s", name, r.detail)
}

// After returns the pause a Retry asked for.
func (r Result) After() time.Duration { return r.after }

// Message returns the id that WithMessage was given.
func (r Result) Message() string { return r.message }

// Detail returns the sentence for a person.
func (r Result) Detail() string { return r.detail }

// IsOK reports whether the alert was delivered; IsRetry, IsPermanent and IsBadConfig are the other verdicts.
func (r Result) IsOK() bool { return r.class == classOK }

// IsRetry reports whether the verdict is "not now".
func (r Result) IsRetry() bool { return r.class == classRetry }

// IsPermanent reports whether the verdict is that this alert will never be accepted.
func (r Result) IsPermanent() bool { return r.class == classPermanent }

// IsBadConfig reports whether the verdict is that a person must change the settings.
func (r Result) IsBadConfig() bool { return r.class == classBadConfig }

// WithMessage adds the channel's own id of what was sent, at most 512 bytes: it comes back as Alert.Previous with the
// next phase of the event.
func (r Result) WithMessage(id string) Result {
	r.message = id
	return r
}

// Notifier is what a plugin is. All but Notify come with Base and may be replaced.
type Notifier[S any] interface {
	// Notify delivers one alert. It is called concurrently, and must return soon after ctx ends.
	Notify(ctx context.Context, a Alert) Result
	// Configure takes settings that decoded without a complaint. An error, best a SettingError, refuses them.
	Configure(ctx context.Context, settings S) error
	// Health returns nil while alerts could be delivered. It must not take 2 s.
	Health(ctx context.Context) error
	// Stop finishes what is under way, within 5 s.
	Stop(ctx context.Context) error
}

// Tester is a plugin with a test of its own, which it says to be one. All others are given an example alert.
type Tester interface {
	// Test sends a message to recipient; empty: to the default of the settings.
	Test(ctx context.Context, recipient string) Result
}

// Base holds the settings and gives a plugin everything but Notify. The zero value is ready.
type Base[S any] struct {
	settings atomic.Pointer[S]
	host     atomic.Pointer[Host]
}

// Host returns what the plugin may ask of Nightjar. It is there from Configure on; before, and where the host offers
// nothing, every call of it fails with ErrNoHost.
func (b *Base[S]) Host() *Host {
	if h := b.host.Load(); h != nil {
		return h
	}
	return &Host{}
}

// UseHost hands over the connection to the host, before Configure. Serve calls it, and so may a test.
func (b *Base[S]) UseHost(h *Host) { b.host.Store(h) }

// Configure keeps the settings. Where *S has a method Validate() error, that is asked first.
func (b *Base[S]) Configure(_ context.Context, settings S) error {
	if v, ok := any(&settings).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	b.settings.Store(&settings)
	return nil
}

// Settings returns the settings in force, the zero value before Configure. The value must not be changed.
func (b *Base[S]) Settings() *S {
	if s := b.settings.Load(); s != nil {
		return s
	}
	return new(S)
}

// Health finds nothing wrong.
func (b *Base[S]) Health(context.Context) error { return nil }

// Stop has nothing to finish.
func (b *Base[S]) Stop(context.Context) error { return nil }

// SettingError names the setting that is wrong.
type SettingError struct {
	Path    string // "url", "headers.Authorization"
	Message string // one sentence for a person
}

// Error implements error.
func (e *SettingError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// settingErrors unfolds joined errors.
func settingErrors(err error) []*SettingError {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // this very value, not its chain
		var out []*SettingError
		for _, e := range joined.Unwrap() {
			out = append(out, settingErrors(e)...)
		}
		return out
	}
	if s, ok := errors.AsType[*SettingError](err); ok {
		return []*SettingError{s}
	}
	return []*SettingError{{Message: err.Error()}}
}
