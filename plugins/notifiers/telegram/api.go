package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
)

// Limits of the Bot API (core.telegram.org/bots/api: sendMessage, sendPhoto, sendVideo, InlineKeyboardButton).
const (
	maxText     = 4096 // UTF-16 units
	maxCaption  = 1024 // UTF-16 units
	maxCallback = 64   // bytes
	maxAnswer   = 200  // characters, of answerCallbackQuery
	maxPhoto    = 10_000_000
	// maxVideo is less than the 50 MB that a bot may send: more would not get up a home's line within an alert's deadline.
	maxVideo = 20 << 20
)

// bot speaks the Bot API. None of its errors holds the token, which is a part of every address.
type bot struct {
	client *http.Client
	base   string // without a slash at its end
	token  string
}

// host names the server for people.
func (b *bot) host() string {
	_, rest, _ := strings.Cut(b.base, "://")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// apiError is an answer that is not ok.
type apiError struct {
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"` // seconds
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// Error implements error.
func (e *apiError) Error() string {
	return fmt.Sprintf("Telegram answered %d %s", e.Code, e.Description)
}

// says tells whether the description holds one of the phrases, whatever their case.
func (e *apiError) says(phrases ...string) bool {
	d := strings.ToLower(e.Description)
	for _, p := range phrases {
		if strings.Contains(d, p) {
			return true
		}
	}
	return false
}

// call sends parameters as JSON and reads the result into out, which may be nil.
func (b *bot) call(ctx context.Context, method string, params map[string]any, out any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("write the call %s: %w", method, err)
	}
	return b.post(ctx, method, "application/json", body, out)
}

// file is a part of an upload.
type file struct {
	field, name, contentType string
	data                     []byte
}

// upload sends parameters and files as a form. What is not a string goes as JSON, as the API wants it.
func (b *bot) upload(ctx context.Context, method string, params map[string]any, files []file, out any) error {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	for name, value := range params {
		text, ok := value.(string)
		if !ok {
			raw, err := json.Marshal(value)
			if err != nil {
				return fmt.Errorf("write the call %s: %w", method, err)
			}
			text = string(raw)
		}
		if err := form.WriteField(name, text); err != nil {
			return fmt.Errorf("write the call %s: %w", method, err)
		}
	}
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, f.field, f.name))
		h.Set("Content-Type", f.contentType)
		w, err := form.CreatePart(h)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return fmt.Errorf("write the call %s: %w", method, err)
		}
	}
	if err := form.Close(); err != nil {
		return fmt.Errorf("write the call %s: %w", method, err)
	}
	return b.post(ctx, method, form.FormDataContentType(), buf.Bytes(), out)
}

func (b *bot) post(ctx context.Context, method, contentType string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/bot"+b.token+"/"+method, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address of %s cannot be used", method) //nolint:err113 // err holds the token
	}
	req.Header.Set("Content-Type", contentType)
	got, err := outbound.Do(b.client, req)
	if err != nil {
		return &unreachable{err}
	}
	var answer struct {
		OK     bool            `json:"ok"`
		Result json.RawMessage `json:"result"`
		apiError
	}
	if json.Unmarshal(got.Body, &answer) != nil {
		return &apiError{Code: got.Status, Description: http.StatusText(got.Status) + ", but not as the Bot API does"}
	}
	if !answer.OK {
		if answer.Code == 0 {
			answer.Code = got.Status
		}
		answer.Description = outbound.FitBytes(outbound.OneLine(strings.ReplaceAll(answer.Description, b.token, "***")), 200)
		return &answer.apiError
	}
	if out != nil && json.Unmarshal(answer.Result, out) != nil {
		return &apiError{Code: got.Status, Description: "something that is no result of " + method}
	}
	return nil
}

// unreachable wraps the error of a request without an answer. It does not print it: the text holds the token.
type unreachable struct{ err error }

// Error implements error.
func (*unreachable) Error() string { return "Telegram cannot be reached" }

// Unwrap gives the cause to outbound.Failed.
func (u *unreachable) Unwrap() error { return u.err }
