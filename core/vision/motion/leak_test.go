//go:build matprofile

package motion

import (
	"testing"

	"gocv.io/x/gocv"
)

// Run with -tags matprofile: no Mat may be left when a detector is closed.
func TestMotionClosesItsMats(t *testing.T) {
	before := gocv.MatProfile.Count()
	d, err := New(Config{Contrast: true})
	if err != nil {
		t.Fatal(err)
	}
	m := gocv.NewMatWithSize(360, 640, gocv.MatTypeCV8UC1)
	for range 50 {
		if _, err := d.Update(m); err != nil {
			t.Fatal(err)
		}
	}
	_ = m.Close()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := gocv.MatProfile.Count(); n != before {
		t.Fatalf("%d Mats left", n-before)
	}
}
