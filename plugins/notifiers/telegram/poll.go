package telegram

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/internal/outbound"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

const (
	offsetKey   = "updates/offset" // in the host's store: what was handled is not handled again after a restart
	pollSeconds = 50
	// staleAfter is how old a command may be: "/mode away" of yesterday must not happen today.
	staleAfter  = 15 * time.Minute
	maxPause    = time.Minute
	maxCommand  = 1000 // bytes, so that it is within the contract's limit however that counts
	doneData    = "done"
	notAccepted = 5 * time.Minute
)

// update is what Telegram tells a bot.
type update struct {
	ID       int64     `json:"update_id"`
	Message  *message  `json:"message"`
	Callback *callback `json:"callback_query"`
}

type message struct {
	ID     int64  `json:"message_id"`
	Thread int64  `json:"message_thread_id"`
	Date   int64  `json:"date"` // Unix seconds
	Text   string `json:"text"`
	Chat   chat   `json:"chat"`
	Markup struct {
		Rows [][]button `json:"inline_keyboard"`
	} `json:"reply_markup"`
}

type chat struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

type callback struct {
	ID   string `json:"id"`
	From struct {
		FirstName string `json:"first_name"`
		Username  string `json:"username"`
	} `json:"from"`
	Message *message `json:"message"`
	Data    string   `json:"data"`
}

// poller is the one goroutine that listens.
type poller struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu  sync.Mutex
	err error
}

func (p *poller) trouble() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *poller) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (n *telegram) startPolling() {
	ctx, cancel := context.WithCancel(context.Background())
	p := &poller{cancel: cancel, done: make(chan struct{})}
	n.mu.Lock()
	n.poll = p
	n.mu.Unlock()
	go func() {
		defer close(p.done)
		n.listen(ctx, p)
	}()
}

func (n *telegram) stopPolling() {
	n.mu.Lock()
	p := n.poll
	n.poll = nil
	n.mu.Unlock()
	if p != nil {
		p.cancel()
		<-p.done
	}
}

// listen asks for updates until ctx ends. A failed poll is asked again, ever more slowly.
func (n *telegram) listen(ctx context.Context, p *poller) {
	offset := n.loadOffset(ctx)
	pause := time.Second
	for ctx.Err() == nil {
		updates, err := n.updates(ctx, offset)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			atLeast, reason := listenTrouble(err, n.bot().host())
			p.set(reason)
			n.pause(ctx, max(pause, atLeast))
			pause = min(2*pause, maxPause)
			continue
		}
		p.set(nil)
		pause = time.Second
		for _, u := range updates {
			n.handle(ctx, u)
			offset = u.ID + 1
		}
		if len(updates) > 0 && ctx.Err() == nil {
			n.saveOffset(ctx, offset)
		}
	}
}

func (n *telegram) updates(ctx context.Context, offset int64) (out []update, err error) {
	ctx, cancel := context.WithTimeout(ctx, (pollSeconds+15)*time.Second)
	defer cancel()
	err = n.bot().call(ctx, "getUpdates", map[string]any{
		"offset": offset, "timeout": pollSeconds, "allowed_updates": []string{"message", "callback_query"},
	}, &out)
	return out, err
}

// listenTrouble is why nothing is heard, and how long to wait at least.
func listenTrouble(err error, host string) (atLeast time.Duration, reason error) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		var u *unreachable
		if errors.As(err, &u) {
			return 0, errors.New("buttons and commands are not heard: " + outbound.Failed(u.err, host).Detail())
		}
		return 0, err
	}
	switch e.Code {
	case http.StatusConflict:
		return 30 * time.Second, errors.New("buttons and commands are not heard: another program listens to this bot; give each notifier a bot of its own")
	case http.StatusUnauthorized, http.StatusNotFound:
		return notAccepted, errors.New("the token is not accepted; ask BotFather for the one in force")
	}
	return time.Duration(min(e.Parameters.RetryAfter, 600)) * time.Second, errors.New("buttons and commands are not heard: " + e.Error())
}

func (n *telegram) loadOffset(ctx context.Context) int64 {
	v, err := n.Host().GetValue(ctx, offsetKey)
	if err != nil {
		return 0
	}
	offset, _ := strconv.ParseInt(string(v), 10, 64)
	return offset
}

// saveOffset may fail: then updates of the last minutes come again after a restart, which tokens and ages bear.
func (n *telegram) saveOffset(ctx context.Context, offset int64) {
	_ = n.Host().PutValue(ctx, offsetKey, []byte(formatID(offset))) // see above
}

func (n *telegram) handle(ctx context.Context, u update) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	switch {
	case u.Callback != nil:
		n.pressed(ctx, u.Callback)
	case u.Message != nil && strings.HasPrefix(u.Message.Text, "/"):
		n.command(ctx, u.Message)
	}
}

// pressed hands a button's action to the host and shows what came of it.
func (n *telegram) pressed(ctx context.Context, c *callback) {
	answer := map[string]any{"callback_query_id": c.ID}
	token, isAction := strings.CutPrefix(c.Data, actPrefix)
	known := c.Message != nil && n.hears(c.Message.Chat)
	text, acted := "", false
	switch {
	case c.Data == doneData:
	case !isAction || !known:
		text = "This button is not known any more."
	default:
		said, err := n.Host().Act(ctx, token, who(c), 0)
		if text, acted = said, err == nil; !acted {
			text = "Nightjar did not take it. It may be too old; open Nightjar instead."
		}
	}
	if text != "" {
		answer["text"] = outbound.FitUTF16(text, maxAnswer)
	}
	_ = n.bot().call(ctx, "answerCallbackQuery", answer, nil) // it shows a line; the action is done either way
	if acted {
		n.markDone(ctx, c)
	}
}

// who is the person, as the host's record shows it.
func who(c *callback) string {
	name := outbound.FitUTF16(outbound.OneLine(c.From.FirstName), 64)
	if c.From.Username != "" {
		name += " (@" + c.From.Username + ")"
	}
	return strings.TrimSpace(name)
}

// markDone shows everybody in the chat that the button was pressed and by whom.
func (n *telegram) markDone(ctx context.Context, c *callback) {
	rows := c.Message.Markup.Rows
	for _, row := range rows {
		for i := range row {
			if row[i].Data == c.Data {
				row[i].Text = outbound.FitUTF16("✓ "+row[i].Text+" · "+outbound.OneLine(c.From.FirstName), 60)
				row[i].Data = doneData
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	// An old message keeps its button; pressing it again says so
	_ = n.bot().call(ctx, "editMessageReplyMarkup", map[string]any{
		"chat_id": c.Message.Chat.ID, "message_id": c.Message.ID, "reply_markup": map[string]any{"inline_keyboard": rows},
	}, nil)
}

// hears tells whether buttons in a chat count: it is configured, or alerts went there.
func (n *telegram) hears(c chat) bool {
	_, told := n.recipient(c)
	return told || n.configured(c, 0) != ""
}

// recipient is how the host named a chat when it told it something: empty where it is one of the settings' chats.
func (n *telegram) recipient(c chat) (to string, told bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if to, told = n.told[formatID(c.ID)]; told || c.Username == "" {
		return to, told
	}
	to, told = n.told["@"+c.Username]
	return to, told
}

// configured is a chat in the settings' words; empty: they do not name it. thread is the topic something came from.
func (n *telegram) configured(c chat, thread int64) string {
	s := n.Settings()
	id := formatID(c.ID)
	n.mu.Lock()
	for from, to := range n.migrated {
		if to == id {
			id = from
		}
	}
	n.mu.Unlock()
	if to := s.named(id, thread); to != "" || c.Username == "" {
		return to
	}
	return s.named("@"+c.Username, thread)
}

// command hands a line that a person wrote to the host, if the settings name the chat. Others only learn, when they
// begin, which number to put there.
func (n *telegram) command(ctx context.Context, m *message) {
	if time.Since(time.Unix(m.Date, 0)) > staleAfter {
		return
	}
	configured := n.configured(m.Chat, m.Thread)
	if configured == "" {
		if strings.HasPrefix(m.Text, "/start") {
			n.reply(ctx, m, "This chat is number "+formatID(m.Chat.ID)+". An administrator of Nightjar can add it to the chats of this notifier.", nil)
		}
		return
	}
	word, rest, _ := strings.Cut(m.Text, " ")
	word, _, _ = strings.Cut(word, "@") // "/status@my_bot" in groups; Telegram hands a bot only its own
	answer, err := n.ask(ctx, m.Chat, configured, outbound.FitBytes(strings.TrimSpace(word+" "+rest), maxCommand))
	if err != nil {
		answer = sdk.Reply{Text: "Nightjar cannot do that now."}
	}
	n.reply(ctx, m, answer.Text, answer.Snapshot)
}

// ask hands a command over in the name that the host knows the chat by. As long as no alert went there, that is either
// none, where routes leave it to the settings, or the chat, where a route names it.
func (n *telegram) ask(ctx context.Context, c chat, configured, text string) (sdk.Reply, error) {
	to, told := n.recipient(c)
	answer, err := n.Host().Command(ctx, to, text)
	if !told && status.Code(err) == codes.PermissionDenied {
		return n.Host().Command(ctx, configured, text) //nolint:wrapcheck // only whether is asked
	}
	return answer, err //nolint:wrapcheck // only whether is asked
}

func (n *telegram) reply(ctx context.Context, m *message, text string, picture []byte) {
	params := map[string]any{"chat_id": m.Chat.ID, "reply_parameters": map[string]any{"message_id": m.ID, "allow_sending_without_reply": true}}
	if m.Thread != 0 {
		params["message_thread_id"] = m.Thread
	}
	if len(picture) > 0 && len(picture) <= maxPhoto {
		params["caption"] = outbound.FitUTF16(text, maxCaption)
		params["chat_id"] = formatID(m.Chat.ID)
		if n.bot().upload(ctx, "sendPhoto", params, []file{{"photo", "snapshot.jpg", "image/jpeg", picture}}, nil) == nil {
			return
		}
		delete(params, "caption")
	}
	if text == "" {
		return
	}
	params["text"] = outbound.FitUTF16(text, maxText)
	_ = n.bot().call(ctx, "sendMessage", params, nil) // the person sees that nothing came and writes again
}
