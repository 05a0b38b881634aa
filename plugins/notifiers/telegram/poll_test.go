package telegram

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/notifiertest"
)

func interactive(s *settings) { s.Interactive = true }

func press(api *botAPI, update int64, chat int64, data string) {
	api.push(update, "callback_query", map[string]any{
		"id": "cb" + data, "data": data, "from": map[string]any{"id": 5, "first_name": "Anna", "username": "anna_x"},
		"message": map[string]any{
			"message_id": 11, "date": time.Now().Unix(), "chat": map[string]any{"id": chat},
			"reply_markup": map[string]any{"inline_keyboard": [][]button{{{Text: "Seen", Data: data}, {Text: "Snooze", Data: "act:other"}}}},
		},
	})
}

func write(api *botAPI, update, chat int64, text string, at time.Time) {
	api.push(update, "message", map[string]any{"message_id": 7, "date": at.Unix(), "chat": map[string]any{"id": chat}, "text": text})
}

func TestButton(t *testing.T) {
	api := newBotAPI(t)
	n, host := configured(t, api, interactive)
	a := notifiertest.Alert()
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	press(api, 501, 100, "act:"+a.Actions[0].Token)
	var markup [][]button
	notifiertest.Until(t, "the button says who pressed it", func() bool {
		api.locked(func() { markup = api.messages[11].Keyboard })
		return len(markup) > 0 && markup[0][0].Data == doneData
	})
	if markup[0][0].Text != "✓ Seen · Anna" || markup[0][1].Data != "act:other" {
		t.Errorf("%+v", markup)
	}
	host.Do(func() {
		if len(host.Acts) != 1 || host.Acts[0].GetToken() != a.Actions[0].Token || host.Acts[0].GetBy() != "Anna (@anna_x)" {
			t.Errorf("%+v", host.Acts)
		}
	})
	notifiertest.Until(t, "the offset is kept", func() (kept bool) {
		host.Do(func() { kept = string(host.Values[offsetKey]) == "502" })
		return kept
	})
	host.Do(func() { host.Refuse = true })
	press(api, 502, 100, "act:old")
	press(api, 503, 999, "act:stranger")
	notifiertest.Until(t, "both are answered", func() (done bool) {
		api.locked(func() { done = len(api.answers) == 3 })
		return done
	})
	host.Do(func() {
		if len(host.Acts) != 2 {
			t.Errorf("a button in a chat that is not ours was heard: %+v", host.Acts)
		}
	})
	if !strings.Contains(api.answers[1], "too old") || !strings.Contains(api.answers[2], "not known") || api.answers[0] != "cbact:"+a.Actions[0].Token+":Acknowledged." {
		t.Errorf("%q", api.answers)
	}
}

// TestRestartDoesNotRepeat begins again where the last process ended.
func TestRestartDoesNotRepeat(t *testing.T) {
	api := newBotAPI(t)
	n, host := configured(t, api, interactive)
	write(api, 900, 100, "/status", time.Now())
	notifiertest.Until(t, "the command is handled", func() (done bool) {
		host.Do(func() { done = string(host.Values[offsetKey]) == "901" })
		return done
	})
	if err := n.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := n.Configure(t.Context(), *n.Settings()); err != nil {
		t.Fatal(err)
	}
	write(api, 901, 100, "/mode away", time.Now())
	notifiertest.Until(t, "the next command is handled", func() (done bool) {
		host.Do(func() { done = string(host.Values[offsetKey]) == "902" })
		return done
	})
	host.Do(func() {
		if len(host.Commands) != 2 || host.Commands[0].GetText() != "/status" || host.Commands[1].GetText() != "/mode away" || host.Commands[0].GetRecipient() != "" {
			t.Errorf("%+v", host.Commands)
		}
	})
}

// TestCommandsComeInTheNameThatRoutesUse tries the settings' default first, then the chat, unless an alert told which.
func TestCommandsComeInTheNameThatRoutesUse(t *testing.T) {
	api := newBotAPI(t)
	n, host := configured(t, api, interactive, func(s *settings) { s.Chats = []string{"100", "-1001:3", "-1001:45"} })
	host.Do(func() { host.Known = []string{"100", "-1001:45"} })
	write(api, 1, 100, "/status", time.Now())
	api.push(2, "message", map[string]any{"message_id": 7, "message_thread_id": 45, "date": time.Now().Unix(), "chat": map[string]any{"id": -1001}, "text": "/status"})
	notifiertest.Until(t, "both are handled", func() (done bool) {
		host.Do(func() { done = string(host.Values[offsetKey]) == "3" })
		return done
	})
	a := notifiertest.Alert()
	a.Recipient = "-1001:45"
	if r := n.Notify(t.Context(), a); !r.IsOK() {
		t.Fatal(r)
	}
	write(api, 3, -1001, "/mode away", time.Now())
	notifiertest.Until(t, "the third is handled", func() (done bool) {
		host.Do(func() { done = string(host.Values[offsetKey]) == "4" })
		return done
	})
	host.Do(func() {
		var names []string
		for _, c := range host.Commands {
			names = append(names, c.GetRecipient())
		}
		if strings.Join(names, " ") != "100 -1001:45 -1001:45" {
			t.Errorf("%q", names)
		}
	})
}

func TestCommandsOfStrangersAndOfYesterday(t *testing.T) {
	api := newBotAPI(t)
	api.chats["999"] = true
	_, host := configured(t, api, interactive)
	write(api, 1, 999, "/mode home", time.Now())
	write(api, 2, 999, "/start", time.Now())
	write(api, 3, 100, "/mode away", time.Now().Add(-time.Hour))
	write(api, 4, 100, "hello", time.Now())
	write(api, 5, 100, "/status@my_bot front", time.Now())
	notifiertest.Until(t, "all are handled", func() (done bool) {
		host.Do(func() { done = string(host.Values[offsetKey]) == "6" })
		return done
	})
	host.Do(func() {
		if len(host.Commands) != 1 || host.Commands[0].GetText() != "/status front" {
			t.Errorf("%+v", host.Commands)
		}
	})
	var kinds []string
	for _, m := range api.messages {
		kinds = append(kinds, m.Chat+" "+m.Kind)
		if m.Chat == "999" && !strings.Contains(m.Text, "999") {
			t.Errorf("%+v", m)
		}
	}
	slices.Sort(kinds)
	if strings.Join(kinds, ",") != "100 photo,999 message" {
		t.Errorf("%v", kinds)
	}
}

// TestListeningHeals meets trouble, says so, and goes on when it ends.
func TestListeningHeals(t *testing.T) {
	api := newBotAPI(t)
	trouble := func(status int, body string) {
		api.locked(func() { api.fail = func(string) (int, string) { return status, body } })
	}
	trouble(409, `{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}`)
	n, host := configured(t, api, interactive)
	says := func(what string) {
		t.Helper()
		notifiertest.Until(t, what, func() bool {
			err := n.Health(t.Context())
			return err != nil && strings.Contains(err.Error(), what) && !strings.Contains(err.Error(), notifiertest.Canary)
		})
	}
	says("another program")
	trouble(401, `{"ok":false,"error_code":401,"description":"Unauthorized"}`)
	says("token is not accepted")
	trouble(500, `{"ok":false,"error_code":500,"description":"Internal Server Error"}`)
	says("500")
	api.locked(func() { api.fail = nil })
	write(api, 1, 100, "/status", time.Now())
	notifiertest.Until(t, "it hears again", func() (done bool) {
		host.Do(func() { done = len(host.Commands) == 1 })
		return done && n.Health(t.Context()) == nil
	})
}
