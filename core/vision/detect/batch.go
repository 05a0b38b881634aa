package detect

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// BatchMost bounds a batch: every picture of it has its place in the memory of every session.
	BatchMost = 32
	// BatchAuto is the size that asks for batches only where they pay.
	BatchAuto = 0

	batchOnCPU  = 4   // what is tried there
	batchOnCard = 8   // a graphics card is idle most of the time that one picture takes
	batchPays   = 0.9 // part of the single inferences' time below which a batch is worth its delay
)

// Batching is how many pictures a pool looks at in one inference, and why.
type Batching struct {
	Size   int           // 1: one by one
	Reason string        // a sentence without its full stop, for the log
	Cost   BatchingCosts // zero where nothing was measured
}

// BatchingCosts are the times of the inference alone, the best of several rounds; on the processor in its own time.
type BatchingCosts struct {
	Pictures int
	Single   time.Duration // all pictures, one after the other
	Batched  time.Duration // all pictures at once
}

// Ratio is the time of a batch as part of the time of its pictures alone, 0 where nothing was measured.
func (c BatchingCosts) Ratio() float64 {
	if c.Single <= 0 {
		return 0
	}
	return float64(c.Batched) / float64(c.Single)
}

// FreeBatch reports whether the model takes any number of pictures at once.
func (m *Model) FreeBatch() bool { return len(m.data) > 0 && m.batch == 0 }

func (m *Model) onCPU() bool { return m.provider == ProviderCPU || m.provider == "" }

// ChooseBatch says how many pictures at once the model should be given, where want were asked for or BatchAuto. On the
// processor the latter measures for about the budget. A wish that the model cannot fulfil is one by one, with the reason.
func (m *Model) ChooseBatch(want int, budget time.Duration) Batching {
	switch {
	case m.batch > 1:
		return Batching{Size: m.batch, Reason: fmt.Sprintf("model %s always takes %d pictures", m.Name, m.batch)}
	case want == 1:
		return Batching{Size: 1, Reason: "detect.batch is 1"}
	case !m.FreeBatch():
		return Batching{Size: 1, Reason: fmt.Sprintf(
			"model %s takes one picture at a time; export it with a free first dimension to use detect.batch", m.Name)}
	case want != BatchAuto || !m.onCPU():
		size := want
		if want == BatchAuto {
			size = batchOnCard
		}
		if err := m.tryBatch(size); err != nil {
			return Batching{Size: 1, Reason: err.Error()}
		}
		return Batching{Size: size, Reason: fmt.Sprintf("up to %d pictures at once", size)}
	}
	cost, err := m.MeasureBatch(batchOnCPU, budget)
	if err != nil {
		return Batching{Size: 1, Reason: err.Error()}
	}
	b := Batching{Size: 1, Cost: cost, Reason: fmt.Sprintf("%d pictures at once take %.2f of the time they take one by one", cost.Pictures, cost.Ratio())}
	if cost.Ratio() < batchPays {
		b.Size = cost.Pictures
	}
	return b
}

// MeasureBatch compares n pictures at once with the same one by one, alternating for about the budget and at least three
// times. A model that cannot do it, or mixes the pictures of a batch, is an error.
func (m *Model) MeasureBatch(n int, budget time.Duration) (BatchingCosts, error) {
	s, err := m.openBatch(n)
	if err != nil {
		return BatchingCosts{}, err
	}
	defer s.close()
	c := BatchingCosts{Pictures: n, Single: math.MaxInt64, Batched: math.MaxInt64}
	clock, began := m.clock(), time.Now()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for rounds := 0; rounds < 3 || time.Since(began) < budget; rounds++ {
		t0 := clock()
		for range n {
			if err := s.runOn(1); err != nil {
				return BatchingCosts{}, err
			}
		}
		t1 := clock()
		if err := s.runOn(n); err != nil {
			return BatchingCosts{}, err
		}
		c.Single, c.Batched = min(c.Single, t1-t0), min(c.Batched, clock()-t1)
	}
	return c, nil
}

// clock tells the time that inferences take: on the processor that of this thread, which does all the work, so that other
// programs do not count.
func (m *Model) clock() func() time.Duration {
	if m.onCPU() {
		return func() time.Duration {
			var ts unix.Timespec
			_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // fails only where there is no such clock
			return time.Duration(ts.Nano())
		}
	}
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

func (m *Model) tryBatch(n int) error {
	s, err := m.openBatch(n)
	if err == nil {
		s.close()
	}
	return err
}

// openBatch returns a session for n pictures at once, after it gave for a picture among others what it gives for the
// picture alone: a first dimension may be free in name only.
func (m *Model) openBatch(n int) (*session, error) {
	if !m.FreeBatch() || n < 2 || n > BatchMost {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s cannot take %d pictures at once; export it with a free first dimension, or set detect.batch: 1", m.Name, n)}
	}
	s, err := newSession(m, n, 1, 1)
	if err != nil {
		return nil, err
	}
	if err := s.sameInBatch(); err != nil {
		s.close()
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s cannot take %d pictures at once although its first dimension is free (%v); export it again, or set detect.batch: 1",
			m.Name, n, err)}
	}
	return s, nil
}

// sameInBatch runs a pattern as the first of one and as the last of a whole batch. Models in 8 bits may scale by the whole
// batch and differ a little.
func (s *session) sameInBatch() error {
	n, size := len(s.canvases), 3*s.model.Height*s.model.Width
	pattern := func(slot int) {
		for i, pix := 0, s.pix[slot*size:][:size]; i < size; i++ {
			pix[i] = float32((i*7919)%255) * s.canvases[0].factor
		}
	}
	clear(s.pix)
	pattern(0)
	if err := s.runOn(1); err != nil {
		return err
	}
	alone := append([]float32(nil), s.answer(0)...)
	clear(s.pix)
	pattern(n - 1)
	if err := s.runOn(n); err != nil {
		return err
	}
	off := 0
	for i, v := range s.answer(n - 1) {
		a := float64(alone[i])
		if !(math.Abs(float64(v)-a) <= 0.04+0.02*math.Abs(a)) {
			off++
		}
	}
	if off*100 > len(alone) {
		return fmt.Errorf("it mixes the pictures: %d of %d numbers of its answer differ", off, len(alone))
	}
	return nil
}
