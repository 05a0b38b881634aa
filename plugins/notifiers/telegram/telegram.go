// Package telegram tells alerts through a Telegram bot: picture, film at the end, silence, buttons that acknowledge
// and snooze, and commands, which it hands to the host without understanding them. It never tries again by itself.
package telegram

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const version = "1.0.0"

// Serve runs the notifier until the host ends the process.
func Serve() {
	sdk.Serve(sdk.Info{
		Name: "Telegram", Version: version, MaxSnapshotBytes: 1 << 20,
		Capabilities: []sdk.Capability{
			sdk.CapabilityUpdate, sdk.CapabilityActions, sdk.CapabilityClip, sdk.CapabilitySilent, sdk.CapabilityCommands,
		},
	}, newTelegram())
}

// telegram is the notifier.
type telegram struct {
	sdk.Base[settings]
	client *http.Client
	fanout outbound.Fanout
	pause  func(ctx context.Context, d time.Duration) // between two failed polls

	mu       sync.Mutex
	migrated map[string]string // chat → what it became
	told     map[string]string // chats that alerts went to → the recipient the host named then
	poll     *poller           // nil: does not listen
}

func newTelegram() *telegram {
	n := &telegram{migrated: map[string]string{}, told: map[string]string{}, pause: wait}
	n.client = outbound.Client(func() outbound.Policy { return outbound.Policy{Private: n.Settings().AllowPrivate} })
	return n
}

// Configure keeps the settings and begins to listen where they say so.
func (n *telegram) Configure(ctx context.Context, s settings) error {
	if err := n.Base.Configure(ctx, s); err != nil {
		return err //nolint:wrapcheck // a SettingError is the answer
	}
	n.stopPolling()
	if s.Interactive {
		n.startPolling()
	}
	return nil
}

// Stop ends the listening.
func (n *telegram) Stop(context.Context) error {
	n.stopPolling()
	n.client.CloseIdleConnections()
	return nil
}

// Health tells why buttons and commands are not heard.
func (n *telegram) Health(context.Context) error {
	n.mu.Lock()
	p := n.poll
	n.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.trouble()
}

func (n *telegram) bot() *bot {
	s := n.Settings()
	return &bot{client: n.client, base: strings.TrimRight(s.APIURL, "/"), token: s.Token}
}

// Notify tells one alert.
func (n *telegram) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	return n.fanout.Deliver(ctx, a, n.Settings().Chats, func(ctx context.Context, to string) sdk.Result {
		if !chatShape.MatchString(to) {
			return sdk.Permanent("the recipient is no chat: it must be a number such as -1001234567890, that with :TOPIC, or @channel")
		}
		d := n.draft(ctx, a, to)
		sent, err := d.deliver(ctx)
		if moved := movedTo(err); moved != "" { // a group became a supergroup; its number changed for good
			n.move(d.chat, moved)
			d.chat = moved
			sent, err = d.deliver(ctx)
		}
		if err != nil {
			return judge(err, d.bot.host())
		}
		n.mu.Lock()
		n.told[d.chat] = a.Recipient
		n.mu.Unlock()
		return sdk.OK().WithMessage(sent.String())
	})
}

func movedTo(err error) string {
	if e, ok := errors.AsType[*apiError](err); ok && e.Parameters.MigrateTo != 0 {
		return formatID(e.Parameters.MigrateTo)
	}
	return ""
}

func (n *telegram) move(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.migrated[from] = to
}

// judge says what an error means for the delivery.
func judge(err error, host string) sdk.Result {
	if u, ok := errors.AsType[*unreachable](err); ok {
		return outbound.Failed(u.err, host)
	}
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		return sdk.Permanent("the alert cannot be written for Telegram")
	}
	switch {
	case e.Code == http.StatusTooManyRequests:
		return sdk.Retry(time.Duration(min(max(e.Parameters.RetryAfter, 0), 3600))*time.Second, e.Error())
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusNotFound: // 404 is the answer to a token of the wrong shape
		return sdk.BadConfig(e.Error() + ": the token is not accepted; ask BotFather for the one in force")
	case e.Code >= 500:
		return sdk.Retry(0, e.Error())
	case e.Code >= 300 && e.Code < 400:
		return sdk.BadConfig(e.Error() + ": api_url leads elsewhere")
	case e.says("chat not found"):
		return sdk.Permanent(e.Error() + ": the chat's number is wrong, or nobody there wrote to the bot yet")
	}
	return sdk.Permanent(e.Error())
}

// wait pauses for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
