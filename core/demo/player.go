package demo

import (
	"context"
	"iter"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Play hands out the clip's units in real time, round after round, until ctx ends; timestamps go on over the end of
// the clip. begin is when the first unit is due: players with the same begin stay together. The error is ctx's or that
// of reading the file.
func (c *Clip) Play(ctx context.Context, begin time.Time, out func(*media.AccessUnit)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := 0; ; round++ {
		offset := time.Duration(round) * c.Length
		for _, s := range c.samples {
			due := offset + c.time(s)
			if c.time(s) >= c.Length {
				break // audio that outlasts the pictures
			}
			timer.Reset(time.Until(begin.Add(due)))
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
			payload, err := c.read(s)
			if err != nil {
				return err
			}
			if len(payload) == 0 {
				continue
			}
			dts := s.dts + timeToTicks(offset, c.Desc.Tracks[s.track].ClockRate)
			out(&media.AccessUnit{
				Desc: c.Desc, Track: s.track, DTS: dts, PTS: dts + s.cto, Key: s.key, Payload: payload,
				NTP: begin.Round(0).Add(due + ticksToTime(s.cto, c.Desc.Tracks[s.track].ClockRate)),
			})
		}
	}
}

// Units yields one round of the clip at once; begin is the wall time of its start. It ends with the first error.
func (c *Clip) Units(begin time.Time) iter.Seq2[*media.AccessUnit, error] {
	return func(yield func(*media.AccessUnit, error) bool) {
		for _, s := range c.samples {
			payload, err := c.read(s)
			at := begin.Add(c.time(s) + ticksToTime(s.cto, c.Desc.Tracks[s.track].ClockRate))
			u := &media.AccessUnit{Desc: c.Desc, Track: s.track, DTS: s.dts, PTS: s.dts + s.cto, NTP: at, Key: s.key, Payload: payload}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}
