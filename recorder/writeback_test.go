package recorder

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// begun notes what of a file the device was asked to begin with.
type begun struct {
	library.File
	from, to int64
	calls    int
}

// Writeback implements library.File.
func (f *begun) Writeback(offset, n int64) {
	if f.calls > 0 && offset != f.to {
		f.calls = -1 << 20 // a hole
	}
	if f.calls == 0 {
		f.from = offset
	}
	f.to = offset + n
	f.calls++
	f.File.Writeback(offset, n)
}

func TestPartsAreSentToTheDeviceAsTheyAreWritten(t *testing.T) {
	clip := scene(t)
	for policy, want := range map[Sync]bool{SyncFile: true, SyncPart: false, SyncOff: false} {
		b := newBench(t, func(o *Options) { o.Sync = policy })
		next := clip.Play(clip.Desc, epoch)
		b.feed(next, 3*time.Second)
		had := b.file.sink.written
		spy := &begun{File: b.file.sink.f}
		b.file.sink.f = spy
		b.feed(next, 3*time.Second)
		now := b.file.sink.written
		b.must(b.endRun())
		if !want && spy.calls != 0 {
			t.Errorf("sync %s: %d times", policy, spy.calls)
		}
		if want && (spy.calls < 2 || spy.from != had || spy.to < now) {
			t.Errorf("sync %s: %d times, bytes %d to %d of %d to %d", policy, spy.calls, spy.from, spy.to, had, now)
		}
	}
}
