package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// benchSize is half a minute of 4 Mbit/s.
const benchSize = 15 << 20

// cpu is the processor time of this process, without the server's.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUpload compares a copy, with all that makes it trustworthy, to a bare PUT of the same bytes. They take turns, so
// that what else runs on the machine hits both.
func BenchmarkUpload(b *testing.B) {
	g := newRig(b)
	a := g.make()
	ctx := context.Background()
	if err := a.bucket.create(ctx); err != nil {
		b.Fatal(err)
	}
	var ours, bare, spent time.Duration
	data := content("bare", benchSize)
	n := 0
	for b.Loop() {
		b.StopTimer()
		g.record(front, noon().Add(time.Duration(n)*time.Second), benchSize)
		if err := a.scan(ctx, true); err != nil {
			b.Fatal(err)
		}
		a.mu.Lock()
		a.scanned, a.trouble.probe = true, false
		a.mu.Unlock()
		j, _, ok := a.attempt(ctx)
		if !ok {
			b.Fatal("nothing to copy")
		}
		b.StartTimer()
		begin, used := time.Now(), cpu(b)
		if err := a.upload(ctx, j); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(begin)
		spent += cpu(b) - used
		b.StopTimer()
		a.release(j, wanted)
		begin = time.Now()
		opts := minio.PutObjectOptions{DisableMultipart: true, DisableContentSha256: true}
		if _, err := a.bucket.core.PutObject(ctx, testBucket, fmt.Sprintf("bare/%d", n), struct{ io.Reader }{bytes.NewReader(data)}, benchSize, "", "", opts); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(begin)
		if err := a.bucket.remove(ctx, j.path()); err != nil {
			b.Fatal(err)
		}
		n++
		b.StartTimer()
	}
	total := float64(n) * benchSize
	b.ReportMetric(total/1e6/ours.Seconds(), "MB/s")
	b.ReportMetric(total/1e6/bare.Seconds(), "bare-MB/s")
	b.ReportMetric(float64(bare)/float64(ours), "of-bare")
	b.ReportMetric(spent.Seconds()/(total/1e9), "cpu-s/GB")
}

// BenchmarkFirstByte measures how long a player waits for the first byte of a segment in the bucket.
func BenchmarkFirstByte(b *testing.B) {
	g := newRig(b)
	var recs []index.Recording
	for i := range 8 {
		recs = append(recs, g.record(front, noon().Add(time.Duration(i)*time.Minute), benchSize))
	}
	if err := pass(context.Background(), g.make()); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	one := make([]byte, 1)
	for b.Loop() {
		n := len(took)
		begin := time.Now()
		r, err := g.a.OpenRange(context.Background(), recs[n%len(recs)].Path, int64(n*7919%(14<<20)), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, one); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
		b.StopTimer()
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkBacklog measures what it takes to find a month's backlog of one camera in its journals, and to hold it.
func BenchmarkBacklog(b *testing.B) {
	g := &rig{t: b, logs: &syncBuffer{}, lib: openLibrary(b, b.TempDir())}
	g.opts = optionsFor(g, "http://127.0.0.1:1", "key", "secret")
	const days, perDay = 30, 2880
	appendMonth(b, g.lib, days, perDay)
	for b.Loop() {
		a := g.make()
		if err := a.scan(context.Background(), true); err != nil {
			b.Fatal(err)
		}
		if n := a.Status().BacklogFiles; n != days*perDay {
			b.Fatalf("%d files", n)
		}
	}
	b.ReportMetric(float64(days*perDay), "files")
}

// appendMonth writes journals as if a camera had recorded for days.
func appendMonth(b *testing.B, lib *library.Library, days, perDay int) {
	b.Helper()
	midnight := noon().Truncate(24 * time.Hour)
	for d := range days {
		lines := make([]library.Line, 0, perDay)
		start := midnight.AddDate(0, 0, -d)
		for i := range perDay {
			at := start.Add(time.Duration(i) * 24 * time.Hour / time.Duration(perDay))
			r := index.Recording{
				Stream: front, Start: at, Duration: 30 * time.Second, Path: library.FilePath(front, at.UnixMilli()), Bytes: 15 * 1000, InitBytes: 1000,
				CRC: uint32(i), Codecs: "avc1.640028,mp4a.40.2", Width: 1920, Height: 1080,
			}
			for s := range 14 {
				r.Segments = append(r.Segments, index.Segment{Offset: int64(1000 + s*1000), Bytes: 1000, Start: time.Duration(s) * 2 * time.Second, Duration: 2 * time.Second})
			}
			lines = append(lines, library.Line{Recording: &r})
		}
		if err := lib.Append(library.DayOf(front, start), lines...); err != nil {
			b.Fatal(err)
		}
	}
}
