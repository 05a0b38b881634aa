package preview

import (
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

// BenchmarkPreview plays ten minutes of footage per round and says what a camera costs: per cent of a core in real
// time, and megabytes an hour.
func BenchmarkPreview(b *testing.B) {
	key := func(gop string) []string {
		return []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-sc_threshold", "0", "-g", gop}
	}
	for _, c := range []struct {
		name, clip string
		args       []string
	}{
		{"sub_key_1s", "parking_sub.mp4", key("15")},
		{"sub_key_2s", "parking_sub.mp4", nil},
		{"sub_key_4s", "parking_sub.mp4", key("60")},
		{"pedestrians_key_2s", "pedestrians_sub.mp4", nil},
		{"main_1080p_key_1s", "parking_main_1080p.mp4", key("15")},
		{"main_1080p_key_2s", "parking_main_1080p.mp4", nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			clip := video(b, c.clip, c.args...)
			g := newRig(b)
			start := epoch.Truncate(time.Hour)
			played := time.Duration(0)
			before := cpu(b)
			for b.Loop() {
				g.session(clip, start.Add(played), 10*time.Minute)
				g.end()
				played += 10 * time.Minute
			}
			b.ReportMetric(100*(cpu(b)-before).Seconds()/played.Seconds(), "%core")
			b.ReportMetric(g.count("bytes_total")/1e6/played.Hours(), "MB/h")
			b.ReportMetric(g.count("pictures_total")/played.Seconds(), "fps")
		})
	}
}

// BenchmarkPush is what the previews of a camera cost when its pictures are decoded by someone else.
func BenchmarkPush(b *testing.B) {
	g := newRig(b)
	var f decode.Frame
	defer f.Close()
	clip := video(b, "parking_sub.mp4")
	d, err := decode.New(clip.Desc, decode.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Decode(&clip.Units[0], 0, &f); err != nil {
		b.Fatal(err)
	}
	f.Time = epoch.Truncate(time.Hour)
	for b.Loop() {
		f.Time = f.Time.Add(time.Second)
		g.p.Push("front", &f)
		g.wait("the picture to be encoded", g.idle)
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
