package push

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// Limits of ntfy (docs.ntfy.sh/publish, "Limitations"): a message has 4,096 bytes at most; longer ones become files.
const (
	maxNtfyMessage = 4000
	maxNtfyTitle   = 250
)

// ntfy publishes to a topic: the picture as the body with the text in headers, or the text alone.
func (n *push) ntfy(ctx context.Context, a sdk.Alert, topic string) sdk.Result {
	if !topicShape.MatchString(topic) {
		return sdk.Permanent("the recipient is no topic of ntfy: those have 1 to 64 letters, digits, _ and -")
	}
	if n.Settings().Image && len(a.Snapshot) > 0 {
		r, refused := n.publish(ctx, a, topic, true)
		if !refused {
			return r
		}
	}
	r, _ := n.publish(ctx, a, topic, false)
	return r
}

// ntfyError is how ntfy says no.
type ntfyError struct {
	Code int `json:"code"`
}

// publish sends one message. refused: the server takes no attachment, or not this one; the text alone may pass.
func (n *push) publish(ctx context.Context, a sdk.Alert, topic string, picture bool) (r sdk.Result, refused bool) {
	s := n.Settings()
	text := outbound.FitBytes(a.Text, maxNtfyMessage)
	method, body := http.MethodPost, []byte(text)
	if picture {
		method, body = http.MethodPut, a.Snapshot
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base("https://ntfy.sh")+"/"+topic, bytes.NewReader(body))
	if err != nil {
		return sdk.BadConfig("the address of ntfy cannot be used"), false
	}
	ntfyHeaders(req.Header, a)
	if picture {
		req.Header.Set("Filename", "snapshot.jpg")
		req.Header.Set("Message", header(strings.ReplaceAll(text, "\n", `\n`))) // ntfy turns it back into a line break
	}
	switch {
	case s.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.Token)
	case s.Username != "":
		req.SetBasicAuth(s.Username, s.Password)
	}
	answer, err := outbound.Do(n.typed, req)
	if err != nil {
		return outbound.Failed(err, req.URL.Host), false
	}
	var e ntfyError
	_ = json.Unmarshal(answer.Body, &e) // an answer that is no JSON has no code
	said := answer.Said()
	switch {
	case answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden:
		said += ": it does not let us write to this topic, check token"
	case answer.Status == http.StatusNotFound:
		said += ": that is no server of ntfy, check url"
	case picture && (answer.Status == http.StatusRequestEntityTooLarge || attachmentRefused(e.Code)):
		return sdk.Result{}, true
	}
	return answer.Judge(said, n.now()), false
}

// attachmentRefused knows ntfy's own codes (server/errors.go): attachments are off, need a cache or a base URL, or the
// visitor's space or traffic is used up.
func attachmentRefused(code int) bool {
	switch code {
	case 40014, 40015, 41301, 42905:
		return true
	}
	return false
}

func ntfyHeaders(h http.Header, a sdk.Alert) {
	h.Set("Title", header(outbound.FitBytes(outbound.OneLine(a.Title), maxNtfyTitle)))
	h.Set("Priority", ntfyPriority(a))
	h.Set("Tags", ntfyTag(a.Event.Label))
	if a.Link == "" {
		return
	}
	h.Set("Click", a.Link)
	actions, err := json.Marshal([]map[string]any{{"action": "view", "label": "Open", "url": a.Link, "clear": true}})
	if err == nil {
		h.Set("Actions", string(actions))
	}
}

// ntfyPriority is 1 (min) to 5 (max). 2 makes no sound.
func ntfyPriority(a sdk.Alert) string {
	switch {
	case a.Silent || a.Event.Severity == "low":
		return "2"
	case a.Event.Severity == "high":
		return "4"
	}
	return "3"
}

// ntfyTag is a short code that ntfy shows as a picture in front of the title.
func ntfyTag(label string) string {
	switch label {
	case "person":
		return "bust_in_silhouette"
	case "car", "truck", "bus":
		return "car"
	case "dog":
		return "dog"
	case "cat":
		return "cat2"
	case "package":
		return "package"
	}
	return "bell"
}

// header writes text as a header can carry it (RFC 2047), which ntfy reads.
func header(s string) string { return mime.BEncoding.Encode("utf-8", s) }
