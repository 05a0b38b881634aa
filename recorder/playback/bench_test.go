package playback_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// month is an index of any number of cameras that were recorded for 30 days with an outage a day. It answers at once, so
// that what is measured is ours.
type month struct {
	*memindex.Index
	day []index.Recording
}

func (m month) Runs(_ context.Context, streams []nvr.StreamID, _ nvr.TimeRange) (map[nvr.StreamID][]nvr.TimeRange, error) {
	out := make(map[nvr.StreamID][]nvr.TimeRange)
	for _, s := range streams {
		for d := range 30 {
			at := epoch.Add(time.Duration(d) * 24 * time.Hour)
			out[s] = append(out[s], nvr.TimeRange{Start: at, End: at.Add(23 * time.Hour)})
		}
	}
	return out, nil
}

func (m month) Gaps(_ context.Context, s nvr.StreamID, _ nvr.TimeRange) ([]index.Gap, error) {
	var out []index.Gap
	for d := range 30 {
		at := epoch.Add(time.Duration(d)*24*time.Hour + 23*time.Hour)
		out = append(out, index.Gap{Stream: s, Start: at, End: at.Add(time.Hour), Reason: index.GapOffline, Detail: "cable"})
	}
	return out, nil
}

func (m month) GapsOf(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID][]index.Gap, error) {
	out := make(map[nvr.StreamID][]index.Gap)
	for _, s := range streams {
		out[s], _ = m.Gaps(ctx, s, r)
	}
	return out, nil
}

func (m month) Recordings(context.Context, nvr.StreamID, nvr.TimeRange) ([]index.Recording, error) {
	return append([]index.Recording(nil), m.day...), nil
}

func benchPlayer(b *testing.B) *playback.Player {
	b.Helper()
	m := month{Index: memindex.New()}
	for i := range 2880 {
		at := epoch.Add(time.Duration(i) * 30 * time.Second)
		r := index.Recording{
			Stream: front, Start: at, Duration: 30 * time.Second, Path: library.FilePath(front, at.UnixMilli()), InitBytes: 1000, Bytes: 15_001_000, Codecs: "avc1.640028",
		}
		for s := range 15 {
			r.Segments = append(r.Segments, index.Segment{
				Offset: 1000 + int64(s)*1_000_000, Bytes: 1_000_000, Start: time.Duration(s) * 2 * time.Second, Duration: 2 * time.Second,
			})
		}
		m.day = append(m.day, r)
	}
	p, err := playback.New(playback.Options{
		Volumes: library.NewVolumes(memory(b)), Indexed: []playback.Indexed{fed{}}, Index: m, Open: nothingOpen{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func BenchmarkCoverageOf16CamerasOver30Days(b *testing.B) {
	p := benchPlayer(b)
	var streams []nvr.StreamID
	for i := range 16 {
		streams = append(streams, nvr.StreamID{Camera: nvr.CameraID(fmt.Sprintf("cam%d", i)), Role: nvr.Main})
	}
	r := nvr.TimeRange{Start: epoch, End: epoch.Add(30 * 24 * time.Hour)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.CoverageOf(context.Background(), streams, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlaylist(b *testing.B) {
	p := benchPlayer(b)
	for name, length := range map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour} {
		b.Run(name, func(b *testing.B) {
			r := nvr.TimeRange{Start: epoch, End: epoch.Add(length)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Playlist(context.Background(), front, r, "media/front/main/"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
