package bus

import (
	"sync"
	"testing"
)

func TestSlowSubscriberLosesItsOldest(t *testing.T) {
	var topic Topic[int]
	slow, fast := topic.Subscribe(2), topic.Subscribe(100)
	defer slow.Close()
	defer fast.Close()
	for i := range 10 {
		topic.Publish(i)
	}
	if a, b := <-slow.C(), <-slow.C(); a != 8 || b != 9 {
		t.Errorf("kept %d, %d; want the newest, 8 and 9", a, b)
	}
	if n := slow.TakeDropped(); n != 8 {
		t.Errorf("dropped %d", n)
	}
	if n := slow.TakeDropped(); n != 0 {
		t.Errorf("counted twice: %d", n)
	}
	for i := range 10 {
		if got := <-fast.C(); got != i {
			t.Fatalf("fast got %d, want %d", got, i)
		}
	}
}

func TestClosedSubscriberHearsNothing(t *testing.T) {
	var topic Topic[int]
	s := topic.Subscribe(1)
	s.Close()
	topic.Publish(1)
	select {
	case v := <-s.C():
		t.Errorf("heard %d", v)
	default:
	}
}

func TestPublishersAndSubscribersRace(t *testing.T) {
	var topic Topic[int]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				topic.Publish(i)
			}
		})
		wg.Go(func() {
			for range 100 {
				s := topic.Subscribe(1)
				select {
				case <-s.C():
				default:
				}
				s.Close()
			}
		})
	}
	wg.Wait()
}
