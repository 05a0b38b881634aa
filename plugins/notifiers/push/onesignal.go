package push

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// oneSignal creates a push message (documentation.onesignal.com, "Create message"). The delivery's id makes a second
// copy impossible for 30 days, and the event's id lets a later phase replace an earlier one.
func (n *push) oneSignal(ctx context.Context, a sdk.Alert, to string) sdk.Result {
	s := n.Settings()
	body, err := json.Marshal(n.oneSignalMessage(ctx, a, to))
	if err != nil {
		return sdk.Permanent("the alert cannot be written for OneSignal")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base("https://api.onesignal.com")+"/notifications?c=push", bytes.NewReader(body))
	if err != nil {
		return sdk.BadConfig("the address of OneSignal cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Key "+s.APIKey)
	answer, err := outbound.Do(n.typed, req)
	if err != nil {
		return outbound.Failed(err, req.URL.Host)
	}
	return n.judgeOneSignal(answer)
}

func (n *push) oneSignalMessage(ctx context.Context, a sdk.Alert, to string) map[string]any {
	m := map[string]any{
		"app_id": n.Settings().AppID, "target_channel": "push", "idempotency_key": a.DeliveryID,
		"collapse_id": outbound.FitBytes(a.Event.ID, maxTopicKey), "ttl": n.ttl(a),
		"headings": map[string]string{"en": outbound.FitBytes(outbound.OneLine(a.Title), maxPushTitle)},
		"contents": map[string]string{"en": outbound.FitBytes(a.Text, maxPushText)},
		"data":     map[string]string{"event_id": a.Event.ID, "camera": a.Event.Camera, "label": a.Event.Label, "phase": string(a.Phase)},
	}
	switch kind, name, _ := strings.Cut(to, ":"); kind {
	case "user":
		m["include_aliases"] = map[string][]string{"external_id": {name}}
	case "segment":
		m["included_segments"] = []string{name}
	default:
		m["include_subscription_ids"] = []string{to}
	}
	if a.Link != "" {
		m["url"] = a.Link
	}
	if image := n.imageLink(ctx, a); image != "" {
		m["big_picture"], m["chrome_web_image"] = image, image
		m["ios_attachments"] = map[string]string{"snapshot": image}
	}
	m["priority"] = 5
	if urgent(a) {
		m["priority"] = 10
	}
	if a.Silent {
		m["ios_interruption_level"] = "passive"
	}
	return m
}

// judgeOneSignal reads an answer. Even 200 may mean that nobody was told: then there is no id.
func (n *push) judgeOneSignal(answer outbound.Answer) sdk.Result {
	var m struct {
		ID     string          `json:"id"`
		Errors json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(answer.Body, &m) // an answer that is no JSON has no id
	said := answer.Said()
	switch code := answer.Status; {
	case code < 300 && m.ID != "":
		return sdk.OK().WithMessage(outbound.FitBytes(m.ID, 512))
	case code < 300:
		return sdk.Permanent(said + ": nobody is subscribed under this recipient")
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return sdk.BadConfig(said + ": app_id and api_key do not belong together")
	case code == http.StatusConflict: // another attempt of this delivery is under way
		return sdk.Retry(0, said)
	}
	return answer.Judge(said, n.now())
}
