package push

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// settings are what a person configures. Which of them count depends on service.
type settings struct {
	Service    string   `json:"service" required:"true" enum:"ntfy,webpush,fcm,onesignal" desc:"Who carries the messages."`
	Recipients []string `json:"recipients" desc:"Whom to tell where a route names nobody. ntfy: topics; webpush: subscriptions or their ids; fcm: device tokens or topic:NAME; onesignal: subscription ids, user:EXTERNAL_ID or segment:NAME."`
	Image      bool     `json:"image" default:"true" desc:"Show the picture. ntfy gets the picture itself; the others get a link to it for a day, if Nightjar has an https address."`
	URL        string   `json:"url" desc:"ntfy: your own server, default https://ntfy.sh. Others: only for a proxy of your own."`

	Token    string `json:"token" secret:"true" desc:"ntfy: access token."`
	Username string `json:"username" desc:"ntfy: instead of a token."`
	Password string `json:"password" secret:"true" desc:"ntfy: of username."`

	ServiceAccount string `json:"service_account" secret:"true" desc:"fcm: the JSON file of the service account, as one string."`

	AppID  string `json:"app_id" desc:"onesignal: the app's id."`
	APIKey string `json:"api_key" secret:"true" desc:"onesignal: the app's API key."`

	VAPIDPrivateKey string            `json:"vapid_private_key" secret:"true" desc:"webpush: private key, 32 bytes in base64url."`
	VAPIDPublicKey  string            `json:"vapid_public_key" desc:"webpush: public key, 65 bytes in base64url; browsers subscribe with it."`
	Subject         string            `json:"subject" desc:"webpush: whom a push service may turn to, as mailto:you@example.com or an https address."`
	Subscriptions   map[string]string `json:"subscriptions" secret:"true" desc:"webpush: id → subscription as JSON or its base64url."`
	AllowPrivate    bool              `json:"allow_private" default:"false" desc:"webpush: also send to push services in private networks and on this machine. fcm: the same for the token_uri of service_account."`

	TimeoutSeconds int `json:"timeout_seconds" minimum:"1" maximum:"30" default:"10" desc:"For one message."`
}

// Validate implements sdk's check. The messages never repeat a value.
func (s *settings) Validate() error {
	var errs []error
	refuse := func(path, message string) { errs = append(errs, &sdk.SettingError{Path: path, Message: message}) }
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "") {
		refuse("url", "must be an http or https address without a query")
	}
	if len(s.Recipients) > 100 {
		refuse("recipients", "may name at most 100")
	}
	switch s.Service {
	case "ntfy":
		s.validateNtfy(refuse)
	case "fcm":
		if _, err := readAccount(s.ServiceAccount); err != nil {
			refuse("service_account", err.Error())
		}
	case "onesignal":
		if s.AppID == "" {
			refuse("app_id", "is required for onesignal")
		}
		if s.APIKey == "" || strings.ContainsAny(s.APIKey, "\r\n\x00") {
			refuse("api_key", "is required for onesignal")
		}
	case "webpush":
		s.validateWebPush(refuse)
	}
	return errors.Join(errs...)
}

var topicShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (s *settings) validateNtfy(refuse func(path, message string)) {
	for _, topic := range s.Recipients {
		if !topicShape.MatchString(topic) {
			refuse("recipients", "a topic of ntfy has 1 to 64 letters, digits, _ and -")
			break
		}
	}
	if strings.ContainsAny(s.Token, "\r\n\x00") {
		refuse("token", "holds a line break")
	}
	if s.Token != "" && s.Username != "" {
		refuse("username", "cannot be used beside token")
	}
}

func (s *settings) validateWebPush(refuse func(path, message string)) {
	if err := checkVAPID(s.VAPIDPrivateKey, s.VAPIDPublicKey); err != nil {
		refuse("vapid_private_key", err.Error())
	}
	if !strings.HasPrefix(s.Subject, "mailto:") && !strings.HasPrefix(s.Subject, "https://") {
		refuse("subject", "is required for webpush and begins with mailto: or https://")
	}
	for id, raw := range s.Subscriptions {
		if _, err := readSubscription(raw); err != nil {
			refuse("subscriptions."+id, err.Error())
		}
	}
}

// account is what FCM needs of a service account's file.
type account struct {
	Type       string `json:"type"`
	ProjectID  string `json:"project_id"`
	KeyID      string `json:"private_key_id"`
	PrivateKey string `json:"private_key"`
	Email      string `json:"client_email"`
	TokenURI   string `json:"token_uri"`
}

var projectShape = regexp.MustCompile(`^[a-z0-9:.-]{4,64}$`)

func readAccount(raw string) (account, error) {
	var a account
	if raw == "" {
		return a, errors.New("is required for fcm: the JSON file that Firebase's console makes under project settings, service accounts")
	}
	if json.Unmarshal([]byte(raw), &a) != nil {
		return a, errors.New("is not the JSON of a service account")
	}
	u, err := url.Parse(a.TokenURI)
	switch {
	case a.Type != "service_account" || a.Email == "" || !projectShape.MatchString(a.ProjectID):
		return a, errors.New("is not a service account: type, project_id and client_email must be there")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return a, errors.New("has no token_uri")
	case !validKey(a.PrivateKey):
		return a, errors.New("has no private key that can be read")
	}
	return a, nil
}
