package export_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

// TestCostOfACopy measures what exporting ten minutes of 1080p costs, beside ffmpeg in the same run:
//
//	NIGHTJAR_BENCH=1 go test -run TestCostOfACopy -v ./recorder/export/
func TestCostOfACopy(t *testing.T) {
	if os.Getenv("NIGHTJAR_BENCH") == "" {
		t.Skip("SKIPPED: a measurement; set NIGHTJAR_BENCH=1")
	}
	clip := fmp4test.Load(t, "-stream_loop", "1", "-i", fmp4test.Path(t, "videos/parking_main_1080p.mp4"), "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M", "-nal-hrd", "cbr", "-g", "30", "-bf", "0", "-c:a", "aac")
	p := newTape(t)
	p.file = 30 * time.Second
	p.session(front, clip, epoch, 10*time.Minute)
	var list strings.Builder
	list.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	bytesIn := int64(0)
	for _, rec := range p.recs[front] {
		path := filepath.Join(p.dir, rec.Path)
		fmt.Fprintf(&list, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%d@0\"\n", path, rec.InitBytes)
		for _, s := range rec.Segments {
			fmt.Fprintf(&list, "#EXTINF:%f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", s.Duration.Seconds(), s.Bytes, s.Offset, path)
		}
		bytesIn += rec.Bytes
	}
	list.WriteString("#EXT-X-ENDLIST\n")
	playlist := filepath.Join(p.dir, "all.m3u8")
	if err := os.WriteFile(playlist, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, p).start()
	for range 3 {
		before := cpu(t)
		start := time.Now()
		x := l.make(export.Request{Cameras: cameras, Range: between(0, 600_000)})
		ours, wall := cpu(t)-before, time.Since(start)

		var stderr bytes.Buffer
		cmd := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "error", "-nostdin", "-y", "-allowed_extensions", "ALL", "-i", playlist, "-c", "copy", "-movflags", "+faststart", filepath.Join(p.dir, "theirs.mp4"))
		cmd.Stderr = &stderr
		start = time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		theirs := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%d MB: ours %v CPU with SHA-256 (%v), ffmpeg %v CPU (%v), ratio %.2f", x.Bytes>>20, ours, wall.Round(time.Millisecond), theirs,
			time.Since(start).Round(time.Millisecond), ours.Seconds()/theirs.Seconds())
		sum := time.Now()
		_ = run(t, "sha256sum", l.path(x, 0))
		t.Logf("sha256sum alone takes %v", time.Since(sum).Round(time.Millisecond))
	}
	_ = bytesIn
}

// cpu is the processor time of this process.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
