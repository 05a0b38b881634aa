package vision

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

const (
	stillSide    = 1280 // longest side of a JPEG in pixels
	stillQuality = 85
)

// job is one frame on its way from decoding to analysis.
type job struct {
	frame       decode.Frame
	boxes       []nvr.Box // motion, also that of frames this one replaced
	moved       int       // how many of these frames had motion
	calibrating bool
}

// mailbox holds the newest job that waits for analysis, and those that are free. There are three: one is being filled,
// one may wait, one is being analysed.
type mailbox struct {
	wake chan struct{}
	free chan *job

	mu      sync.Mutex
	waiting *job
	all     [3]job
}

func newMailbox() *mailbox {
	m := &mailbox{wake: make(chan struct{}, 1)}
	m.free = make(chan *job, len(m.all))
	for i := range m.all {
		m.free <- &m.all[i]
	}
	return m
}

// put makes j the waiting job. A job that waited is replaced: its motion goes to j. It reports whether there was one.
func (m *mailbox) put(j *job) (replaced bool) {
	m.mu.Lock()
	old := m.waiting
	if old != nil {
		j.boxes, j.moved = append(j.boxes, old.boxes...), j.moved+old.moved
		if len(j.boxes) > maxMotionBoxes {
			j.boxes = j.boxes[:maxMotionBoxes]
		}
	}
	m.waiting = j
	m.mu.Unlock()
	if old != nil {
		m.free <- old
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return old != nil
}

func (m *mailbox) take() *job {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.waiting
	m.waiting = nil
	return j
}

// drain waits until nothing waits and nothing is analysed any more. held is the job its filler keeps, or nil.
func (m *mailbox) drain(ctx context.Context, held *job) {
	for i := range m.all {
		if &m.all[i] == held {
			continue
		}
		select {
		case <-m.free:
		case <-ctx.Done():
			return
		}
	}
}

// close frees the pictures. Nobody uses the mailbox any more.
func (m *mailbox) close() {
	for i := range m.all {
		m.all[i].frame.Close()
	}
}

// toBGR converts a frame into dst.
func toBGR(f *decode.Frame, dst *gocv.Mat) error {
	yuv, err := cv.WrapI420(f.Pix(), f.Width, f.Height)
	if err != nil {
		return err
	}
	defer yuv.Close()
	return cv.I420ToBGR(yuv, dst)
}

// latestStill keeps a copy of a recent frame and encodes it when asked.
type latestStill struct {
	mu      sync.Mutex // guards the copy; held for moments only, because the pipeline waits for it
	frame   decode.Frame
	at      time.Time // of the last copy
	pending bool      // the copy is not encoded yet

	encoding sync.Mutex // held while encoding; guards jpeg
	jpeg     *nvr.Snapshot
}

// offer takes a copy when the one it has is old.
func (l *latestStill) offer(f *decode.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if age := f.Time.Sub(l.at); !l.at.IsZero() && age >= 0 && age < stillEvery {
		return
	}
	if err := l.frame.CopyFrom(f); err == nil {
		l.at, l.pending = f.Time, true
	}
}

func (l *latestStill) get(log *slog.Logger) *nvr.Snapshot {
	l.encoding.Lock()
	defer l.encoding.Unlock()
	l.mu.Lock()
	if !l.pending {
		l.mu.Unlock()
		return l.jpeg
	}
	frame := l.frame // taken out: the next copy gets memory of its own
	l.frame, l.pending = decode.Frame{}, false
	l.mu.Unlock()
	defer frame.Close()
	bgr := gocv.NewMat()
	defer bgr.Close()
	s, err := encodeStill(&frame, &bgr)
	if err != nil {
		log.Warn("still picture not encoded", "err", err)
		return l.jpeg
	}
	l.jpeg = s
	return s
}

// close frees the copy; the JPEG stays.
func (l *latestStill) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frame.Close()
	l.pending = false
}

func encodeStill(f *decode.Frame, bgr *gocv.Mat) (*nvr.Snapshot, error) {
	if err := toBGR(f, bgr); err != nil {
		return nil, err
	}
	return encode(*bgr, f.Time)
}

func encode(bgr gocv.Mat, at time.Time) (*nvr.Snapshot, error) {
	jpeg, err := cv.JPEG(bgr, stillSide, stillQuality)
	if err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return &nvr.Snapshot{JPEG: jpeg, Time: at}, nil
}
