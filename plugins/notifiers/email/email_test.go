package email

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "nightjar"
	password = notifiertest.Canary
)

// server is a real SMTP server that keeps what it was given.
type server struct {
	port int
	ca   string

	mu    sync.Mutex
	mails []received
	fail  func(step, arg string) error // step: auth, from, to, data
}

type received struct {
	from, to string
	secure   bool
	raw      []byte
}

type mode struct {
	implicit bool // TLS from the first byte
	plain    bool // no TLS at all
	noAuth   bool
	most     int64 // bytes of a mail; 0: 4 MB
}

func start(t *testing.T, m mode) *server {
	t.Helper()
	certPEM, _, cert := notifiertest.Certificate(t)
	s := &server{ca: string(certPEM)}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		_, secure := c.TLSConnectionState()
		base := &session{s: s, secure: secure}
		if m.noAuth {
			return base, nil
		}
		return &authSession{base}, nil
	}))
	srv.Domain, srv.MaxMessageBytes, srv.AllowInsecureAuth, srv.EnableSMTPUTF8 = "localhost", 4<<20, m.plain, true
	if m.most > 0 {
		srv.MaxMessageBytes = m.most
	}
	srv.ErrorLog = quiet{}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	switch {
	case m.implicit:
		l = tls.NewListener(l, conf)
	case !m.plain:
		srv.TLSConfig = conf
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (s *server) refuses(step, arg string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		return nil
	}
	return s.fail(step, arg)
}

type session struct {
	s        *server
	secure   bool
	from, to string
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return s.s.refuses("from", from)
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.s.refuses("to", to)
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.s.refuses("data", ""); err != nil {
		return err
	}
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.mails = append(s.s.mails, received{s.from, s.to, s.secure, raw})
	return nil
}

// authSession takes no mail before the password.
type authSession struct{ *session }

func (*authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, pass string) error {
		if err := s.s.refuses("auth", ""); err != nil {
			return err
		}
		if name != user || pass != password {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func configured(t *testing.T, srv *server, change ...func(*settings)) *email {
	t.Helper()
	s := settings{
		Host: "127.0.0.1", Port: srv.port, Security: "starttls", Username: user, Password: password, From: "nvr@example.com",
		To: []string{"Ann <ann@example.com>"}, Snapshot: true, CACert: srv.ca, TimeoutSeconds: 20, AllowPrivate: true,
	}
	for _, c := range change {
		c(&s)
	}
	n := newEmail()
	if err := n.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return n
}

// parts reads a mail's leaves by media type.
func parts(t *testing.T, header interface{ Get(string) string }, body io.Reader) map[string]string {
	t.Helper()
	out := map[string]string{}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		raw, _ := io.ReadAll(body)
		if header.Get("Content-Transfer-Encoding") == "base64" {
			raw, err = base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
		}
		out[kind] = string(raw)
		out[kind+" id"] = header.Get("Content-Id")
		return out
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextPart() // takes quoted-printable off
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range parts(t, p.Header, p) {
			out[k] = v
		}
	}
}

func TestMail(t *testing.T) {
	for name, m := range map[string]mode{"starttls": {}, "tls": {implicit: true}, "none": {plain: true}} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, m)
			n := configured(t, srv, func(s *settings) { s.Security = name })
			a := notifiertest.Alert()
			a.Text += "\n<script>alert(1)</script>"
			r := n.Notify(t.Context(), a)
			if !r.IsOK() || r.Message() != a.DeliveryID+"@example.com" {
				t.Fatal(r, r.Message())
			}
			got := srv.mails[0]
			if got.from != "nvr@example.com" || got.to != "ann@example.com" || got.secure != (name != "none") {
				t.Errorf("%+v", got)
			}
			check(t, got.raw, a)
		})
	}
}

func check(t *testing.T, raw []byte, a sdk.Alert) {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	for name, want := range map[string]string{
		"Message-Id": "<" + a.DeliveryID + "@example.com>", "Auto-Submitted": "auto-generated", "To": `"Ann" <ann@example.com>`,
		"From": `"Nightjar" <nvr@example.com>`, "List-Id": "Nightjar alerts <alerts.nightjar.example.com>", "X-Auto-Response-Suppress": "All",
		"References": "<" + a.Event.ID + "@example.com>", "X-Mailer": "", "User-Agent": "", "Importance": "high",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if subject != a.Title {
		t.Errorf("subject %q", subject)
	}
	p := parts(t, msg.Header, msg.Body)
	html, text := p["text/html"], p["text/plain"]
	if p["image/jpeg"] != string(a.Snapshot) || p["image/jpeg id"] != "<snapshot@nightjar>" || !strings.Contains(html, `src="cid:snapshot@nightjar"`) {
		t.Errorf("picture %q in %s", p["image/jpeg id"], html)
	}
	if strings.Contains(html, "<script>") || !strings.Contains(html, "Front &lt;door&gt;") || !strings.Contains(html, `href="https://nvr.example.com/e?id=1"`) {
		t.Error(html)
	}
	if !strings.Contains(text, "Person at Front <door>\r\n\r\nSeen in the yard & on the porch.\r\n") || !strings.Contains(text, a.Link) {
		t.Errorf("%q", text)
	}
}

func TestDigest(t *testing.T) {
	srv := start(t, mode{})
	n := configured(t, srv)
	a := notifiertest.Alert()
	a.Title, a.Silent, a.Snapshot = "3 events\r\nBcc: evil@example.com", true, nil
	other := a.Event
	other.CameraName, other.Identity = "Garden", &sdk.Identity{Name: "Ann <b>"}
	for range 250 {
		a.Digest = append(a.Digest, a.Event)
	}
	a.Digest = append(a.Digest, other)
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(srv.mails[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	if h := msg.Header; h.Get("Bcc") != "" || h.Get("References") != "" || h.Get("Importance") != "" {
		t.Errorf("%+v", h)
	}
	p := parts(t, msg.Header, msg.Body)
	if html := p["text/html"]; strings.Count(html, "<tr") != maxRows+1 || !strings.Contains(html, "Ann &lt;b&gt;") || !strings.Contains(html, "and 51 more") || strings.Contains(html, "<img") {
		t.Error(html)
	}
	if text := p["text/plain"]; !strings.Contains(text, "Garden  Ann <b>") || strings.Count(text, "Front") != maxRows-1 {
		t.Error(text)
	}
}

func TestSeveralRecipientsSeeOnlyThemselves(t *testing.T) {
	srv := start(t, mode{})
	n := configured(t, srv, func(s *settings) { s.To = []string{"a@example.com", "b@example.com", "c@example.com"} })
	srv.fail = func(step, arg string) error {
		if step == "to" && arg == "b@example.com" {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
		}
		return nil
	}
	if r := n.Notify(t.Context(), notifiertest.Alert()); !strings.HasPrefix(r.String(), "retry") {
		t.Fatal(r)
	}
	srv.fail = nil
	if r := n.Notify(t.Context(), notifiertest.Alert()); !r.IsOK() {
		t.Fatal(r)
	}
	var to []string
	for _, m := range srv.mails {
		to = append(to, m.to)
		if strings.Count(string(m.raw), "@example.com>") != 4 { // Message-ID, References, From, To
			t.Errorf("%s", m.raw)
		}
	}
	if strings.Join(to, " ") != "a@example.com c@example.com b@example.com" {
		t.Errorf("%v", to)
	}
}

func TestVerdicts(t *testing.T) {
	at := func(step string, code int) func(string, string) error {
		return func(s, _ string) error {
			if s != step {
				return nil
			}
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: "says " + password}
		}
	}
	starttls, implicit, plain, open := start(t, mode{}), start(t, mode{implicit: true}), start(t, mode{plain: true}), start(t, mode{noAuth: true})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, tc := range []struct {
		name, want, says string
		srv              *server
		fail             func(string, string) error
		change           func(*settings)
	}{
		{name: "wrong password", srv: starttls, want: "bad config", says: "535", change: func(s *settings) { s.Password = "canary-7f3a9-wrong" }},
		{name: "auth for now", srv: starttls, want: "retry", says: "454", fail: at("auth", 454)},
		{name: "greylisted", srv: starttls, want: "retry", says: "451", fail: at("to", 451)},
		{name: "no mailbox", srv: starttls, want: "permanent", says: "550", fail: at("to", 550)},
		{name: "sender", srv: starttls, want: "permanent", says: "553", fail: at("from", 553)},
		{name: "auth first", srv: starttls, want: "bad config", says: "530", fail: at("from", 530)},
		{name: "too large", srv: starttls, want: "permanent", says: "552", fail: at("data", 552)},
		{name: "full", srv: starttls, want: "retry", says: "452", fail: at("data", 452)},
		{name: "bad recipient", srv: starttls, want: "permanent", change: func(s *settings) { s.To = nil }, says: ""},
		{name: "no STARTTLS", srv: plain, want: "bad config", says: "STARTTLS"},
		{name: "not TLS", srv: plain, want: "bad config", says: "TLS", change: func(s *settings) { s.Security = "tls" }},
		{name: "untrusted", srv: implicit, want: "bad config", says: "trusted", change: func(s *settings) { s.Security, s.CACert = "tls", "" }},
		{name: "untrusted later", srv: starttls, want: "bad config", says: "trusted", change: func(s *settings) { s.CACert = "" }},
		{name: "no auth", srv: open, want: "bad config", says: "password"},
		{name: "nobody there", srv: starttls, want: "retry", says: "refused", change: func(s *settings) { s.Port = closed.Addr().(*net.TCPAddr).Port }},
		{name: "not allowed", srv: starttls, want: "bad config", says: "allow_private", change: func(s *settings) { s.AllowPrivate = false }},
		{name: "metadata", srv: starttls, want: "bad config", says: "link-local", change: func(s *settings) { s.Host = "169.254.169.254" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.srv.fail = tc.fail
			defer func() { tc.srv.fail = nil }()
			var change []func(*settings)
			if tc.change != nil {
				change = append(change, tc.change)
			}
			a := notifiertest.Alert()
			if tc.name == "bad recipient" {
				a.Recipient = "not an address"
			}
			r := configured(t, tc.srv, change...).Notify(t.Context(), a)
			if !strings.HasPrefix(r.String(), tc.want) || !strings.Contains(r.String(), tc.says) || strings.Contains(r.String(), notifiertest.Canary) {
				t.Error(r)
			}
		})
	}
}

// TestTooLarge has the news arrive where the picture is too much.
func TestTooLarge(t *testing.T) {
	srv := start(t, mode{most: 100 << 10})
	a := notifiertest.Alert()
	a.Snapshot = make([]byte, 300<<10)
	if r := configured(t, srv).Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	if len(srv.mails) != 1 || strings.Contains(string(srv.mails[0].raw), "image/jpeg") || !strings.Contains(string(srv.mails[0].raw), "too large for the mail server") {
		t.Errorf("%d mails", len(srv.mails))
	}
}

// TestHangingServer answers nothing at all.
func TestHangingServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := configured(t, &server{port: l.Addr().(*net.TCPAddr).Port}, func(s *settings) { s.TimeoutSeconds, s.CACert = 1, "" })
	began := time.Now()
	if r := n.Notify(t.Context(), notifiertest.Alert()); !strings.HasPrefix(r.String(), "retry") || time.Since(began) > 15*time.Second {
		t.Errorf("%v after %v", r, time.Since(began))
	}
}

func TestBadSettings(t *testing.T) {
	good := settings{Host: "mail.example.com", Security: "starttls", From: "a@example.com"}
	for path, change := range map[string]func(*settings){
		"host":     func(s *settings) { s.Host = "smtp://canary-7f3a9:25" },
		"security": func(s *settings) { s.Security = "none" },
		"password": func(s *settings) { s.Password = notifiertest.Canary },
		"from":     func(s *settings) { s.From = notifiertest.Canary },
		"to":       func(s *settings) { s.To = []string{notifiertest.Canary} },
		"ca_cert":  func(s *settings) { s.CACert = notifiertest.Canary },
	} {
		s := good
		change(&s)
		err := newEmail().Configure(t.Context(), s)
		var se *sdk.SettingError
		if !errors.As(err, &se) || se.Path != path || strings.Contains(err.Error(), notifiertest.Canary) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		s := good
		s.Host, s.Security = host, "none"
		if err := newEmail().Configure(t.Context(), s); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for security, port := range map[string]int{"starttls": 587, "tls": 465, "none": 25} {
		if s := (&settings{Security: security}); s.port() != port {
			t.Error(security + " " + strconv.Itoa(s.port()))
		}
	}
}
