package decode

import (
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

func TestDecodeAV1(t *testing.T) {
	c := fmp4test.Scene(t, 2, "-c:v", "libsvtav1", "-preset", "12", "-b:v", "300k", "-an")
	units := make([]*media.AccessUnit, len(c.Units))
	for i := range c.Units {
		units[i] = &c.Units[i]
	}
	if pictures, failed := decodeAll(t, units, Config{}, 0); failed > 0 || pictures != len(units) {
		t.Errorf("%d pictures of %d units, %d failed", pictures, len(units), failed)
	}
}
