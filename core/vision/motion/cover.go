package motion

import (
	"fmt"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// cover takes what changed inside the masks out of the mask of what changed.
func (d *Detector) cover() error {
	if d.open.Rows() != d.mask.Rows() || d.open.Cols() != d.mask.Cols() {
		if err := d.buildOpen(d.mask.Rows(), d.mask.Cols()); err != nil {
			return err
		}
	}
	gocv.BitwiseAnd(d.mask, d.open, &d.mask)
	return nil
}

// buildOpen draws the masks, once per size of the picture: a pixel is masked when its middle is.
func (d *Detector) buildOpen(height, width int) error {
	_ = d.open.Close()
	d.open = gocv.NewMatWithSize(height, width, gocv.MatTypeCV8UC1)
	px, err := d.open.DataPtrUint8()
	if err != nil || len(px) != width*height {
		return fmt.Errorf("draw motion masks: %d bytes for %dx%d pixels: %w", len(px), width, height, err)
	}
	for y := range height {
		for x := range width {
			px[y*width+x] = 255
			at := nvr.Point{X: (float32(x) + 0.5) / float32(width), Y: (float32(y) + 0.5) / float32(height)}
			for _, m := range d.cfg.Masks {
				if m.Contains(at) {
					px[y*width+x] = 0
					break
				}
			}
		}
	}
	return nil
}
