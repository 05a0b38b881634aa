package telegram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func configured(t *testing.T, api *botAPI, change ...func(*settings)) (*telegram, *notifiertest.Host) {
	t.Helper()
	s := settings{Token: testToken, Chats: []string{"100"}, Clip: true, APIURL: api.srv.URL + "/", AllowPrivate: true}
	for _, c := range change {
		c(&s)
	}
	n := newTelegram()
	n.pause = func(ctx context.Context, _ time.Duration) { wait(ctx, time.Millisecond) }
	host, client := notifiertest.NewHost(t)
	n.UseHost(client)
	if err := n.Configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n, host
}

func TestPictureWithButtons(t *testing.T) {
	api := newBotAPI(t)
	n, _ := configured(t, api)
	a := notifiertest.Alert()
	a.Silent = true
	r := n.Notify(t.Context(), a)
	if !r.IsOK() || r.Message() != "100/11/p" {
		t.Fatal(r, r.Message())
	}
	m := api.messages[11]
	if m.Kind != "photo" || !m.Silent || string(m.File) != string(a.Snapshot) {
		t.Errorf("%+v", m)
	}
	if m.Text != "Person at Front <door>\nSeen in the yard & on the porch.\nStays.\nhttps://nvr.example.com/e?id=1" {
		t.Errorf("%q", m.Text)
	}
	if len(m.Keyboard) != 1 || len(m.Keyboard[0]) != 2 || m.Keyboard[0][0].Data != "act:"+a.Actions[0].Token {
		t.Errorf("%+v", m.Keyboard)
	}
}

func TestLongTextsFit(t *testing.T) {
	api := newBotAPI(t)
	n, _ := configured(t, api)
	a := notifiertest.Alert()
	a.Title, a.Text = strings.Repeat("😀", 900), strings.Repeat("ä😀", 5000)
	for _, snapshot := range [][]byte{a.Snapshot, nil} {
		a.Snapshot = snapshot
		if r := n.Notify(t.Context(), a); !r.IsOK() {
			t.Fatal(r)
		}
		if m := api.messages[api.nextID]; !strings.HasSuffix(m.Text, a.Link) || !strings.Contains(m.Text, "…") {
			t.Errorf("%q", m.Text)
		}
	}
}

// TestPhases follows an event from its picture to its film, in one message.
func TestPhases(t *testing.T) {
	api := newBotAPI(t)
	n, host := configured(t, api)
	host.Media["clip-1"] = []byte("a film")
	a := notifiertest.Alert()
	first := n.Notify(t.Context(), a)
	step := func(what, wantMessage, wantKind string) {
		t.Helper()
		a.Previous = first.Message()
		r := n.Notify(t.Context(), a)
		if m := api.messages[11]; !r.IsOK() || r.Message() != wantMessage || m.Kind != wantKind || len(api.messages) != 1 {
			t.Errorf("%s: %v %q, %+v", what, r, r.Message(), m)
		}
	}
	a.Phase = sdk.PhaseUpdate
	step("nothing changed", "100/11/p", "photo")
	a.Text = "Now two."
	step("a new text", "100/11/p", "photo")
	a.Snapshot = nil
	a.Text = "Now three."
	step("no picture this time", "100/11/p", "photo")
	a.Phase, a.Actions = sdk.PhaseEnd, nil
	a.Attachments = []sdk.Attachment{{Kind: sdk.AttachmentClip, Ref: "gone"}}
	a.Text = "Gone."
	step("a film that cannot be had", "100/11/p", "photo")
	a.Attachments = []sdk.Attachment{{Kind: sdk.AttachmentClip, Ref: "clip-1", Bytes: 6}}
	step("the film", "100/11/v", "video")
	if m := api.messages[11]; string(m.File) != "a film" || len(m.Keyboard) != 0 || !strings.Contains(m.Text, "Gone.") {
		t.Errorf("%+v", m)
	}
	delete(api.messages, 11) // somebody deleted it
	a.Previous = "100/11/v"
	if r := n.Notify(t.Context(), a); r.Message() != "100/12/v" {
		t.Errorf("%v %q", r, r.Message())
	}
	a.Snapshot, a.Attachments, a.Phase, a.Previous = nil, nil, sdk.PhaseNew, ""
	text := n.Notify(t.Context(), a)
	a.Phase, a.Previous, a.Text = sdk.PhaseEnd, text.Message(), "Over."
	if r := n.Notify(t.Context(), a); r.Message() != "100/13/t" || !strings.Contains(api.messages[13].Text, "Over.") {
		t.Errorf("%v %q", r, r.Message())
	}
}

func TestBrokenPictureIsToldAsText(t *testing.T) {
	api := newBotAPI(t)
	n, _ := configured(t, api)
	a := notifiertest.Alert()
	a.Snapshot = []byte("no picture")
	if r := n.Notify(t.Context(), a); !r.IsOK() || r.Message() != "100/11/t" || len(api.messages[11].Keyboard) != 1 {
		t.Error(r, r.Message())
	}
}

func TestSeveralChatsAndTopics(t *testing.T) {
	api := newBotAPI(t)
	n, _ := configured(t, api, func(s *settings) { s.Chats = []string{"100", "-1001:45", "-1001:46", "@my_channel"} })
	r := n.Notify(t.Context(), notifiertest.Alert())
	if !r.IsOK() || r.Message() != "100/11/p -1001:45/12/p -1001:46/13/p @my_channel/14/p" || api.messages[12].Thread != 45 {
		t.Fatal(r, r.Message())
	}
	a := notifiertest.Alert()
	a.DeliveryID, a.Phase, a.Previous, a.Text = "next", sdk.PhaseUpdate, r.Message(), "More."
	if r := n.Notify(t.Context(), a); !r.IsOK() || len(api.messages) != 4 || api.messages[12].Edits != 1 || api.messages[13].Edits != 1 {
		t.Error(r)
	}
}

func TestMigratedGroup(t *testing.T) {
	api := newBotAPI(t)
	api.migrated["-77"] = -1001
	n, _ := configured(t, api, func(s *settings) { s.Chats = []string{"-77"} })
	for range 2 {
		if r := n.Notify(t.Context(), notifiertest.Alert()); !r.IsOK() || !strings.HasPrefix(r.Message(), "-1001/") {
			t.Fatal(r, r.Message())
		}
	}
	if len(api.calls) != 3 {
		t.Errorf("asked the old group again: %v", api.calls)
	}
}

func TestVerdicts(t *testing.T) {
	api := newBotAPI(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	answer := func(status int, body string) func(string) (int, string) {
		return func(string) (int, string) { return status, body }
	}
	for _, tc := range []struct {
		name, want string
		after      time.Duration
		change     func(*settings)
		fail       func(string) (int, string)
	}{
		{name: "unknown chat", want: "permanent", change: func(s *settings) { s.Chats = []string{"5"} }},
		{name: "blocked", want: "permanent", change: func(s *settings) { s.Chats = []string{"666"} }},
		{name: "nobody to tell", want: "bad config", change: func(s *settings) { s.Chats = nil }},
		{name: "other token", want: "bad config", change: func(s *settings) { s.Token = "1:canary-7f3a9-aaaaaaaaaaaaaaaaaa" }},
		{name: "too fast", want: "retry", after: 7 * time.Second, fail: answer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}`)},
		{name: "gateway", want: "retry", fail: answer(502, "<html>Bad Gateway</html>")},
		{name: "repeats the token", want: "permanent", fail: answer(400, `{"ok":false,"error_code":400,"description":"Bad Request: `+testToken+`"}`)},
		{name: "not the Bot API", want: "permanent", fail: answer(200, "hello")},
		{name: "nobody there", want: "retry", change: func(s *settings) { s.APIURL = "http://" + closed.Addr().String() }},
		{name: "not allowed", want: "bad config", change: func(s *settings) { s.AllowPrivate = false }},
	} {
		api.locked(func() { api.fail = tc.fail })
		var change []func(*settings)
		if tc.change != nil {
			change = append(change, tc.change)
		}
		n, _ := configured(t, api, change...)
		r := n.Notify(t.Context(), notifiertest.Alert())
		if !strings.HasPrefix(r.String(), tc.want) || r.After() != tc.after || strings.Contains(r.String(), notifiertest.Canary) {
			t.Errorf("%s: %v after %v", tc.name, r, r.After())
		}
	}
}

func TestBadSettings(t *testing.T) {
	for path, s := range map[string]settings{
		"token":   {Token: "canary-7f3a9", APIURL: publicAPI},
		"chats":   {Token: testToken, APIURL: publicAPI, Chats: []string{"canary-7f3a9"}},
		"api_url": {Token: testToken, APIURL: "ftp://canary-7f3a9"},
	} {
		err := newTelegram().Configure(t.Context(), s)
		var se *sdk.SettingError
		if !errors.As(err, &se) || se.Path != path || strings.Contains(err.Error(), notifiertest.Canary) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("title", "text", "https://x", 1024)
	f.Fuzz(func(t *testing.T, title, text, link string, limit int) {
		limit = 100 + max(limit, -limit, 0)%4000
		d := &draft{alert: sdk.Alert{Title: title, Text: text, Link: link}}
		out, entities := d.text(limit)
		units := outbound.UTF16Len(out)
		if units > limit {
			t.Errorf("%d units in %d", units, limit)
		}
		for _, e := range entities {
			if n := e["length"].(int); n < 1 || n > units {
				t.Errorf("bold is %d of %d", n, units)
			}
		}
		m := sentMessage{"1", 2, formPhoto}
		if got, ok := findMessage(fmt.Sprintf("%s %s", title, m), "1"); ok && strings.TrimSpace(title) == "" && got != m {
			t.Errorf("%v", got)
		}
	})
}
