package retention

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	benchCameras = 16
	benchDays    = 30
	benchFile    = 30 * time.Second
	benchSize    = 15_000_000
)

// month writes the journals of a month of 16 cameras, 1.4 million files of one segment. The files themselves are not
// there: only deleting would notice.
func month(b *testing.B) *library.Library {
	b.Helper()
	lib := openLib(b)
	for c := range benchCameras {
		id := streamOf(fmt.Sprintf("cam%02d", c))
		for back := range benchDays {
			name := library.DayOf(id, now.Add(-time.Duration(back+1)*day))
			var lines []library.Line
			for at := name.Start(); at.Before(name.Start().Add(day)); at = at.Add(benchFile) {
				r := index.Recording{
					Stream: id, Start: at, Duration: benchFile, Path: library.FilePath(id, at.UnixMilli()), InitBytes: 800, Bytes: 800,
					Codecs: "avc1.640028", Width: 1920, Height: 1080,
				}
				r.Segments = []index.Segment{{Offset: r.Bytes, Bytes: benchSize, Duration: benchFile}}
				r.Bytes += benchSize
				lines = append(lines, library.Line{Recording: &r})
			}
			if err := lib.Append(name, lines...); err != nil {
				b.Fatal(err)
			}
		}
	}
	return lib
}

func monthRig(b *testing.B, lib *library.Library, missing int64) *rig {
	b.Helper()
	return newRig(b, Policy{Default: Rule{Continuous: true, RetainDays: 40}, MinFree: 1 << 40}, func(r *rig, o *Options) {
		r.libs = []*library.Library{lib}
		o.Interest = &diary{}
		o.Logger = discard()
		o.Space = func(*library.Library) (int64, int64, error) { return 1<<40 - missing, 1 << 50, nil }
	})
}

// BenchmarkMonth measures what a Keeper does with 1.4 million files: reading their journals, passes in which nothing has
// changed, answering, and planning a terabyte away.
func BenchmarkMonth(b *testing.B) {
	lib := month(b)
	var r *rig
	b.Run("Read", func(b *testing.B) {
		var before, after runtime.MemStats
		for b.Loop() {
			r = monthRig(b, lib, 0)
			runtime.GC()
			runtime.ReadMemStats(&before)
			r.pass(true)
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
		files := 0
		for _, d := range r.volumes[0].days {
			files += len(d.Recs)
		}
		b.ReportMetric(float64(files), "files")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(files), "heap-B/file")
	})
	if r == nil {
		b.Skip("Read makes what the others measure; run all of them")
	}
	b.Run("Pass", func(b *testing.B) {
		r.t = b
		for b.Loop() {
			r.pass(true)
		}
	})
	b.Run("Storage", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Storage(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	short := monthRig(b, lib, 1<<40)
	if _, err := short.Plan(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("PlanTerabyte", func(b *testing.B) {
		for b.Loop() {
			if rep, err := short.Plan(b.Context()); err != nil || rep.Bytes < 1<<40 {
				b.Fatal(rep.Bytes, err)
			}
		}
	})
}
