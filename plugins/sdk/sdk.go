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
}

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
}

// Box is a rectangle in fractions of the picture; X, Y is the top left corner.
type Box struct{ X, Y, W, H float32 }

// Result is the verdict on one attempt, made by OK, Retry, Permanent or BadConfig.
type Result struct {
	class  class
	after  time.Duration
	detail string
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

// Base holds the settings and gives a plugin everything but Notify. The zero value is ready.
type Base[S any] struct {
	settings atomic.Pointer[S]
}

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
