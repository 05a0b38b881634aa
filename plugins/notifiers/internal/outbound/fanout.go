package outbound

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// remembered is how many deliveries a Fanout keeps the progress of.
const remembered = 256

// Fanout delivers one alert to several recipients, where the settings name more than one. What arrived is remembered
// while the alert is tried again, so that the others' trouble does not tell anybody twice; a crash in between does.
type Fanout struct {
	mu    sync.Mutex
	done  map[string]map[string]string // delivery → recipient → message
	order []string
}

// Deliver calls send for the alert's recipient, or for each of the defaults, one after the other. The verdict is OK
// when all have it, with the messages' ids separated by spaces; retry when one may still get it; else the first
// refusal, which says how many others have it.
func (f *Fanout) Deliver(ctx context.Context, a sdk.Alert, defaults []string, send func(context.Context, string) sdk.Result) sdk.Result {
	if a.Recipient != "" {
		return send(ctx, a.Recipient)
	}
	switch len(defaults) {
	case 0:
		return sdk.BadConfig("nobody to tell: neither the route nor the settings name a recipient")
	case 1:
		return send(ctx, defaults[0])
	}
	var retry, refused *sdk.Result
	var messages []string
	for _, to := range defaults {
		if message, ok := f.has(a.DeliveryID, to); ok {
			messages = append(messages, message)
			continue
		}
		r := send(ctx, to)
		switch {
		case r.IsOK():
			f.mark(a.DeliveryID, to, r.Message())
			messages = append(messages, r.Message())
		case r.IsRetry():
			if retry == nil || r.After() > retry.After() {
				retry = &r
			}
		case refused == nil:
			refused = &r
		}
	}
	switch {
	case retry != nil:
		return *retry
	case refused == nil:
		return sdk.OK().WithMessage(strings.Join(slices.DeleteFunc(messages, func(m string) bool { return m == "" }), " "))
	case len(messages) > 0:
		return sdk.Permanent(fmt.Sprintf("%d of %d recipients have it; %s", len(messages), len(defaults), refused.Detail()))
	}
	return *refused
}

func (f *Fanout) has(delivery, to string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	message, ok := f.done[delivery][to]
	return message, ok
}

func (f *Fanout) mark(delivery, to, message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = map[string]map[string]string{}
	}
	if f.done[delivery] == nil {
		f.done[delivery] = map[string]string{}
		if f.order = append(f.order, delivery); len(f.order) > remembered {
			delete(f.done, f.order[0])
			f.order = f.order[1:]
		}
	}
	f.done[delivery][to] = message
}
