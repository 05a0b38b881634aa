// Package fmp4test makes access units of real video for tests: ffmpeg encodes or remuxes, mediacommon, which shares no
// code with our own writer, reads.
package fmp4test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/nightjar-nvr/nightjar/core/media"
	ours "github.com/nightjar-nvr/nightjar/core/media/fmp4"
)

// Clip is a stretch of video that can be played again and again.
type Clip struct {
	Desc   *media.Description
	Units  []media.AccessUnit // in the order of their DTS; NTP is not set
	Length time.Duration
}

// Path returns a file of the shared test data, and skips the test where it is absent.
func Path(tb testing.TB, name string) string {
	tb.Helper()
	dir := os.Getenv("NIGHTJAR_TESTDATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "../../../../../shared/testdata")
	}
	p := filepath.Join(dir, name)
	if _, err := os.Stat(p); err != nil {
		tb.Skipf("SKIPPED: test data %s is absent; set NIGHTJAR_TESTDATA", name)
	}
	return p
}

// Tool returns the path of a program, and skips the test where it is not installed.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("SKIPPED: %s is not installed", name)
	}
	return p
}

// Scene generates seconds of moving picture at 15 frames per second with a key frame each second and a tone. encode
// are ffmpeg's output options: codecs, reordering, size.
func Scene(tb testing.TB, seconds int, encode ...string) *Clip {
	tb.Helper()
	args := []string{
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=320x240:rate=15:duration=%d", seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=sample_rate=48000:duration=%d", seconds),
		"-pix_fmt", "yuv420p", "-g", "15",
	}
	return Load(tb, append(args, encode...)...)
}

// Load runs ffmpeg with args for input and output options and returns what it produced.
func Load(tb testing.TB, args ...string) *Clip {
	tb.Helper()
	c, err := Demux(Tool(tb, "ffmpeg"), args...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Demux is Load without a test.
func Demux(ffmpeg string, args ...string) (*Clip, error) {
	all := append([]string{"-v", "error", "-nostdin"}, args...)
	all = append(all, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(ffmpeg, all...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run ffmpeg: %w: %s", err, stderr.String())
	}
	return parse(stdout.Bytes())
}

func parse(b []byte) (*Clip, error) {
	desc, err := ours.ParseInit(b)
	if err != nil {
		return nil, err
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("read fragments: %w", err)
	}
	c := &Clip{Desc: desc}
	for _, p := range parts {
		for _, t := range p.Tracks {
			if err := c.add(t); err != nil {
				return nil, err
			}
		}
	}
	if len(c.Units) == 0 {
		return nil, errors.New("clip is empty")
	}
	c.toRTPClock()
	sort.SliceStable(c.Units, func(i, j int) bool { return c.seconds(&c.Units[i]) < c.seconds(&c.Units[j]) })
	return c, nil
}

func (c *Clip) add(t *fmp4.PartTrack) error {
	dts := int64(t.BaseTime)
	idx := t.ID - 1
	for _, s := range t.Samples {
		u := media.AccessUnit{Desc: c.Desc, Track: idx, DTS: dts, PTS: dts + int64(s.PTSOffset), Key: true}
		u.Payload = [][]byte{s.Payload}
		if c.Desc.Tracks[idx].Video() {
			nals, err := ours.Units(c.Desc.Tracks[idx], s.Payload)
			if err != nil {
				return err
			}
			// ffmpeg writes sample flags in a form that mediacommon does not read.
			u.Payload, u.Key = nals, isKey(c.Desc.Tracks[idx].Codec, nals)
		}
		c.Units = append(c.Units, u)
		dts += int64(s.Duration)
		if c.Desc.Tracks[idx].Video() {
			c.Length = max(c.Length, time.Duration(dts)*time.Second/time.Duration(c.Desc.Tracks[idx].ClockRate))
		}
	}
	return nil
}

// toRTPClock puts pictures on the 90 kHz clock that RTP gives them; a file may count otherwise.
func (c *Clip) toRTPClock() {
	for i := range c.Units {
		u := &c.Units[i]
		if t := c.Desc.Tracks[u.Track]; t.Video() {
			u.DTS = u.DTS * 90000 / int64(t.ClockRate)
			u.PTS = u.PTS * 90000 / int64(t.ClockRate)
		}
	}
	for i := range c.Desc.Tracks {
		if c.Desc.Tracks[i].Video() {
			c.Desc.Tracks[i].ClockRate = 90000
		}
	}
}

func isKey(codec media.Codec, nals [][]byte) bool {
	for _, n := range nals {
		if len(n) == 0 {
			continue
		}
		if codec == media.AV1 {
			if t := n[0] >> 3 & 0xf; t == 1 { // the encoders here put a sequence header before each key frame, and only there
				return true
			}
			continue
		}
		h264, h265 := n[0]&0x1f, n[0]>>1&0x3f
		if codec == media.H264 && h264 == 5 || codec == media.H265 && h265 >= 16 && h265 <= 21 {
			return true
		}
	}
	return false
}

func (c *Clip) seconds(u *media.AccessUnit) float64 {
	return float64(u.DTS) / float64(c.Desc.Tracks[u.Track].ClockRate)
}

// Play returns a function that yields the clip's units one by one, for ever, with timestamps that run on and NTP
// times from start. Each round has desc as its description, so a test can begin a new session with a copy of it.
func (c *Clip) Play(desc *media.Description, start time.Time) func() *media.AccessUnit {
	i, round := 0, time.Duration(0)
	return func() *media.AccessUnit {
		u := c.Units[i]
		u.Desc = desc
		clock := int64(desc.Tracks[u.Track].ClockRate)
		shift := int64(round/time.Millisecond) * clock / 1000
		u.DTS += shift
		u.PTS += shift
		u.NTP = start.Add(time.Duration(float64(u.PTS) / float64(clock) * float64(time.Second)))
		if i++; i == len(c.Units) {
			i, round = 0, round+c.Length.Round(time.Millisecond)
		}
		return &u
	}
}

// Copy returns an equal description under another pointer: what a new session of the same camera brings.
func Copy(d *media.Description) *media.Description {
	out := *d
	return &out
}
