// Package footage reads real video files for tests: ffmpeg demuxes, this package cuts the elementary stream into
// access units as a camera session would deliver them. It is for tests only.
package footage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Start is the wall time of the first picture of every clip.
var Start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// Dir returns the folder of the test data: $NIGHTJAR_TESTDATA, else shared/testdata beside the checkout. It skips the
// test when the folder is not there.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("NIGHTJAR_TESTDATA")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "../../../../../shared/testdata")
	}
	if _, err := os.Stat(filepath.Join(dir, "SOURCES.md")); err != nil {
		t.Skipf("SKIPPED: no test footage at %s; set NIGHTJAR_TESTDATA", dir)
	}
	return dir
}

// Load returns the access units of the picture track of a clip with constant frame rate fps and no B-frames.
func Load(t testing.TB, name string, fps int) []*media.AccessUnit {
	t.Helper()
	return Convert(t, filepath.Join(Dir(t), "videos", name), fps, media.H264, "-c:v", "copy", "-bsf:v", "h264_mp4toannexb")
}

// Convert runs ffmpeg on a file with the given output arguments and returns the access units of the result.
func Convert(t testing.TB, input string, fps int, codec media.Codec, args ...string) []*media.AccessUnit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	format := "h264"
	if codec == media.H265 {
		format = "hevc"
	}
	all := append([]string{"-v", "error", "-nostdin", "-i", input, "-an"}, args...)
	cmd := exec.CommandContext(ctx, "ffmpeg", append(all, "-f", format, "-")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %s: %v: %s", input, err, stderr.String())
	}
	return Cut(t, out, fps, codec)
}

// Cut splits an Annex B stream into access units.
func Cut(t testing.TB, stream []byte, fps int, codec media.Codec) []*media.AccessUnit {
	t.Helper()
	track := media.Track{Codec: codec, ClockRate: 90000}
	var units []*media.AccessUnit
	for _, nal := range split(stream) {
		kind, first, key := classify(codec, nal)
		switch kind {
		case "vps":
			track.VPS = nal
		case "sps":
			track.SPS = nal
		case "pps":
			track.PPS = nal
		case "slice":
			if first {
				n := len(units)
				at := time.Duration(n) * time.Second / time.Duration(fps)
				units = append(units, &media.AccessUnit{
					PTS: int64(n) * 90000 / int64(fps), DTS: int64(n) * 90000 / int64(fps), NTP: Start.Add(at), Key: key,
				})
			}
			if len(units) > 0 {
				u := units[len(units)-1]
				u.Payload = append(u.Payload, nal)
			}
		}
	}
	if len(units) == 0 {
		t.Fatal("no pictures in the stream")
	}
	desc := &media.Description{Tracks: []media.Track{track}}
	for _, u := range units {
		u.Desc = desc
	}
	return units
}

func split(stream []byte) [][]byte {
	var nals [][]byte
	for part := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		if part = bytes.TrimRight(part, "\x00"); len(part) > 2 {
			nals = append(nals, part)
		}
	}
	return nals
}

// classify names the parts of a stream that matter here; first says that a slice begins a picture.
func classify(codec media.Codec, nal []byte) (kind string, first, key bool) {
	if codec == media.H265 {
		switch typ := nal[0] >> 1 & 0x3f; {
		case typ == 32:
			return "vps", false, false
		case typ == 33:
			return "sps", false, false
		case typ == 34:
			return "pps", false, false
		case typ < 32:
			return "slice", nal[2]&0x80 != 0, typ >= 16 && typ <= 21
		}
		return "other", false, false
	}
	switch typ := nal[0] & 0x1f; typ {
	case 7:
		return "sps", false, false
	case 8:
		return "pps", false, false
	case 1, 5:
		return "slice", nal[1]&0x80 != 0, typ == 5
	default:
		return fmt.Sprint("type ", typ), false, false
	}
}
