package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// listener knows how loud it is at a camera.
type listener interface {
	// SoundLevels returns the levels of the last minutes, oldest first; CodeNotFound where nobody listens.
	SoundLevels(ctx context.Context, camera nvr.CameraID) ([]nvr.SoundLevel, error)
}

// SoundLevels is how loud it is and was at a camera. Levels are in dBFS, -100 to 0.
type SoundLevels struct {
	Now    *SoundLevel  `json:"now,omitempty" doc:"The last second; absent while the stream brings no sound"`
	Levels []SoundLevel `json:"levels" nullable:"false" doc:"Of each second of the last five minutes that had sound, oldest first"`
}

// SoundLevel is how loud one second was.
type SoundLevel struct {
	Time  int64   `json:"time" doc:"End of the second, UTC milliseconds"`
	RMS   float32 `json:"rms" doc:"dBFS"`
	Peak  float32 `json:"peak" doc:"dBFS of the largest sample"`
	Floor float32 `json:"floor" doc:"dBFS, what is taken for background noise"`
}

// CameraProblem is what is wrong with a camera that is online.
type CameraProblem struct {
	Problem string    `json:"problem" enum:"black,frozen,covered,moved,blurred,slow,clock"`
	Since   time.Time `json:"since"`
	Detail  string    `json:"detail" doc:"What is wrong and what to look at, for a person"`
}

func problemsOf(states []nvr.HealthState) []CameraProblem {
	out := make([]CameraProblem, len(states))
	for i, h := range states {
		out[i] = CameraProblem{Problem: string(h.Problem), Since: h.Since.UTC(), Detail: h.Detail}
	}
	return out
}

// soundNow is how old a level may be to be the present one.
const soundNow = 5 * time.Second

func (s *Server) registerSound() {
	type output struct{ Body SoundLevels }
	register(s, operation{method: "GET", path: "/cameras/{id}/sound", id: "getSound", tag: "cameras", summary: "How loud it is at a camera", access: accessViewer},
		func(ctx context.Context, in *CameraPath) (*output, error) {
			if _, err := s.camera(in.ID); err != nil {
				return nil, err
			}
			levels, err := s.deps.Sound.SoundLevels(ctx, nvr.CameraID(in.ID))
			if err != nil {
				return nil, err
			}
			out := &output{Body: SoundLevels{Levels: make([]SoundLevel, len(levels))}}
			for i, l := range levels {
				out.Body.Levels[i] = SoundLevel{Time: l.Time.UnixMilli(), RMS: l.RMS, Peak: l.Peak, Floor: l.Floor}
			}
			if n := len(levels); n > 0 && time.Since(levels[n-1].Time) < soundNow {
				out.Body.Now = &out.Body.Levels[n-1]
			}
			return out, nil
		})
}
