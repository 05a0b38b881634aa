package export

import (
	"context"
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export/flatmp4"
)

// Clip writes what is recorded of a stream in r to f as one MP4 file, cut at key pictures, and returns what it shows.
// It ends where the stream changes its format. Nothing is kept of it and nothing waits for a worker, so it is for
// seconds, not hours: more than maxBytes of recordings is refused with nvr.CodeTooMany before anything is read. What was deleted
// meanwhile or is damaged is left out. Error with nvr.CodeNotFound: nothing is recorded there.
func Clip(ctx context.Context, p Player, stream nvr.StreamID, r nvr.TimeRange, maxBytes int64, f flatmp4.File) ([]Piece, error) {
	if !r.Start.Before(r.End) {
		return nil, invalid("the time range is empty: its end must be after its start")
	}
	recs, err := p.Recordings(ctx, stream, r)
	if err != nil {
		return nil, err
	}
	spans := spansOf(recs, r)
	total, lasts := int64(0), time.Duration(0)
	for i := range spans {
		total += spans[i].bytes()
		lasts += spans[i].end().Sub(spans[i].start())
	}
	if total > maxBytes {
		return nil, &nvr.Error{Code: nvr.CodeTooMany, Message: fmt.Sprintf("the film would have %s, %s are asked for at most", size(total), size(maxBytes))}
	}
	none := &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("nothing is recorded of %s at that time", stream.Camera)}
	rd := &reader{player: p, stream: stream}
	m := &remux{from: r.Start.UnixMicro(), to: r.End.UnixMicro()}
	for i := range spans {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		changed, err := rd.describe(ctx, &spans[i])
		if err == nil && changed && m.w != nil {
			break
		}
		if err == nil && changed {
			if err := m.begin(f, rd, flatmp4.Reserve(lasts, 30, 50, 1.5)); err != nil {
				return nil, err
			}
		}
		var b *batch
		if err == nil {
			b, err = rd.read(ctx, &spans[i])
		}
		if skippable(err) {
			if i+1 < len(spans) {
				spans[i+1].jump = true
			}
			continue
		}
		if err == nil {
			err = m.take(ctx, b)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.w == nil || m.empty() {
		return nil, none
	}
	return m.finish(func(pieces []Piece) flatmp4.Meta {
		return flatmp4.Meta{Created: pieces[0].Start, Title: fmt.Sprintf("%s, %s", stream.Camera, pieces[0].Start.Format("2006-01-02 15:04:05 MST"))}
	})
}
