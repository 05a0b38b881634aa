package fmp4_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

// write plays c once through a muxer, cutting with a part per key frame and at most every half second.
func write(t *testing.T, c *fmp4test.Clip) (file []byte, parts []fmp4.Part) {
	t.Helper()
	m, err := fmp4.NewMuxer(c.Desc)
	if err != nil {
		t.Fatal(err)
	}
	file = append(file, m.Init()...)
	var p fmp4.Part
	cut := func(flush bool) {
		if m.Cut(&p, flush) {
			if got := len(p.AppendTo(nil)); got != p.Bytes {
				t.Fatalf("part says %d bytes and has %d", p.Bytes, got)
			}
			file = p.AppendTo(file)
			parts = append(parts, fmp4.Part{Bytes: p.Bytes, Samples: p.Samples, Key: p.Key, Start: p.Start, Duration: p.Duration})
		}
	}
	start := time.Unix(1_700_000_000, 0)
	next := c.Play(c.Desc, start)
	var since time.Time
	for range c.Units {
		u := next()
		m.Add(u)
		if m.Lead(u) && (u.Key || u.NTP.Sub(since) > 500*time.Millisecond) {
			cut(false)
			since = u.NTP
		}
	}
	cut(true)
	return file, parts
}

type probe struct {
	Streams []struct {
		CodecName    string `json:"codec_name"`
		CodecTag     string `json:"codec_tag_string"`
		NbReadFrames string `json:"nb_read_packets"`
		Duration     string `json:"duration"`
	} `json:"streams"`
	Packets []struct {
		StreamIndex int    `json:"stream_index"`
		DTS         int64  `json:"dts"`
		PTS         int64  `json:"pts"`
		Duration    int64  `json:"duration"`
		Size        string `json:"size"`
		Flags       string `json:"flags"`
	} `json:"packets"`
}

// ffprobe reads a file with another implementation; any word on stderr fails the test.
func ffprobe(t *testing.T, file []byte) probe {
	t.Helper()
	tool := fmp4test.Tool(t, "ffprobe")
	path := filepath.Join(t.TempDir(), "x.mp4")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	cmd := exec.Command(tool, "-v", "warning", "-count_packets", "-show_streams", "-show_packets", "-of", "json", path)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v: %s", err, stderr.String())
	}
	stderr.Reset()
	dec := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "warning", "-xerror", "-i", path, "-f", "null", "-")
	dec.Stderr = &stderr
	if err := dec.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("decode: %v: %s", err, stderr.String())
	}
	var p probe
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPartsAreReadByFFprobe(t *testing.T) {
	for name, c := range map[string]struct {
		encode []string
		codecs string
	}{
		"h264 aac":     {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-c:a", "aac"}, "avc1.f4000c,mp4a.40.2"},
		"b frames":     {[]string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-profile:v", "high", "-c:a", "aac"}, "avc1.64000c,mp4a.40.2"},
		"h265 opus":    {[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1", "-c:a", "libopus"}, "hvc1.1.6.L60.90,opus"},
		"pictures":     {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-an"}, "avc1.42c00c"},
		"audio":        {[]string{"-vn", "-c:a", "aac"}, "mp4a.40.2"},
		"av1 opus":     {[]string{"-c:v", "libsvtav1", "-preset", "12", "-b:v", "300k", "-c:a", "libopus"}, "av01.0.00M.08,opus"},
		"several nals": {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "slices=4", "-c:a", "aac"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Scene(t, 5, c.encode...)
			file, parts := write(t, clip)
			got := fmp4.Codecs(clip.Desc)
			t.Log(fmp4.MIMEType(clip.Desc))
			if c.codecs != "" && c.codecs[:4] != got[:4] {
				t.Errorf("codecs %s, want like %s", got, c.codecs)
			}
			p := ffprobe(t, file)
			count := make([]int, len(clip.Desc.Tracks))
			for _, u := range clip.Units {
				count[u.Track]++
			}
			for i, s := range p.Streams {
				if s.NbReadFrames != strconv.Itoa(count[i]) {
					t.Errorf("stream %d has %s packets, want %d", i, s.NbReadFrames, count[i])
				}
				if s.CodecName == "hevc" && s.CodecTag != "hvc1" {
					t.Errorf("H.265 is tagged %s", s.CodecTag)
				}
			}
			checkPackets(t, clip, p)
			checkParts(t, parts)
		})
	}
}

// checkPackets compares every timestamp, flag and size with what went in, relative to the first.
func checkPackets(t *testing.T, c *fmp4test.Clip, p probe) {
	t.Helper()
	at := make([]int, len(c.Desc.Tracks))
	in := make([][]media.AccessUnit, len(c.Desc.Tracks))
	for _, u := range c.Units {
		in[u.Track] = append(in[u.Track], u)
	}
	for _, k := range p.Packets {
		u := in[k.StreamIndex][at[k.StreamIndex]]
		at[k.StreamIndex]++
		base := in[k.StreamIndex][0].DTS
		if k.StreamIndex > 0 {
			base = 0
		}
		if k.DTS != u.DTS-base || k.PTS-k.DTS != u.PTS-u.DTS || (k.Flags[0] == 'K') != u.Key {
			t.Fatalf("packet %d of stream %d: %+v, want dts %d pts %d key %v", at[k.StreamIndex]-1, k.StreamIndex, k, u.DTS-base, u.PTS-base, u.Key)
		}
	}
}

func checkParts(t *testing.T, parts []fmp4.Part) {
	t.Helper()
	var end time.Duration
	for i, p := range parts {
		if p.Duration > 0 && p.Start != end {
			t.Errorf("part %d starts at %v, want %v", i, p.Start, end)
		}
		end = p.Start + p.Duration
	}
	if end < 4900*time.Millisecond || end > 5100*time.Millisecond {
		t.Errorf("parts end at %v, want about 5 s", end)
	}
}
