package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// MaxResponse is how much of an answer is read, in bytes.
const MaxResponse = 1 << 20

const (
	maxRetryAfter = time.Hour
	maxRedirects  = 3
)

// Client returns an HTTP client that dials by policy, trusts the system's authorities, uses no proxy, and follows a
// redirect only where the request stays what it is.
func Client(policy func() Policy) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: Dialer(policy).DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns: 8, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: sameHost,
	}
}

// sameHost follows a redirect only to the same host, with the same method, and never from https to http. Otherwise
// the redirect itself is the answer.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || req.Method != first.Method || req.URL.Host != first.URL.Host ||
		first.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// Answer is what a server said.
type Answer struct {
	Host   string // who, without path and secrets
	Status int
	Header http.Header
	Body   []byte // at most MaxResponse
}

// Do sends a request and reads at most MaxResponse of the answer; the rest is left. An answer that breaks off is what
// came of it: its code decides already.
func Do(c *http.Client, req *http.Request) (Answer, error) {
	resp, err := c.Do(req)
	if err != nil {
		return Answer{}, err //nolint:wrapcheck // Failed judges it; wrapping would only repeat the URL
	}
	defer resp.Body.Close()
	a := Head(resp)
	a.Body, _ = io.ReadAll(io.LimitReader(resp.Body, MaxResponse))
	return a, nil
}

// Head is an answer without its body.
func Head(resp *http.Response) Answer {
	return Answer{Host: resp.Request.URL.Host, Status: resp.StatusCode, Header: resp.Header}
}

// Failed judges a request without an answer. The error's own text may hold the URL, and with it a token: nothing of
// it is repeated but the operating system's reason.
func Failed(err error, host string) sdk.Result {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
	)
	switch {
	case refused(err, ErrLinkLocal):
		return sdk.BadConfig(host + ": " + ErrLinkLocal.Error())
	case refused(err, ErrPrivate):
		return sdk.BadConfig(host + ": " + ErrPrivate.Error())
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

// refused finds a refusal of ours also where a library flattened the cause of its error into text.
func refused(err, refusal error) bool {
	return errors.Is(err, refusal) || strings.Contains(err.Error(), refusal.Error())
}

// Said names an answer for a person: host, code and its text.
func (a Answer) Said() string {
	return fmt.Sprintf("%s answered %d %s", a.Host, a.Status, http.StatusText(a.Status))
}

// Judge is the usual verdict on an answer: 2xx delivered; 408, 425, 429 and 5xx again, with Retry-After where one is
// usual; a redirect, 401, 403, 404 and 410 a fault of the settings; everything else permanent. said is the sentence.
func (a Answer) Judge(said string, now time.Time) sdk.Result {
	switch code := a.Status; {
	case code >= 200 && code < 300:
		return sdk.OK()
	case code >= 300 && code < 400:
		return sdk.BadConfig(said + ": a redirect elsewhere is not followed, set url to where it leads")
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return sdk.Retry(RetryAfter(a.Header.Get("Retry-After"), now), said)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		return sdk.Retry(0, said)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		return sdk.BadConfig(said)
	default:
		return sdk.Permanent(said)
	}
}

// RetryAfter reads seconds or an HTTP date (RFC 9110 §10.2.3), at most an hour.
func RetryAfter(h string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(strings.TrimSpace(h)); err == nil {
		d = time.Duration(min(max(n, 0), int(maxRetryAfter.Seconds()))) * time.Second
	} else if t, err := http.ParseTime(h); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
