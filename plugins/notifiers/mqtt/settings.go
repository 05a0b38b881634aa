package mqtt

import (
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/payload"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// settings are what a person configures.
type settings struct {
	Broker         string `json:"broker" required:"true" desc:"mqtt://host:1883, or mqtts://host:8883 with TLS."`
	Username       string `json:"username" desc:"Empty: the broker is not asked to let us in."`
	Password       string `json:"password" secret:"true" desc:"Of username."`
	ClientID       string `json:"client_id" desc:"Must be the broker's only one of that name. Empty: the broker gives one."`
	Topic          string `json:"topic" default:"nightjar/alerts/{{.event.camera}}" desc:"Template of the topic. A recipient of a route takes its place."`
	Payload        string `json:"payload" desc:"Template of the payload. Empty: the JSON described in the manual."`
	SnapshotTopic  string `json:"snapshot_topic" desc:"Template of a topic for the picture, as JPEG. Empty: none."`
	QoS            int    `json:"qos" minimum:"0" maximum:"2" default:"1" desc:"0: may get lost without anybody noticing; 1: arrives; 2: arrives once."`
	Retain         bool   `json:"retain" default:"false" desc:"The broker keeps the last message of a topic."`
	CACert         string `json:"ca_cert" desc:"PEM of the authority that signed the broker's certificate, where it is one of your own."`
	TimeoutSeconds int    `json:"timeout_seconds" minimum:"1" maximum:"30" default:"10" desc:"For one delivery."`
	AllowPrivate   bool   `json:"allow_private" default:"true" desc:"Allow a broker in a private network or on this machine."`
}

// Validate implements sdk's check. The messages never repeat a value.
func (s *settings) Validate() error {
	var errs []error
	refuse := func(path, message string) { errs = append(errs, &sdk.SettingError{Path: path, Message: message}) }
	if _, err := s.address(); err != nil {
		refuse("broker", err.Error())
	}
	if s.Password != "" && s.Username == "" {
		refuse("password", "needs username to be set")
	}
	if len(s.ClientID) > 64 || strings.ContainsFunc(s.ClientID, func(r rune) bool { return r < ' ' }) {
		refuse("client_id", "must be at most 64 characters on one line")
	}
	for path, text := range map[string]string{"topic": s.Topic, "payload": s.Payload, "snapshot_topic": s.SnapshotTopic} {
		t, err := payload.Parse(text)
		if err != nil {
			refuse(path, err.Error())
			continue
		}
		if path == "payload" || text == "" {
			continue
		}
		if topic, err := t.Render(payload.Example()); err != nil || !validTopic(topic) {
			refuse(path, "makes something that is no topic: it must not be empty, nor hold + or #")
		}
	}
	if s.CACert != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.CACert)) {
		refuse("ca_cert", "holds no certificate in PEM form")
	}
	return errors.Join(errs...)
}

// address is host and port of the broker, and whether TLS is spoken there.
type address struct {
	host, port string
	secure     bool
}

func (a address) String() string { return net.JoinHostPort(a.host, a.port) }

func (s *settings) address() (address, error) {
	u, err := url.Parse(s.Broker)
	if err != nil {
		return address{}, errors.New("is not an address")
	}
	a := address{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "mqtt", "tcp":
		if a.port == "" {
			a.port = "1883"
		}
	case "mqtts", "ssl", "tls":
		a.secure = true
		if a.port == "" {
			a.port = "8883"
		}
	default:
		return a, errors.New("must begin with mqtt:// or mqtts://")
	}
	if n, err := strconv.Atoi(a.port); err != nil || n < 1 || n > 65535 || a.host == "" {
		return a, errors.New("must name a host and may name a port")
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return a, errors.New("must be host and port alone; username and password have settings of their own")
	}
	return a, nil
}

// validTopic knows what may be published to (MQTT 3.1.1 §4.7).
func validTopic(t string) bool {
	return t != "" && len(t) <= 1024 && !strings.ContainsAny(t, "+#\x00\r\n") && strings.ToValidUTF8(t, "") == t && !strings.HasPrefix(t, "$")
}
