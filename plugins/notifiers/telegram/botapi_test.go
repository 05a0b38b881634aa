package telegram

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

const testToken = "123456789:AAcanary-7f3a9-0123456789abcdefghijk"

// botAPI is a Bot API server as the manual describes it (core.telegram.org/bots/api): its limits, its error texts,
// its long polling. Parameters that the manual does not name are refused, which the real one is too polite to do.
type botAPI struct {
	t   *testing.T
	srv *httptest.Server

	mu       sync.Mutex
	chats    map[string]bool
	migrated map[string]int64 // chat → what it became
	messages map[int64]*storedMessage
	calls    []string
	nextID   int64
	updates  []map[string]any // not confirmed yet
	arrived  chan struct{}    // closed when there is something new
	polling  bool
	answers  []string // of callbacks
	offset   int64    // highest asked
	fail     func(method string) (status int, body string)
}

type storedMessage struct {
	Chat, Kind, Text string
	Silent           bool
	Thread           int64
	File             []byte
	Keyboard         [][]button
	Edits            int
}

func newBotAPI(t *testing.T) *botAPI {
	b := &botAPI{
		t: t, chats: map[string]bool{"100": true, "-1001": true, "@my_channel": true}, migrated: map[string]int64{},
		messages: map[int64]*storedMessage{}, nextID: 10, arrived: make(chan struct{}),
	}
	b.srv = httptest.NewServer(b)
	t.Cleanup(b.srv.Close)
	return b
}

type refusal struct {
	code   int
	text   string
	params map[string]any
}

func refuse(code int, text string) { panic(refusal{code: code, text: text}) }

func (b *botAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case refusal:
			w.WriteHeader(e.code)
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error_code": e.code, "description": e.text, "parameters": e.params})
		default:
			panic(e)
		}
	}()
	token, method, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	if !ok || !tokenShape.MatchString(token) {
		refuse(404, "Not Found")
	}
	if token != testToken {
		refuse(401, "Unauthorized")
	}
	b.mu.Lock()
	fail := b.fail
	b.calls = append(b.calls, method)
	b.mu.Unlock()
	if fail != nil {
		if status, body := fail(method); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	params, files := b.params(r)
	result := b.do(r, method, params, files)
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
}

// params reads JSON or a form; values of a form that look like JSON are.
func (b *botAPI) params(r *http.Request) (map[string]json.RawMessage, map[string][]byte) {
	params, files := map[string]json.RawMessage{}, map[string][]byte{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
			refuse(400, "Bad Request: can't parse JSON object")
		}
		return params, files
	}
	if err := r.ParseMultipartForm(64 << 20); err != nil {
		refuse(400, "Bad Request: can't parse form")
	}
	for k, v := range r.MultipartForm.Value {
		if raw := json.RawMessage(v[0]); json.Valid(raw) && v[0] != "" && strings.ContainsAny(v[0][:1], "{[tf0123456789-") {
			params[k] = raw
		} else {
			params[k], _ = json.Marshal(v[0])
		}
	}
	for k, v := range r.MultipartForm.File {
		f, err := v[0].Open()
		if err != nil {
			refuse(400, "Bad Request: can't read file")
		}
		files[k], _ = io.ReadAll(f)
		_ = f.Close()
	}
	return params, files
}

var allowed = map[string][]string{
	"sendMessage":            {"chat_id", "message_thread_id", "text", "entities", "disable_notification", "reply_markup", "reply_parameters"},
	"sendPhoto":              {"chat_id", "message_thread_id", "photo", "caption", "caption_entities", "disable_notification", "reply_markup", "reply_parameters"},
	"sendVideo":              {"chat_id", "message_thread_id", "video", "caption", "caption_entities", "disable_notification", "reply_markup", "supports_streaming"},
	"editMessageText":        {"chat_id", "message_id", "text", "entities", "reply_markup"},
	"editMessageCaption":     {"chat_id", "message_id", "caption", "caption_entities", "reply_markup"},
	"editMessageMedia":       {"chat_id", "message_id", "media", "reply_markup"},
	"editMessageReplyMarkup": {"chat_id", "message_id", "reply_markup"},
	"getUpdates":             {"offset", "timeout", "allowed_updates", "limit"},
	"answerCallbackQuery":    {"callback_query_id", "text", "show_alert"},
}

func (b *botAPI) do(r *http.Request, method string, p map[string]json.RawMessage, files map[string][]byte) any {
	names, ok := allowed[method]
	if !ok {
		refuse(404, "Not Found: method not found")
	}
	for name := range p {
		if !slices.Contains(names, name) {
			b.t.Errorf("%s has no parameter %s", method, name)
		}
	}
	switch method {
	case "getUpdates":
		return b.getUpdates(r, p)
	case "answerCallbackQuery":
		b.mu.Lock()
		defer b.mu.Unlock()
		text := str(p["text"])
		if len([]rune(text)) > 200 {
			refuse(400, "Bad Request: MESSAGE_TOO_LONG")
		}
		b.answers = append(b.answers, str(p["callback_query_id"])+":"+text)
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if strings.HasPrefix(method, "edit") {
		return b.edit(method, p, files)
	}
	return b.send(method, p, files)
}

func (b *botAPI) chat(raw json.RawMessage) string {
	id := strings.Trim(string(raw), `"`)
	if to, ok := b.migrated[id]; ok {
		panic(refusal{400, "Bad Request: group chat was upgraded to a supergroup chat", map[string]any{"migrate_to_chat_id": to}})
	}
	if id == "666" {
		refuse(403, "Forbidden: bot was blocked by the user")
	}
	if !b.chats[id] {
		refuse(400, "Bad Request: chat not found")
	}
	return id
}

func (b *botAPI) send(method string, p map[string]json.RawMessage, files map[string][]byte) any {
	m := &storedMessage{Chat: b.chat(p["chat_id"]), Kind: strings.ToLower(strings.TrimPrefix(method, "send")), Silent: string(p["disable_notification"]) == "true"}
	if raw := p["message_thread_id"]; raw != nil {
		m.Thread, _ = strconv.ParseInt(string(raw), 10, 64)
	}
	m.Keyboard = keyboardOf(p["reply_markup"])
	switch m.Kind {
	case "message":
		m.Text = checked(p["text"], p["entities"], 4096, false)
	default:
		m.Text = checked(p["caption"], p["caption_entities"], 1024, true)
		m.File = checkFile(m.Kind, files[m.Kind])
	}
	b.nextID++
	b.messages[b.nextID] = m
	return map[string]any{"message_id": b.nextID, "date": time.Now().Unix(), "chat": map[string]any{"id": 1}}
}

func (b *botAPI) edit(method string, p map[string]json.RawMessage, files map[string][]byte) any {
	chat := b.chat(p["chat_id"])
	id, _ := strconv.ParseInt(string(p["message_id"]), 10, 64)
	m := b.messages[id]
	if m == nil || m.Chat != chat {
		refuse(400, "Bad Request: message to edit not found")
	}
	before := fmt.Sprint(*m)
	m.Keyboard = keyboardOf(p["reply_markup"])
	switch method {
	case "editMessageText":
		if m.Kind != "message" {
			refuse(400, "Bad Request: there is no text in the message to edit")
		}
		m.Text = checked(p["text"], p["entities"], 4096, false)
	case "editMessageCaption":
		if m.Kind == "message" {
			refuse(400, "Bad Request: there is no caption in the message to edit")
		}
		m.Text = checked(p["caption"], p["caption_entities"], 1024, true)
	case "editMessageMedia":
		var media struct {
			Type, Media, Caption string
			Entities             json.RawMessage `json:"caption_entities"`
		}
		if err := json.Unmarshal(p["media"], &media); err != nil {
			refuse(400, "Bad Request: can't parse InputMedia")
		}
		name, ok := strings.CutPrefix(media.Media, "attach://")
		if !ok || files[name] == nil {
			refuse(400, "Bad Request: media not found")
		}
		caption, _ := json.Marshal(media.Caption)
		m.Kind, m.Text, m.File = media.Type, checked(caption, media.Entities, 1024, true), checkFile(media.Type, files[name])
	}
	if before == fmt.Sprint(*m) {
		refuse(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same")
	}
	m.Edits++
	return map[string]any{"message_id": id}
}

func checkFile(kind string, data []byte) []byte {
	switch {
	case len(data) == 0:
		refuse(400, "Bad Request: file must be non-empty")
	case kind == "photo" && len(data) > 10<<20:
		refuse(400, "Bad Request: file is too big for a photo")
	case len(data) > 50<<20:
		refuse(413, "Request Entity Too Large")
	case kind == "photo" && (len(data) < 3 || data[0] != 0xff || data[1] != 0xd8):
		refuse(400, "Bad Request: IMAGE_PROCESS_FAILED")
	}
	return data
}

func checked(text, entities json.RawMessage, limit int, mayBeEmpty bool) string {
	s := str(text)
	units := len(utf16.Encode([]rune(s)))
	switch {
	case units > limit && limit == 1024:
		refuse(400, "Bad Request: message caption is too long")
	case units > limit:
		refuse(400, "Bad Request: message is too long")
	case s == "" && !mayBeEmpty:
		refuse(400, "Bad Request: message text is empty")
	}
	var list []struct {
		Type           string
		Offset, Length int
	}
	if entities != nil && json.Unmarshal(entities, &list) != nil {
		refuse(400, "Bad Request: can't parse entities")
	}
	for _, e := range list {
		if e.Length < 1 || e.Offset < 0 || e.Offset+e.Length > units {
			refuse(400, "Bad Request: entity out of the text")
		}
	}
	return s
}

func keyboardOf(raw json.RawMessage) [][]button {
	var k struct {
		Rows [][]button `json:"inline_keyboard"`
	}
	if raw == nil {
		return nil
	}
	if json.Unmarshal(raw, &k) != nil || k.Rows == nil {
		refuse(400, "Bad Request: can't parse inline keyboard")
	}
	for _, row := range k.Rows {
		for _, b := range row {
			if n := len(b.Data); b.Text == "" || b.URL == "" && (n < 1 || n > 64) {
				refuse(400, "Bad Request: BUTTON_DATA_INVALID")
			}
		}
	}
	return k.Rows
}

// getUpdates confirms what is below offset, then waits for something new.
func (b *botAPI) getUpdates(r *http.Request, p map[string]json.RawMessage) any {
	offset, _ := strconv.ParseInt(string(p["offset"]), 10, 64)
	timeout, _ := strconv.Atoi(string(p["timeout"]))
	b.mu.Lock()
	if b.polling {
		b.mu.Unlock()
		refuse(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
	}
	b.polling = true
	b.offset = max(b.offset, offset)
	b.mu.Unlock()
	defer func() { b.mu.Lock(); b.polling = false; b.mu.Unlock() }()
	end := time.NewTimer(time.Duration(timeout) * time.Second)
	defer end.Stop()
	for {
		b.mu.Lock()
		b.updates = slices.DeleteFunc(b.updates, func(u map[string]any) bool { return u["update_id"].(int64) < offset })
		out, news := slices.Clone(b.updates), b.arrived
		b.mu.Unlock()
		if len(out) > 0 {
			return out
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return out
		case <-end.C:
			return []any{}
		}
	}
}

// push makes an update of what happened in the chats.
func (b *botAPI) push(id int64, kind string, what map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.updates = append(b.updates, map[string]any{"update_id": id, kind: what})
	close(b.arrived)
	b.arrived = make(chan struct{})
}

// do runs f while the server rests.
func (b *botAPI) locked(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func str(raw json.RawMessage) string {
	var s string
	if raw != nil && json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}
