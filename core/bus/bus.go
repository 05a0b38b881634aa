// Package bus is the typed in-process exchange of what happens: each Topic hands a value to all its subscribers
// without ever waiting for one. A slow subscriber loses its oldest values, counted; it hurts itself alone.
package bus

import (
	"sync"
	"sync/atomic"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Bus is the set of topics. The zero value is ready.
type Bus struct {
	Cameras Topic[nvr.CameraStatus]
	Motion  Topic[nvr.MotionChange]
	Counts  Topic[nvr.ObjectCounts]
	Events  Topic[nvr.EventChange]
	Plugins Topic[nvr.PluginStatus]
	Modes   Topic[nvr.ModeChange]
	Health  Topic[nvr.HealthChange]
	Sounds  Topic[nvr.SoundChange]
	Levels  Topic[nvr.SoundLevel]
}

// Topic hands values of one type to its subscribers. The zero value is ready.
type Topic[T any] struct {
	mu   sync.Mutex
	subs map[*Subscription[T]]struct{}
}

// Subscription is one bounded queue of a topic's values.
type Subscription[T any] struct {
	topic   *Topic[T]
	ch      chan T
	dropped atomic.Uint64
}

// Subscribe adds a subscriber whose queue holds capacity values. The caller must Close it.
func (t *Topic[T]) Subscribe(capacity int) *Subscription[T] {
	s := &Subscription[T]{topic: t, ch: make(chan T, max(1, capacity))}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subs == nil {
		t.subs = make(map[*Subscription[T]]struct{})
	}
	t.subs[s] = struct{}{}
	return s
}

// Publish hands v to all subscribers and returns at once. Where a queue is full its oldest value is dropped.
func (t *Topic[T]) Publish(v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.subs {
		for {
			select {
			case s.ch <- v:
			default:
				select {
				case <-s.ch:
					s.dropped.Add(1)
				default:
				}
				continue
			}
			break
		}
	}
}

// C returns the channel of values. It is never closed.
func (s *Subscription[T]) C() <-chan T { return s.ch }

// Close removes the subscription.
func (s *Subscription[T]) Close() {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	delete(s.topic.subs, s)
}

// TakeDropped returns how many values the subscriber lost since the last call.
func (s *Subscription[T]) TakeDropped() uint64 { return s.dropped.Swap(0) }
