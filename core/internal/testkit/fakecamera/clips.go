package fakecamera

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Footage returns a file of the shared test data, "videos/parking_sub.mp4", and skips the test where it is absent.
func Footage(tb testing.TB, name string) string {
	tb.Helper()
	dir := os.Getenv("NIGHTJAR_TESTDATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "../../../../../shared/testdata")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("SKIPPED: test data %s is absent; set NIGHTJAR_TESTDATA", name)
	}
	return path
}

// Encode makes an MP4 file of moving test pictures with ffmpeg, 6 s at 15 frames per second and with a tone, and
// returns its path. args are the output options. Equal calls share one file per machine and version of this function.
func Encode(tb testing.TB, args ...string) string {
	tb.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		tb.Skip("SKIPPED: ffmpeg is not installed")
	}
	sum := sha256.Sum256([]byte("3 " + strings.Join(args, " ")))
	dir := filepath.Join(os.TempDir(), "nightjar-fakecamera")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, hex.EncodeToString(sum[:8])+".mp4")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	tmp, err := os.CreateTemp(dir, "*.mp4")
	if err != nil {
		tb.Fatal(err)
	}
	_ = tmp.Close()
	defer os.Remove(tmp.Name())
	all := []string{
		"-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=15:duration=6",
		"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=6", "-pix_fmt", "yuv420p", "-g", "15",
	}
	out, err := exec.Command(ffmpeg, append(append(all, args...), tmp.Name())...).CombinedOutput()
	if err != nil {
		tb.Fatalf("encode test clip: %v: %s", err, out)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		tb.Fatal(err)
	}
	return path
}
