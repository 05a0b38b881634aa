package webhook

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// settings are what a person configures.
type settings struct {
	URL            string            `json:"url" required:"true" secret:"true" desc:"Where alerts are posted; http or https."`
	Secret         string            `json:"secret" secret:"true" desc:"Key of the signature in Nightjar-Signature. Empty: not signed."`
	PreviousSecret string            `json:"previous_secret" secret:"true" desc:"While a key is replaced: signs beside the new one."`
	Headers        map[string]string `json:"headers" secret:"true" desc:"Sent with every request, for instance Authorization."`
	Snapshot       bool              `json:"snapshot" default:"true" desc:"Send the picture along."`
	Body           string            `json:"body" desc:"Template of the body. Empty: the JSON described in the manual."`
	ContentType    string            `json:"content_type" default:"application/json" desc:"Of the body, where it is a template."`
	TimeoutSeconds int               `json:"timeout_seconds" minimum:"1" maximum:"30" default:"10" desc:"For one whole request."`
	AllowPrivate   bool              `json:"allow_private" default:"true" desc:"Allow private networks and this machine itself."`
	AllowLinkLocal bool              `json:"allow_link_local" default:"false" desc:"Allow link-local and cloud metadata addresses."`
}

// Validate implements sdk's check. The messages never repeat a value.
func (s *settings) Validate() error {
	var errs []error
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		errs = append(errs, &sdk.SettingError{Path: "url", Message: "is not a URL"})
	case u.Scheme != "http" && u.Scheme != "https":
		errs = append(errs, &sdk.SettingError{Path: "url", Message: "must begin with http:// or https://"})
	case u.Host == "":
		errs = append(errs, &sdk.SettingError{Path: "url", Message: "names no host"})
	}
	if s.PreviousSecret != "" && s.Secret == "" {
		errs = append(errs, &sdk.SettingError{Path: "previous_secret", Message: "needs secret to be set"})
	}
	for name, value := range s.Headers {
		if !validHeader(name, value) {
			errs = append(errs, &sdk.SettingError{Path: "headers." + name, Message: "is not a header that can be set"})
		}
	}
	if strings.ContainsAny(s.ContentType, "\r\n\x00") {
		errs = append(errs, &sdk.SettingError{Path: "content_type", Message: "is not a media type"})
	}
	if s.Body != "" {
		if _, err := payload.Parse(s.Body); err != nil {
			errs = append(errs, &sdk.SettingError{Path: "body", Message: err.Error()})
		}
	}
	return errors.Join(errs...)
}

func validHeader(name, value string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "", "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Idempotency-Key", "Nightjar-Signature":
		return false
	}
	token := strings.IndexFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}) < 0
	return token && !strings.ContainsAny(value, "\r\n\x00")
}
