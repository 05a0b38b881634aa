package jobs

import (
	"context"
	"sync"
	"time"
)

// maxTurn bounds how long a delivery waits for the one before it of the same recipient and camera: order is worth a little
// patience, and no more.
const maxTurn = 5 * time.Second

// order lets the deliveries of one camera to one recipient be told one after the other, in the order they came, while others
// go on beside them.
type order struct {
	mu    sync.Mutex
	lanes map[[3]string]*lane
}

type lane struct {
	turn  chan struct{} // holds a token while somebody has the turn; who waits is served first come, first served
	users int
}

func newOrder() *order { return &order{lanes: map[[3]string]*lane{}} }

// enter waits for the turn, at most maxTurn, and reports whether it had to. leave gives it back and must be called.
func (o *order) enter(ctx context.Context, notifier, recipient, camera string) (waited bool, leave func()) {
	key := [3]string{notifier, recipient, camera}
	o.mu.Lock()
	l := o.lanes[key]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		o.lanes[key] = l
	}
	l.users++
	o.mu.Unlock()
	has := true
	select {
	case l.turn <- struct{}{}:
	default:
		waited = true
		patience := time.NewTimer(maxTurn)
		defer patience.Stop()
		select {
		case l.turn <- struct{}{}:
		case <-patience.C:
			has = false
		case <-ctx.Done():
			has = false
		}
	}
	return waited, func() {
		if has {
			<-l.turn
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(o.lanes, key)
		}
	}
}
