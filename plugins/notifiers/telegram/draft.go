package telegram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// form is what a message consists of; it decides how the message can be changed.
type form string

const (
	formText  form = "t"
	formPhoto form = "p"
	formVideo form = "v"
)

// sentMessage is a message in a chat. Its text is what the host keeps for the next phase of the event.
type sentMessage struct {
	chat string // with its topic
	id   int64
	form form
}

// String implements fmt.Stringer.
func (m sentMessage) String() string { return fmt.Sprintf("%s/%d/%s", m.chat, m.id, m.form) }

// findMessage reads what String wrote: the message in chat, of several separated by spaces.
func findMessage(previous, chat string) (sentMessage, bool) {
	for word := range strings.FieldsSeq(previous) {
		parts := strings.Split(word, "/")
		if len(parts) != 3 || parts[0] != chat {
			continue
		}
		if id, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			return sentMessage{chat, id, form(parts[2])}, true
		}
	}
	return sentMessage{}, false
}

// draft is an alert on its way into one chat.
type draft struct {
	bot      *bot
	alert    sdk.Alert
	chat     string
	thread   int64 // 0: none
	clip     []byte
	previous string
}

// draft prepares an alert for a recipient, and fetches the film where there is one to show.
func (n *telegram) draft(ctx context.Context, a sdk.Alert, to string) *draft {
	chat, topic, _ := strings.Cut(to, ":")
	n.mu.Lock()
	if moved := n.migrated[chat]; moved != "" {
		chat = moved
	}
	n.mu.Unlock()
	d := &draft{bot: n.bot(), alert: a, chat: chat, previous: a.Previous}
	if id, err := strconv.ParseInt(topic, 10, 64); err == nil {
		d.thread = id
	}
	if n.Settings().Clip && a.Phase == sdk.PhaseEnd {
		d.clip = n.film(ctx, a)
	}
	return d
}

const (
	filmTime     = 8 * time.Second // to fetch it; the rest of the deadline is for sending
	filmAttempts = 2               // a line too slow for films gets the picture then
)

// film fetches the event's film. Without it the alert is told with its picture, so that no error is worth failing for.
func (n *telegram) film(ctx context.Context, a sdk.Alert) []byte {
	if a.Attempt > filmAttempts {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, filmTime)
	defer cancel()
	for _, at := range a.Attachments {
		if at.Kind != sdk.AttachmentClip || at.Bytes > maxVideo {
			continue
		}
		r, err := n.Host().OpenMedia(ctx, at.Ref, maxVideo)
		if err != nil {
			return nil
		}
		film, err := io.ReadAll(io.LimitReader(r, maxVideo+1))
		if err != nil || len(film) > maxVideo || r.Close() != nil {
			return nil
		}
		return film
	}
	return nil
}

// where is the chat with its topic.
func (d *draft) where() string {
	if d.thread == 0 {
		return d.chat
	}
	return d.chat + ":" + formatID(d.thread)
}

// deliver changes the message that an earlier phase sent, or sends one.
func (d *draft) deliver(ctx context.Context) (sentMessage, error) {
	if prev, ok := findMessage(d.previous, d.where()); ok && d.alert.Phase != sdk.PhaseNew {
		sent, err := d.edit(ctx, prev)
		e, refused := errors.AsType[*apiError](err)
		if err == nil || !refused {
			return sent, err
		}
		if e.says("message is not modified") {
			return prev, nil
		}
		if !e.says("message to edit not found", "message can't be edited", "message_id_invalid", "no caption in the message", "no text in the message") {
			return sent, err
		}
	}
	return d.send(ctx)
}

func (d *draft) edit(ctx context.Context, prev sentMessage) (sentMessage, error) {
	params := map[string]any{"chat_id": d.chat, "message_id": prev.id, "reply_markup": d.keyboard()}
	media := func(kind form, name string, f file) (sentMessage, error) {
		text, entities := d.text(maxCaption)
		params["media"] = map[string]any{"type": name, "media": "attach://" + f.field, "caption": text, "caption_entities": entities}
		return sentMessage{d.where(), prev.id, kind}, d.bot.upload(ctx, "editMessageMedia", params, []file{f}, nil)
	}
	switch {
	case prev.form == formText:
		params["text"], params["entities"] = d.text(maxText)
		return prev, d.bot.call(ctx, "editMessageText", params, nil)
	case len(d.clip) > 0:
		return media(formVideo, "video", d.videoFile())
	case len(d.alert.Snapshot) > 0 && prev.form == formPhoto:
		return media(formPhoto, "photo", d.photoFile())
	}
	params["caption"], params["caption_entities"] = d.text(maxCaption)
	return prev, d.bot.call(ctx, "editMessageCaption", params, nil)
}

func (d *draft) send(ctx context.Context) (sentMessage, error) {
	var sent struct {
		ID int64 `json:"message_id"`
	}
	params := map[string]any{"chat_id": d.chat, "disable_notification": d.alert.Silent}
	if d.thread != 0 {
		params["message_thread_id"] = d.thread
	}
	if len(d.alert.Actions) > 0 {
		params["reply_markup"] = d.keyboard()
	}
	if len(d.clip) > 0 || len(d.alert.Snapshot) > 0 && len(d.alert.Snapshot) <= maxPhoto {
		kind, method, f := formPhoto, "sendPhoto", d.photoFile()
		if len(d.clip) > 0 {
			kind, method, f = formVideo, "sendVideo", d.videoFile()
			params["supports_streaming"] = true
		}
		params["caption"], params["caption_entities"] = d.text(maxCaption)
		err := d.bot.upload(ctx, method, params, []file{f}, &sent)
		if e, ok := errors.AsType[*apiError](err); !ok || !unusable(e) {
			return sentMessage{d.where(), sent.ID, kind}, err
		}
		delete(params, "caption") // the picture is refused, not the news
		delete(params, "caption_entities")
		delete(params, "supports_streaming")
	}
	params["text"], params["entities"] = d.text(maxText)
	err := d.bot.call(ctx, "sendMessage", params, &sent)
	return sentMessage{d.where(), sent.ID, formText}, err
}

// unusable tells whether the file was refused.
func unusable(e *apiError) bool {
	return e.Code == 413 || e.says("image_process_failed", "photo_invalid_dimensions", "wrong file", "file is too big", "file must be non-empty",
		"not enough rights to send photos", "not enough rights to send videos")
}

func (d *draft) photoFile() file {
	return file{"photo", "snapshot.jpg", "image/jpeg", d.alert.Snapshot}
}

func (d *draft) videoFile() file {
	return file{"video", "clip.mp4", "video/mp4", d.clip}
}

// text is title, text and link within limit UTF-16 units; the text gives way first. Entities make the title bold,
// so that nothing has to be escaped.
func (d *draft) text(limit int) (string, []map[string]any) {
	title, tail := outbound.OneLine(d.alert.Title), ""
	if d.alert.Link != "" && len(d.alert.Link) < limit/2 {
		tail = "\n" + d.alert.Link
	}
	title = outbound.FitUTF16(title, limit-outbound.UTF16Len(tail))
	out := title
	if body := strings.TrimSpace(d.alert.Text); body != "" && body != title {
		if body = outbound.FitUTF16(body, limit-outbound.UTF16Len(title+tail)-1); body != "" {
			out += "\n" + body
		}
	}
	out = strings.TrimSpace(out + tail)
	if title == "" {
		return out, []map[string]any{}
	}
	return out, []map[string]any{{"type": "bold", "offset": 0, "length": outbound.UTF16Len(title)}}
}

const actPrefix = "act:"

// keyboard is one row with the actions. An empty one takes the buttons of an earlier phase away.
func (d *draft) keyboard() map[string]any {
	rows, row := [][]button{}, []button{}
	for _, a := range d.alert.Actions {
		if data := actPrefix + a.Token; len(data) <= maxCallback && a.Label != "" {
			row = append(row, button{Text: outbound.FitUTF16(a.Label, 60), Data: data})
		}
	}
	if len(row) > 0 {
		rows = append(rows, row)
	}
	return map[string]any{"inline_keyboard": rows}
}

// button is an InlineKeyboardButton.
type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data,omitempty"`
	URL  string `json:"url,omitempty"`
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }
