package app

import (
	"log/slog"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

// batchTrial is how long a start, and a bench, may measure whether batches pay.
const batchTrial = time.Second

// batchTried is what a bench measures where the configuration names no size.
const batchTried = 4

// batchSize is detect.batch as the model can do it. Where it cannot, pictures are looked at one by one: that costs speed
// at most.
func batchSize(cfg *config.Config, m *detect.Model, log *slog.Logger) int {
	if cfg.Detect.Remote.URL != "" {
		return 1 // the server makes the batches
	}
	b := m.ChooseBatch(cfg.Detect.BatchSize(), batchTrial)
	level := log.Info
	if asked := cfg.Detect.BatchSize(); asked > 1 && b.Size != asked {
		level = log.Warn
	}
	level("chose how many pictures an inference takes", "most", b.Size, "reason", b.Reason)
	return b.Size
}

// measureBatch says how many pictures an inference of the model takes in this configuration, and what a batch costs where
// the model can have one, used or not.
func (c *ModelCost) measureBatch(cfg *config.Config, m *detect.Model) error {
	b := m.ChooseBatch(cfg.Detect.BatchSize(), batchTrial)
	c.Batch, c.BatchReason = b.Size, b.Reason
	if b.Cost.Pictures == 0 && m.FreeBatch() {
		var err error
		if b.Cost, err = m.MeasureBatch(max(b.Size, batchTried), batchTrial); err != nil {
			return err
		}
	}
	c.BatchTried, c.BatchRatio = b.Cost.Pictures, b.Cost.Ratio()
	return nil
}
