package app

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// settled is how long after a moment it is certain whether something happened then.
const settled = time.Minute

// archiveInterest tells the archive which footage is worth copying when it shall not copy all.
type archiveInterest struct {
	motion *motionLog
	cfg    *config.Config
}

// Interest returns what of r shows motion or events, with what is to be kept before and after them.
func (a *archiveInterest) Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) (ranges []nvr.TimeRange, known bool, err error) {
	_, set := a.cfg.RecordingFor(camera)
	wide := nvr.TimeRange{Start: r.Start.Add(-set.PostCapture.D), End: r.End.Add(set.PreCapture.D)}
	now := time.Now()
	spans, err := a.motion.Interest(ctx, camera, wide)
	if err != nil {
		return nil, false, err
	}
	known = wide.End.Before(now.Add(-settled))
	for _, s := range spans {
		if s.Kind == nvr.InterestMotion && a.cfg.Archive.Only == "events" {
			continue
		}
		kept := nvr.TimeRange{Start: s.Start.Add(-set.PreCapture.D), End: s.End.Add(set.PostCapture.D)}
		if kept.Overlaps(r) {
			ranges = append(ranges, kept)
		}
	}
	return ranges, known, nil
}
