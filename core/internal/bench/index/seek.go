package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

const (
	seeks    = 64 // moments with a file behind them
	seekSpan = 10 * time.Minute
)

// seeker does what a jump on the timeline asks of the server before the first picture: the playlist around the moment, the
// init segment, and the segment with the moment in it.
type seeker struct {
	player  *playback.Player
	moments []moment
}

type moment struct {
	stream nvr.StreamID
	at     time.Time
	file   int64 // its name
}

// The volume is all indexed and nothing is being recorded.
type allIndexed struct{}

func (allIndexed) Offset(library.Day) int64               { return 1 << 40 }
func (allIndexed) Complete() bool                         { return true }
func (allIndexed) Open(nvr.StreamID) []index.Recording    { return nil }
func (allIndexed) OpenGap(nvr.StreamID) (index.Gap, bool) { return index.Gap{}, false }

// newSeeker writes the files of random moments into dir; the index knows the others by name only.
func (b *bench) newSeeker(ctx context.Context, dir string) (*seeker, error) {
	lib, err := library.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &seeker{}
	s.player, err = playback.New(playback.Options{
		Volumes: library.NewVolumes(lib), Indexed: []playback.Indexed{allIndexed{}}, Index: b.store, Open: allIndexed{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(3, 5))
	for len(s.moments) < seeks {
		stream, r := stream(rng.IntN(cameras)), b.span(rng, time.Millisecond)
		recs, err := b.store.Recordings(ctx, stream, r)
		if err != nil {
			return nil, err
		}
		if len(recs) == 0 { // an outage
			continue
		}
		_, ms, err := library.ParseFilePath(recs[0].Path)
		if err != nil {
			return nil, err
		}
		if err := writeRecording(filepath.Join(dir, recs[0].Path), &recs[0]); err != nil {
			return nil, err
		}
		s.moments = append(s.moments, moment{stream, r.Start, ms})
	}
	return s, nil
}

// writeRecording writes a file with the boxes of an init segment and as many bytes as the index says.
func writeRecording(path string, r *index.Recording) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make directory of recording: %w", err)
	}
	body := make([]byte, r.Bytes)
	copy(body, box("ftyp", 24))
	copy(body[24:], box("moov", uint32(r.InitBytes)-24)) //nolint:gosec // 900
	copy(body[r.InitBytes:], box("moof", 100))
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return nil
}

func box(kind string, size uint32) []byte {
	return append(binary.BigEndian.AppendUint32(nil, size), kind...)
}

// seek answers with the bytes that came.
func (s *seeker) seek(ctx context.Context, rng *rand.Rand) (int, error) {
	m := s.moments[rng.IntN(len(s.moments))]
	list, err := s.player.Playlist(ctx, m.stream, nvr.TimeRange{Start: m.at.Add(-seekSpan / 2), End: m.at.Add(seekSpan / 2)}, "media/")
	if err != nil {
		return 0, err
	}
	initial, err := s.player.OpenInit(ctx, m.stream, m.file)
	if err != nil {
		return 0, err
	}
	// The file's name is its start, and a segment lasts two seconds.
	number := int64(m.at.Sub(time.UnixMilli(m.file)) / (2 * time.Second))
	segment, err := s.player.OpenRange(ctx, m.stream, m.file, initial.Size()+number*1_000_000, 1_000_000)
	if err != nil {
		return 0, errors.Join(err, initial.Close())
	}
	n, err := io.Copy(io.Discard, io.MultiReader(initial, segment))
	return len(list.Text) + int(n), errors.Join(err, initial.Close(), segment.Close())
}
