package email

import (
	"bytes"
	"fmt"
	"html/template"
	"net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	snapshotID = "<snapshot@nightjar>" // Content-ID of the picture (RFC 2392 §2)
	maxSubject = 200                   // characters
	maxRows    = 200                   // of a digest
)

// page is the HTML part. It works without style sheets, pictures and scripts, as many readers show it.
func page() *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html>
<html><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="margin:0;padding:16px;font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff">
<h1 style="margin:0 0 8px;font-size:18px">{{.Title}}</h1>
{{range .Lines}}<p style="margin:0 0 8px">{{.}}</p>
{{end}}{{if .Picture}}<p style="margin:0 0 8px"><img src="cid:snapshot@nightjar" alt="Picture of the event" style="max-width:100%;border-radius:6px"></p>
{{end}}{{if .Rows}}<table cellpadding="6" style="border-collapse:collapse;margin:0 0 8px"><tr style="text-align:left;border-bottom:1px solid #d0d7de"><th>Time</th><th>Camera</th><th>Seen</th></tr>
{{range .Rows}}<tr style="border-bottom:1px solid #eaeef2"><td>{{.Time}}</td><td>{{.Camera}}</td><td>{{.Seen}}</td></tr>
{{end}}</table>
{{if .More}}<p style="margin:0 0 8px">and {{.More}} more</p>
{{end}}{{end}}{{if .Link}}<p style="margin:0"><a href="{{.Link}}">Open in Nightjar</a></p>
{{end}}</body></html>
`))
}

// content is what both parts show.
type content struct {
	Title   string
	Lines   []string
	Picture bool
	Rows    []row
	More    int
	Link    string
}

type row struct{ Time, Camera, Seen string }

// idPart is what may stand in a Message-ID besides what is made here.
var idPart = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// compose writes the mail of an alert to one recipient.
func compose(s *settings, a sdk.Alert, to *mail.Address) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("read the sender: %w", err)
	}
	if from.Name == "" {
		from.Name = "Nightjar"
	}
	c := contentOf(a, s.Snapshot)
	var html bytes.Buffer
	if err := page().Execute(&html, c); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.Subject(subject(a))
	headers(msg, a, from.Address)
	msg.SetBodyString(gomail.TypeTextPlain, plain(c))
	msg.AddAlternativeString(gomail.TypeTextHTML, html.String())
	if c.Picture {
		err := msg.EmbedReader("snapshot.jpg", bytes.NewReader(a.Snapshot),
			gomail.WithFileContentID(snapshotID), gomail.WithFileContentType("image/jpeg"))
		if err != nil {
			return nil, fmt.Errorf("embed the picture: %w", err)
		}
	}
	return msg, nil
}

// headers marks the mail as a machine's (RFC 3834 §5, RFC 2919), makes its id from the delivery so that a second
// copy can be told as one, and threads the phases of an event under an id that no mail has.
func headers(msg *gomail.Msg, a sdk.Alert, sender string) {
	domain := "nightjar.localhost"
	if _, d, ok := strings.Cut(sender, "@"); ok {
		domain = d
	}
	msg.SetMessageIDWithValue(idPart.ReplaceAllString(a.DeliveryID, "-") + "@" + domain)
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("List-Id", "Nightjar alerts <alerts.nightjar."+domain+">")
	msg.SetGenHeader("X-Nightjar-Event", idPart.ReplaceAllString(a.Event.ID, "-"))
	if len(a.Digest) == 0 && a.Event.ID != "" {
		msg.SetGenHeader("References", "<"+idPart.ReplaceAllString(a.Event.ID, "-")+"@"+domain+">")
	}
	if a.Event.Severity == "high" && !a.Silent {
		msg.SetImportance(gomail.ImportanceHigh)
	}
}

func subject(a sdk.Alert) string {
	return outbound.FitUTF16(outbound.OneLine(a.Title), maxSubject)
}

func contentOf(a sdk.Alert, withPicture bool) content {
	c := content{Title: outbound.OneLine(a.Title), Picture: withPicture && len(a.Snapshot) > 0, Link: a.Link}
	for line := range strings.SplitSeq(strings.TrimSpace(a.Text), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			c.Lines = append(c.Lines, line)
		}
	}
	events := a.Digest
	if len(events) > maxRows { // the newest are the last
		c.More = len(events) - maxRows
		events = events[c.More:]
	}
	for _, e := range events {
		c.Rows = append(c.Rows, row{Time: e.Start.Local().Format(time.DateTime), Camera: camera(e), Seen: seen(e)})
	}
	return c
}

func camera(e sdk.Event) string {
	if e.CameraName != "" {
		return outbound.OneLine(e.CameraName)
	}
	return e.Camera
}

func seen(e sdk.Event) string {
	if e.Identity != nil && e.Identity.Name != "" {
		return outbound.OneLine(e.Identity.Name)
	}
	return e.Label
}

func plain(c content) string {
	var b strings.Builder
	b.WriteString(c.Title + "\r\n\r\n")
	for _, l := range c.Lines {
		b.WriteString(l + "\r\n")
	}
	for _, r := range c.Rows {
		b.WriteString(r.Time + "  " + r.Camera + "  " + r.Seen + "\r\n")
	}
	if c.More > 0 {
		fmt.Fprintf(&b, "and %d more\r\n", c.More)
	}
	if c.Link != "" {
		b.WriteString("\r\n" + c.Link + "\r\n")
	}
	return b.String()
}
