package email

import (
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// settings are what a person configures.
type settings struct {
	Host           string   `json:"host" required:"true" desc:"The mail server's name."`
	Port           int      `json:"port" minimum:"1" maximum:"65535" desc:"Default: 587 with starttls, 465 with tls, 25 with none."`
	Security       string   `json:"security" enum:"starttls,tls,none" default:"starttls" desc:"starttls: encrypted after the greeting, and nothing is sent otherwise; tls: from the first byte; none: never."`
	AllowPlaintext bool     `json:"allow_plaintext" default:"false" desc:"Permit security none with a server on another machine: password and pictures can be read on the way."`
	Username       string   `json:"username" desc:"Empty: the server is not asked to let us in."`
	Password       string   `json:"password" secret:"true" desc:"Many providers want an app password here."`
	From           string   `json:"from" required:"true" desc:"Sender, as nightjar@example.com or Nightjar <nightjar@example.com>."`
	To             []string `json:"to" desc:"Whom to tell where a route names nobody."`
	Snapshot       bool     `json:"snapshot" default:"true" desc:"Show the picture in the mail."`
	CACert         string   `json:"ca_cert" desc:"PEM of the authority that signed the server's certificate, where it is one of your own."`
	TimeoutSeconds int      `json:"timeout_seconds" minimum:"1" maximum:"30" default:"12" desc:"For one whole delivery."`
	AllowPrivate   bool     `json:"allow_private" default:"true" desc:"Allow a mail server in a private network or on this machine."`
}

// Validate implements sdk's check. The messages never repeat a value.
func (s *settings) Validate() error {
	var errs []error
	refuse := func(path, message string) { errs = append(errs, &sdk.SettingError{Path: path, Message: message}) }
	if strings.ContainsAny(s.Host, " /:@\r\n") && net.ParseIP(s.Host) == nil {
		refuse("host", "must be a name or an address alone; the port has a setting of its own")
	}
	if s.Security == "none" && !s.AllowPlaintext && !loopback(s.Host) {
		refuse("security", "none is only for a server on this machine; allow_plaintext permits it elsewhere")
	}
	if s.Password != "" && s.Username == "" {
		refuse("password", "needs username to be set")
	}
	if _, err := mail.ParseAddress(s.From); err != nil {
		refuse("from", "is not a mail address")
	}
	for _, to := range s.To {
		if _, err := mail.ParseAddress(to); err != nil {
			refuse("to", "holds something that is not a mail address")
			break
		}
	}
	if len(s.To) > 50 {
		refuse("to", "may name at most 50 people")
	}
	if s.CACert != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.CACert)) {
		refuse("ca_cert", "holds no certificate in PEM form")
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (s *settings) port() int {
	switch {
	case s.Port != 0:
		return s.Port
	case s.Security == "tls":
		return 465
	case s.Security == "none":
		return 25
	}
	return 587
}
