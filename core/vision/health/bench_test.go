package health

import (
	"testing"
	"time"
)

// BenchmarkPicture is what a camera costs per second once its view is known.
func BenchmarkPicture(b *testing.B) {
	p := newPlayer(Config{})
	pics := pictures(b, "counter_sub", "")
	p.play(pics, 70*time.Second)
	i := 0
	for b.Loop() {
		p.at = p.at.Add(time.Second)
		p.a.Picture(pics[i%len(pics)], testW, testH, p.at)
		i++
	}
}
