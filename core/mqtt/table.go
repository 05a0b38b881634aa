package mqtt

import (
	"bytes"
	"slices"
	"sync"
	"time"
)

const (
	stateInterval = time.Second // between two publications of one state topic
	maxQueued     = 256         // messages that are not states
)

// message is one thing to publish.
type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
}

// table is what the broker should know: the last value of each state topic, kept also while there is no broker, and
// a short queue of messages that are only news (events). Writers never wait.
type table struct {
	mu      sync.Mutex
	states  map[string]*state
	order   []string // topics in the order they first came
	online  bool
	queue   []message
	dropped uint64
	wake    chan struct{}
}

type state struct {
	payload []byte
	dirty   bool
	sentAt  time.Time
}

func newTable() *table { return &table{states: map[string]*state{}, wake: make(chan struct{}, 1)} }

// set makes payload the value of a retained topic. An equal value is no change.
func (t *table) set(topic string, payload []byte) {
	t.mu.Lock()
	s := t.states[topic]
	if s == nil {
		s = &state{}
		t.states[topic] = s
		t.order = append(t.order, topic)
	} else if bytes.Equal(s.payload, payload) {
		t.mu.Unlock()
		return
	}
	s.payload, s.dirty = payload, true
	t.mu.Unlock()
	t.nudge()
}

// again publishes a topic once more although it has not changed: the answer to a command that did nothing.
func (t *table) again(topic string) {
	t.mu.Lock()
	if s := t.states[topic]; s != nil {
		s.dirty = true
	}
	t.mu.Unlock()
	t.nudge()
}

func (t *table) has(topic string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.states[topic] != nil
}

// push queues a message that is worth nothing later: without a broker it is dropped, as is the oldest of too many.
func (t *table) push(m message) {
	t.mu.Lock()
	if !t.online {
		t.dropped++
		t.mu.Unlock()
		return
	}
	if len(t.queue) >= maxQueued {
		t.queue = slices.Delete(t.queue, 0, 1)
		t.dropped++
	}
	t.queue = append(t.queue, m)
	t.mu.Unlock()
	t.nudge()
}

// connect and disconnect say whether pushed messages have anywhere to go.
func (t *table) connect(online bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online = online
	if !online {
		t.dropped += uint64(len(t.queue))
		t.queue = nil
	}
}

// everything returns all states as messages, and takes them as sent.
func (t *table) everything(now time.Time) []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]message, 0, len(t.order))
	for _, topic := range t.order {
		s := t.states[topic]
		s.dirty, s.sentAt = false, now
		out = append(out, message{topic: topic, payload: s.payload, retained: true})
	}
	return out
}

// due takes the messages to publish at now, and says how long until the next state may be published.
func (t *table) due(now time.Time) ([]message, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := time.Hour
	var out []message
	for _, topic := range t.order {
		s := t.states[topic]
		if !s.dirty {
			continue
		}
		if wait := stateInterval - now.Sub(s.sentAt); wait > 0 && !s.sentAt.IsZero() {
			next = min(next, wait)
			continue
		}
		s.dirty, s.sentAt = false, now
		out = append(out, message{topic: topic, payload: s.payload, retained: true})
	}
	out = append(out, t.queue...)
	t.queue = nil
	return out, next
}

// last returns what is still to be said at the end, rate limits aside.
func (t *table) last() []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []message
	for _, topic := range t.order {
		if s := t.states[topic]; s.dirty {
			s.dirty = false
			out = append(out, message{topic: topic, payload: s.payload, retained: true})
		}
	}
	out = append(out, t.queue...)
	t.queue = nil
	return out
}

func (t *table) droppedCount() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

func (t *table) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
