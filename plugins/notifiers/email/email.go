// Package email tells alerts by mail through an SMTP server: text and HTML, with the picture in the message. It never
// tries again by itself, and keeps no connection.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const version = "1.0.0"

// Serve runs the notifier until the host ends the process.
func Serve() {
	sdk.Serve(sdk.Info{Name: "E-mail", Version: version, MaxSnapshotBytes: 1 << 20}, newEmail())
}

// email is the notifier.
type email struct {
	sdk.Base[settings]
	fanout outbound.Fanout
	roots  *x509.CertPool // for tests; nil: the system's
}

func newEmail() *email { return &email{} }

// Notify sends one mail to each recipient, so that nobody reads who else is told.
func (n *email) Notify(ctx context.Context, a sdk.Alert) sdk.Result {
	s := n.Settings()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TimeoutSeconds)*time.Second)
	defer cancel()
	return n.fanout.Deliver(ctx, a, s.To, func(ctx context.Context, to string) sdk.Result {
		rcpt, err := mail.ParseAddress(to)
		if err != nil {
			return sdk.Permanent("the recipient is not a mail address")
		}
		r, code := n.tell(ctx, s, a, rcpt)
		if tooLarge(code) && s.Snapshot && len(a.Snapshot) > 0 { // the picture is refused, not the news
			a.Snapshot = nil
			a.Text = strings.TrimSpace(a.Text + "\nThe picture was too large for the mail server.")
			r, _ = n.tell(ctx, s, a, rcpt)
		}
		return r
	})
}

// tooLarge knows how servers refuse a mail for its size, or for the space it would take (RFC 1870 §6, RFC 4468 §4).
func tooLarge(code int) bool { return code == 552 || code == 523 }

// tell sends one mail. code is the server's where it refused, else 0.
func (n *email) tell(ctx context.Context, s *settings, a sdk.Alert, to *mail.Address) (r sdk.Result, code int) {
	msg, err := compose(s, a, to)
	if err != nil {
		return sdk.Permanent("the mail cannot be written: " + err.Error()), 0
	}
	r, err = n.send(ctx, msg)
	if err != nil {
		code = replyCode(err)
	}
	return r, code
}

// send returns the server's error beside what it means.
func (n *email) send(ctx context.Context, msg *gomail.Msg) (sdk.Result, error) {
	s := n.Settings()
	server := net.JoinHostPort(s.Host, strconv.Itoa(s.port()))
	c, err := n.client(s)
	if err != nil {
		return sdk.BadConfig("the settings of " + server + " cannot be used"), nil
	}
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judge(err, server), err //nolint:wrapcheck // only its code is asked
	}
	defer func() { _ = c.CloseWithSMTPClient(conn) }() // the server has the mail or has not; a QUIT changes neither
	err = c.SendWithSMTPClient(conn, msg)
	if msg.IsDelivered() {
		return sdk.OK().WithMessage(strings.Trim(msg.GetMessageID(), "<>")), nil
	}
	return judge(err, server), err //nolint:wrapcheck // only its code is asked
}

func (n *email) client(s *settings) (*gomail.Client, error) {
	roots := n.roots
	if s.CACert != "" {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(s.CACert))
	}
	secure := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, RootCAs: roots}
	dialer := outbound.Dialer(func() outbound.Policy { return outbound.Policy{Private: s.AllowPrivate} })
	dial := dialer.DialContext
	opts := []gomail.Option{
		gomail.WithPort(s.port()), gomail.WithTimeout(time.Duration(s.TimeoutSeconds) * time.Second), gomail.WithTLSConfig(secure),
		gomail.WithHELO("nightjar.localhost"), // the machine's own name is nobody's business
	}
	switch s.Security {
	case "tls":
		opts = append(opts, gomail.WithSSL())
		dial = (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext
	case "none":
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	opts = append(opts, gomail.WithDialContextFunc(dial))
	if s.Username != "" {
		opts = append(opts, gomail.WithUsername(s.Username), gomail.WithPassword(s.Password))
		methods := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5}
		if s.Security == "none" {
			// A password in the clear, as allow_plaintext says; what hides it is preferred.
			methods = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc}
		}
		opts = append(opts, gomail.WithOpportunisticSMTPAuth(methods...))
	}
	return gomail.NewClient(s.Host, opts...) //nolint:wrapcheck // only whether is asked
}

// replyCode is the code of a server's refusal, 0 where there is none.
func replyCode(err error) (code int) {
	var (
		send  *gomail.SendError
		reply *textproto.Error
	)
	if errors.As(err, &send) {
		code = send.ErrorCode()
	}
	if errors.As(err, &reply) {
		code = reply.Code
	}
	return code
}

// judge says what an error means for the delivery. A server's own words may repeat what it was told, so that only its
// code is.
func judge(err error, server string) sdk.Result {
	code := replyCode(err)
	said := server + " answered " + strconv.Itoa(code)
	switch {
	case code == 534 || code == 535 || code == 530 || code == 538: // RFC 4954 §6
		return sdk.BadConfig(said + ": username and password are not accepted; some providers want an app password")
	case code == 502 || code == 504:
		return sdk.BadConfig(said + ": it does not know what it was asked for; check port and security")
	case code >= 400 && code < 500:
		return sdk.Retry(0, said+": not now")
	case tooLarge(code):
		return sdk.Permanent(said + ": the mail is too large for it or the mailbox is full")
	case code == 550 || code == 551 || code == 553:
		return sdk.Permanent(said + ": it does not take mail for this recipient, or not from this sender")
	case code >= 500:
		return sdk.Permanent(said + ": it refuses the mail")
	}
	return unanswered(err, server)
}

// unanswered judges an error without a code.
func unanswered(err error, server string) sdk.Result {
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
	)
	switch text := err.Error(); {
	case errors.As(err, &record):
		return sdk.BadConfig(server + " does not speak TLS there; check port and security")
	case errors.As(err, &authority), errors.As(err, &name):
		return sdk.BadConfig(server + " shows a certificate that is not trusted; ca_cert names an authority of your own")
	case strings.Contains(text, "does not support STARTTLS"):
		return sdk.BadConfig(server + " does not offer STARTTLS; use security tls, or none for a server on this machine")
	case strings.Contains(text, "AUTH") && strings.Contains(text, "support"):
		return sdk.BadConfig(server + " does not offer to take a password; leave username empty or check port and security")
	}
	return outbound.Failed(err, server)
}
