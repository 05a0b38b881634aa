package demo

import (
	"context"
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
