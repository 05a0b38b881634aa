package pluginhost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	tailLines = 64
	maxLine   = 8 << 10

	throttleStep = 4 << 10 // bytes; reads are not smaller than this while a plugin floods
)

// throttle reads at most rate bytes per second, after a burst of as much: a plugin that writes more waits in
// its own write. Reading and dropping the surplus would cost us most of a core (research/platform.md §1.1).
type throttle struct {
	r           io.Reader
	rate        int // bytes per second
	allowance   int
	last        time.Time
	done, abort <-chan struct{}
}

func newThrottle(r io.Reader, rate int, p *process) *throttle {
	return &throttle{r: r, rate: rate, allowance: rate, last: time.Now(), done: p.done, abort: p.killed}
}

// Read waits for allowance unless the process has ended: its last words are bounded by the pipe.
func (t *throttle) Read(p []byte) (int, error) {
	for {
		now := time.Now()
		if earned := int(now.Sub(t.last).Seconds() * float64(t.rate)); earned > 0 {
			t.allowance, t.last = min(t.rate, t.allowance+earned), now
		}
		if t.allowance >= throttleStep {
			break
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-timer.C:
		case <-t.done:
			t.allowance = t.rate
		case <-t.abort:
			t.allowance = t.rate
		}
		timer.Stop()
	}
	n, err := t.r.Read(p[:min(len(p), t.allowance)])
	t.allowance -= n
	return n, err
}

// tail keeps the last lines of standard error, over all instances of a plugin.
type tail struct {
	mu      sync.Mutex
	ring    []string
	cause   string // the line with the panic: its stack may push it out of the ring
	reading chan struct{}
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) >= tailLines {
		t.ring = append(t.ring[:0], t.ring[1:]...)
	}
	t.ring = append(t.ring, line)
	if t.cause == "" && isPanic(line) {
		t.cause = line
	}
}

// isPanic reports whether a line is the first of Go's last ones.
func isPanic(line string) bool {
	return strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.ring...)
}

// open begins a new process's lines: its errors must not quote an earlier one's.
func (t *tail) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring, t.cause = nil, ""
	t.reading = make(chan struct{})
}

func (t *tail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.reading)
}

// closed returns a channel that is closed when the current process's lines have been read to their end.
func (t *tail) closed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reading == nil {
		c := make(chan struct{})
		close(c)
		return c
	}
	return t.reading
}

// last returns the line that says most about an end: the panic, or the last line that is not part of a stack.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cause != "" || len(t.ring) == 0 {
		return t.cause
	}
	return t.ring[len(t.ring)-1]
}

// readLines reads to the end, line by line; what of a line exceeds maxLine is dropped.
func readLines(r io.Reader, log *lineLog) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if len(line) > 0 {
			log.line(string(line))
		}
		for full {
			_, err = br.ReadSlice('\n')
			full = errors.Is(err, bufio.ErrBufferFull)
		}
		if err != nil {
			return
		}
	}
}

// lineLog turns lines of standard error into log records: slog's JSON and hclog's are understood, anything else is
// text. After a panic everything is an error.
type lineLog struct {
	log      *slog.Logger
	tail     *tail
	panicked bool
}

func newLineLog(log *slog.Logger, t *tail) *lineLog { return &lineLog{log: log, tail: t} }

func (l *lineLog) line(raw string) {
	raw = strings.TrimRight(raw, "\r\n")
	if strings.TrimSpace(raw) == "" {
		return
	}
	level, text := slog.LevelInfo, raw
	if strings.HasPrefix(raw, "{") {
		level, text = parseJSONLine(raw)
	}
	text = clip(text, 2<<10)
	if isPanic(text) {
		l.panicked = true
	}
	if l.panicked {
		level = slog.LevelError
	}
	l.tail.add(text)
	l.log.Log(context.Background(), level, "plugin says", "text", text)
}

func parseJSONLine(raw string) (slog.Level, string) {
	var rec map[string]any
	if err := json.Unmarshal([]byte(raw), &rec); err != nil {
		return slog.LevelInfo, raw
	}
	pick := func(keys ...string) string {
		for _, k := range keys {
			if s, ok := rec[k].(string); ok {
				delete(rec, k)
				return s
			}
		}
		return ""
	}
	level, text := parseLevel(pick("level", "@level")), pick("msg", "@message")
	for _, k := range []string{"time", "@timestamp", "@module", "@caller"} {
		delete(rec, k)
	}
	if len(rec) > 0 && len(rec) <= 32 {
		if rest, err := json.Marshal(rec); err == nil {
			text += " " + string(rest)
		}
	}
	return level, text
}

func parseLevel(s string) slog.Level {
	switch strings.ToLower(s) {
	case "error", "fatal", "panic":
		return slog.LevelError
	case "warn", "warning":
		return slog.LevelWarn
	case "debug", "trace":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}
