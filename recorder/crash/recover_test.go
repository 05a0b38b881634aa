package crash

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// BenchmarkRecover starts a recorder on 103,680 journaled files of 12 cameras and 3 days, which is what recovery looks at,
// and says how long it takes until recording begins.
func BenchmarkRecover(b *testing.B) {
	const cameras, days, perDay, segments = 12, 3, 2880, 15
	dir := b.TempDir()
	lib, err := library.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = lib.Close() })
	segs := make([]index.Segment, segments)
	for i := range segs {
		segs[i] = index.Segment{Offset: 1000 + int64(i)*1_000_000, Bytes: 1_000_000, Start: time.Duration(i) * 2 * time.Second, Duration: 2 * time.Second}
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var streams []recorder.Stream
	for c := range cameras {
		id := nvr.StreamID{Camera: nvr.CameraID("cam" + string(rune('a'+c))), Role: nvr.Main}
		streams = append(streams, recorder.Stream{ID: id, Disabled: true})
		for d := range days {
			fillDay(b, lib, dir, id, today.AddDate(0, 0, -1-d), perDay, segs)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		m, err := recorder.New(recorder.Options{Volumes: library.NewVolumes(lib), Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}, streams)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		<-m.Ready()
		cancel()
		<-done
	}
}

func fillDay(b *testing.B, lib *library.Library, dir string, id nvr.StreamID, day time.Time, n int, segs []index.Segment) {
	b.Helper()
	var lines []library.Line
	for i := range n {
		start := day.Add(time.Duration(i) * 30 * time.Second)
		rec := index.Recording{
			Stream: id, Start: start, Duration: 30 * time.Second, Path: library.FilePath(id, start.UnixMilli()),
			Bytes: 15_001_000, InitBytes: 1000, Codecs: "avc1.640028", Width: 1920, Height: 1080, Segments: segs,
		}
		lines = append(lines, library.Line{Recording: &rec})
		path := filepath.Join(dir, rec.Path)
		if i%120 == 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Truncate(path, rec.Bytes); err != nil { // a hole: nothing on the disk
			b.Fatal(err)
		}
	}
	if err := lib.Append(library.DayOf(id, day), lines...); err != nil {
		b.Fatal(err)
	}
}
