package vision

import (
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/health"
)

// condition watches over the pictures themselves: whether they are worth looking at. Without somebody to tell it does
// nothing. It is ingest's.
type condition struct {
	camera   *Camera
	analyser *health.Analyser // nil: nobody is told
}

func newCondition(c *Camera) condition {
	if c.cfg.Health == nil {
		return condition{}
	}
	return condition{camera: c, analyser: health.New(c.cfg.Camera, c.cfg.HealthChecks)}
}

func (c condition) unit(u *media.AccessUnit) {
	if c.analyser != nil {
		c.tell(c.analyser.Unit(u))
	}
}

func (c condition) picture(f *decode.Frame) {
	if c.analyser != nil {
		c.tell(c.analyser.Picture(f.Luma(), f.Width, f.Height, f.Time))
	}
}

// lost says that units were lost on our side.
func (c condition) lost() {
	if c.analyser != nil {
		c.analyser.Lost()
	}
}

func (c condition) end() {
	if c.analyser != nil {
		c.tell(c.analyser.End(time.Now()))
	}
}

func (c condition) tell(changes []nvr.HealthChange) {
	for _, change := range changes {
		if change.Active {
			if s := c.camera.latest.get(c.camera.log); s != nil {
				change.JPEG = s.JPEG
			}
		}
		c.camera.cfg.Health(change)
	}
}
