package telegram

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const publicAPI = "https://api.telegram.org"

// settings are what a person configures.
type settings struct {
	Token        string   `json:"token" required:"true" secret:"true" desc:"The bot's token, as BotFather gave it."`
	Chats        []string `json:"chats" desc:"Chats to tell where a route names none, and the only ones whose commands are heard: numbers as -1001234567890, with :TOPIC for a topic of a group, or @channel."`
	Clip         bool     `json:"clip" default:"true" desc:"When an event ends, show its film instead of the picture."`
	Interactive  bool     `json:"interactive" default:"true" desc:"Listen to buttons and commands. One bot can be listened to by one notifier only."`
	APIURL       string   `json:"api_url" default:"https://api.telegram.org" desc:"Only for a Bot API server of your own."`
	AllowPrivate bool     `json:"allow_private" default:"true" desc:"Allow api_url to lead into private networks and this machine itself."`
}

var (
	tokenShape = regexp.MustCompile(`^[0-9]{1,20}:[A-Za-z0-9_-]{20,100}$`)
	chatShape  = regexp.MustCompile(`^(-?[0-9]{1,19}(:[0-9]{1,19})?|@[A-Za-z][A-Za-z0-9_]{3,31})$`)
)

// Validate implements sdk's check. The messages never repeat a value.
func (s *settings) Validate() error {
	var errs []error
	if !tokenShape.MatchString(s.Token) {
		errs = append(errs, &sdk.SettingError{Path: "token", Message: "is not a bot's token; it looks like 123456:ABC-DEF and comes from BotFather"})
	}
	for _, c := range s.Chats {
		if !chatShape.MatchString(c) {
			errs = append(errs, &sdk.SettingError{Path: "chats", Message: "a chat is a number such as -1001234567890, that with :TOPIC, or @channel"})
			break
		}
	}
	if len(s.Chats) > 20 {
		errs = append(errs, &sdk.SettingError{Path: "chats", Message: "may name at most 20 chats"})
	}
	u, err := url.Parse(s.APIURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		errs = append(errs, &sdk.SettingError{Path: "api_url", Message: "must be an http or https address without a query"})
	}
	return errors.Join(errs...)
}

// named finds a chat by its number or name, best with the topic, as the settings write it; empty: they do not name it.
func (s *settings) named(id string, thread int64) (found string) {
	for _, c := range s.Chats {
		number, topic, _ := strings.Cut(c, ":")
		if number == id && (found == "" || topic == formatID(thread)) {
			found = c
		}
	}
	return found
}
