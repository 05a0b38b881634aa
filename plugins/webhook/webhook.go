package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	maxResponse   = 64 << 10
	maxRetryAfter = time.Hour
	maxRedirects  = 3
)

var errDenied = errors.New("address is link-local or a cloud's metadata service; allow_link_local permits it")

// webhook posts alerts.
type webhook struct {
	sdk.Base[settings]
	client *http.Client
	now    func() time.Time
}

func newWebhook() *webhook {
	w := &webhook{now: time.Now}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: w.control}
	w.client = &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxResponseHeaderBytes: maxResponse,
			MaxIdleConns: 8, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: sameHost,
	}
	return w
}

// sameHost follows a redirect only where the request stays what it is: the same host, the same method, and never
// from https to http. Otherwise the redirect itself is the answer.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.Method != http.MethodPost || req.URL.Host != first.URL.Host ||
		first.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// control sees each address after name resolution, so that no name can lead where an address may not.
func (w *webhook) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	if denied(ap.Addr()) && !w.Settings().AllowLinkLocal {
		return errDenied
	}
	return nil
}

// denied covers what no webhook has business with. Loopback and private networks are allowed: that is where the
// receivers of a home are.
func denied(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return true
	}
	switch ip.WithZone("").String() {
	case "fd00:ec2::254", "100.100.100.200", "168.63.129.16": // metadata services outside the link-local range
		return true
	}
	return false
}

// message is the body of a request, version 1. Fields may be added.
type message struct {
	Version    int       `json:"version"`
	DeliveryID string    `json:"delivery_id"`
	Attempt    int       `json:"attempt"`
	Recipient  string    `json:"recipient,omitempty"`
	Phase      sdk.Phase `json:"phase"`
	Event      event     `json:"event"`
	Snapshot   *snapshot `json:"snapshot,omitempty"`
}

type event struct {
	ID         string     `json:"id"`
	Camera     string     `json:"camera"`
	CameraName string     `json:"camera_name"`
	Kind       string     `json:"kind"`
	Label      string     `json:"label"`
	Start      time.Time  `json:"start"`
	End        *time.Time `json:"end"`
	Score      float32    `json:"score"`
	TopScore   float32    `json:"top_score"`
	Box        [4]float32 `json:"box"` // x, y, width, height in fractions of the picture
	Stationary bool       `json:"stationary"`
}

type snapshot struct {
	ContentType string `json:"content_type"`
	Data        []byte `json:"data"` // base64 in JSON
}

// Notify posts one alert.
func (w *webhook) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	s := w.Settings()
	body, err := json.Marshal(toMessage(a, s.Snapshot))
	if err != nil {
		return sdk.Permanent("the alert cannot be written as JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TimeoutSeconds)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return sdk.BadConfig("the URL cannot be used")
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Nightjar-Webhook/"+version)
	req.Header.Set("Idempotency-Key", a.DeliveryID)
	if s.Secret != "" {
		req.Header.Set("Nightjar-Signature", sign(w.now(), body, s.Secret, s.PreviousSecret))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return failed(err, req.URL.Host)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxResponse)) // so that the connection can be used again
	return judge(resp, w.now())
}

// failed judges a request without an answer. The error's own text may hold the URL, and with it a token.
func failed(err error, host string) sdk.Result {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errDenied):
		return sdk.BadConfig(host + ": " + errDenied.Error())
	case errors.As(err, &cert):
		return sdk.BadConfig(host + " shows a certificate that is not trusted")
	case errors.Is(err, context.DeadlineExceeded):
		return sdk.Retry(0, host+" did not answer in time")
	case errors.As(err, &dns):
		return sdk.Retry(0, host+" was not found")
	case errors.As(err, &op):
		return sdk.Retry(0, host+" cannot be reached: "+op.Err.Error())
	default:
		return sdk.Retry(0, host+" broke off the request")
	}
}

func judge(resp *http.Response, now time.Time) sdk.Result {
	said := fmt.Sprintf("%s answered %d %s", resp.Request.URL.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return sdk.OK()
	case code >= 300 && code < 400:
		return sdk.BadConfig(said + ": a redirect elsewhere is not followed, set url to where it leads")
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return sdk.Retry(retryAfter(resp.Header.Get("Retry-After"), now), said)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		return sdk.Retry(0, said)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		return sdk.BadConfig(said + ", check url and headers")
	default:
		return sdk.Permanent(said)
	}
}

// retryAfter reads seconds or an HTTP date (RFC 9110 §10.2.3), at most an hour.
func retryAfter(h string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(strings.TrimSpace(h)); err == nil {
		d = time.Duration(min(max(n, 0), int(maxRetryAfter.Seconds()))) * time.Second
	} else if t, err := http.ParseTime(h); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// sign makes the value of Nightjar-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">, with one v1 for
// each key, so that a receiver can change its key at any moment.
func sign(now time.Time, body []byte, keys ...string) string {
	t := strconv.FormatInt(now.Unix(), 10)
	out := []string{"t=" + t}
	for _, key := range keys {
		if key == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		out = append(out, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, ",")
}

func toMessage(a sdk.Alert, withSnapshot bool) message {
	e := a.Event
	m := message{
		Version: 1, DeliveryID: a.DeliveryID, Attempt: a.Attempt, Recipient: a.Recipient, Phase: a.Phase,
		Event: event{
			ID: e.ID, Camera: e.Camera, CameraName: e.CameraName, Kind: e.Kind, Label: e.Label, Start: e.Start.UTC(),
			Score: e.Score, TopScore: e.TopScore, Box: [4]float32{e.Box.X, e.Box.Y, e.Box.W, e.Box.H}, Stationary: e.Stationary,
		},
	}
	if !e.End.IsZero() {
		end := e.End.UTC()
		m.Event.End = &end
	}
	if withSnapshot && len(a.Snapshot) > 0 {
		m.Snapshot = &snapshot{ContentType: "image/jpeg", Data: a.Snapshot}
	}
	return m
}
