package push

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	fcmScope = "https://www.googleapis.com/auth/firebase.messaging"
	// maxPushText keeps a message below FCM's 4,096 bytes, which hold title, text and data (Firebase, "Message types").
	maxPushTitle = 200
	maxPushText  = 1000
	maxPushLink  = 1000
	maxTopicKey  = 64 // bytes of apns-collapse-id, the shortest of the keys
)

// fcmRequest is the body of messages:send (FCM HTTP v1, resource Message).
type fcmRequest struct {
	Message fcmMessage `json:"message"`
}

type fcmMessage struct {
	Token        string            `json:"token,omitempty"`
	Topic        string            `json:"topic,omitempty"`
	Notification fcmNotification   `json:"notification"`
	Data         map[string]string `json:"data"`
	Android      fcmAndroid        `json:"android"`
	APNS         fcmAPNS           `json:"apns"`
}

type fcmNotification struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Image string `json:"image,omitempty"`
}

type fcmAndroid struct {
	CollapseKey  string         `json:"collapse_key"`
	Priority     string         `json:"priority"`
	TTL          string         `json:"ttl"`
	Notification map[string]any `json:"notification"`
}

type fcmAPNS struct {
	Headers map[string]string `json:"headers"`
	Payload map[string]any    `json:"payload"`
}

// fcm sends to a device token, or to topic:NAME.
func (n *push) fcm(ctx context.Context, a sdk.Alert, to string) sdk.Result {
	s := n.Settings()
	acct, err := readAccount(s.ServiceAccount)
	if err != nil {
		return sdk.BadConfig("service_account " + err.Error())
	}
	token, verdict := n.accessToken(ctx, acct)
	if token == nil {
		return verdict
	}
	body, err := json.Marshal(fcmRequest{n.fcmMessage(ctx, a, to)})
	if err != nil {
		return sdk.Permanent("the alert cannot be written for FCM")
	}
	address := s.base("https://fcm.googleapis.com") + "/v1/projects/" + url.PathEscape(acct.ProjectID) + "/messages:send"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return sdk.BadConfig("the address of FCM cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	token.SetAuthHeader(req)
	answer, err := outbound.Do(n.typed, req)
	if err != nil {
		return outbound.Failed(err, req.URL.Host)
	}
	return n.judgeFCM(answer)
}

func (n *push) fcmMessage(ctx context.Context, a sdk.Alert, to string) fcmMessage {
	title, text := outbound.FitBytes(outbound.OneLine(a.Title), maxPushTitle), outbound.FitBytes(a.Text, maxPushText)
	key := outbound.FitBytes(a.Event.ID, maxTopicKey)
	link := a.Link
	if len(link) > maxPushLink {
		link = "" // half a link leads nowhere
	}
	m := fcmMessage{
		Notification: fcmNotification{Title: title, Body: text, Image: n.imageLink(ctx, a)},
		Data: map[string]string{
			"event_id": a.Event.ID, "camera": a.Event.Camera, "label": a.Event.Label, "phase": string(a.Phase), "link": link,
			"delivery_id": a.DeliveryID, "severity": a.Event.Severity,
		},
		Android: fcmAndroid{
			CollapseKey: key, Priority: "NORMAL", TTL: strconv.Itoa(n.ttl(a)) + "s", Notification: map[string]any{"tag": key},
		},
		APNS: fcmAPNS{
			Headers: map[string]string{"apns-collapse-id": key, "apns-priority": "5", "apns-expiration": strconv.FormatInt(n.now().Add(n.keep(a)).Unix(), 10)},
		},
	}
	aps := map[string]any{"thread-id": a.Event.Camera, "mutable-content": 1}
	if urgent(a) {
		m.Android.Priority = "HIGH"
		m.APNS.Headers["apns-priority"] = "10"
	}
	if !a.Silent {
		aps["sound"] = "default"
		m.Android.Notification["sound"] = "default"
	}
	m.APNS.Payload = map[string]any{"aps": aps}
	if topic, ok := strings.CutPrefix(to, "topic:"); ok {
		m.Topic = topic
	} else {
		m.Token = to
	}
	return m
}

// accessToken trades the service account's signature for a token (RFC 7523), which is good for about an hour. nil: the
// result says why there is none.
func (n *push) accessToken(ctx context.Context, acct account) (*oauth2.Token, sdk.Result) {
	n.mu.Lock()
	defer n.mu.Unlock() // whoever waits wants the same token
	if n.token.Valid() {
		return n.token, sdk.Result{}
	}
	cfg := jwt.Config{
		Email: acct.Email, PrivateKey: []byte(acct.PrivateKey), PrivateKeyID: acct.KeyID, Scopes: []string{fcmScope}, TokenURL: acct.TokenURI,
	}
	token, err := cfg.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, n.found)).Token()
	host := "the token server"
	if u, parseErr := url.Parse(acct.TokenURI); parseErr == nil {
		host = u.Host
	}
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		answer := outbound.Head(refusal.Response)
		said := answer.Said()
		if code := answer.Status; code == http.StatusTooManyRequests || code >= 500 {
			return nil, answer.Judge(said, n.now())
		}
		return nil, sdk.BadConfig(said + ": the service account is not accepted; its key may be deleted or the clock be wrong")
	}
	if err != nil {
		return nil, outbound.Failed(err, host)
	}
	n.token = token
	return token, sdk.Result{}
}

// judgeFCM reads the codes of google.firebase.fcm.v1.FcmError (FCM, "ErrorCode").
func (n *push) judgeFCM(answer outbound.Answer) sdk.Result {
	var e struct {
		Name  string `json:"name"`
		Error struct {
			Status  string `json:"status"`
			Details []struct {
				Code string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(answer.Body, &e) // an answer that is no JSON has no code
	code := e.Error.Status
	for _, d := range e.Error.Details {
		if d.Code != "" {
			code = d.Code
		}
	}
	said := answer.Said()
	if answer.Status < 300 {
		return sdk.OK().WithMessage(outbound.FitBytes(e.Name, 512))
	}
	switch code {
	case "UNREGISTERED":
		return sdk.Permanent(said + ": the app is gone from this device, or its token changed")
	case "SENDER_ID_MISMATCH":
		return sdk.Permanent(said + ": the device's token belongs to another Firebase project")
	case "INVALID_ARGUMENT":
		return sdk.Permanent(said + ": the recipient is no device token, or the message is malformed")
	case "THIRD_PARTY_AUTH_ERROR":
		return sdk.BadConfig(said + ": Apple's key in the Firebase project is missing or wrong")
	case "UNAUTHENTICATED", "PERMISSION_DENIED":
		n.mu.Lock()
		n.token = nil
		n.mu.Unlock()
		return sdk.BadConfig(said + ": the service account may not send, or the Cloud Messaging API is off in its project")
	}
	return answer.Judge(said, n.now())
}

// validKey tells whether a service account's private key can sign RS256.
func validKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		_, ok := key.(*rsa.PrivateKey)
		return ok
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}
