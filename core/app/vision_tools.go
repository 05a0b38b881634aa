package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// VisionTools is the detector of a configuration without cameras: for the commands that look at files.
type VisionTools struct {
	cfg   config.Config
	model *detect.Model
	pool  *detect.Pool
	log   *slog.Logger
	stop  func() error
}

// OpenVisionTools loads the model and starts the detector pool. The caller closes the tools.
func OpenVisionTools(cfg config.Config, log *slog.Logger) (*VisionTools, error) {
	model, _, err := openModel(&cfg)
	if err != nil {
		return nil, err
	}
	t := &VisionTools{cfg: cfg, model: model, log: log}
	t.pool, t.stop = startPool(model, detect.PoolConfig{Workers: cfg.Detect.Workers, MinScore: float32(cfg.Detect.MinScore) / 2}, log)
	return t, nil
}

// DescribeModel opens the model of a configuration and says in one line what the detector makes of it.
func DescribeModel(cfg config.Config) (string, error) {
	m, _, err := openModel(&cfg)
	if err != nil {
		return "", err
	}
	names := m.Labels[:min(len(m.Labels), 5)]
	more := ""
	if n := len(m.Labels) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("it works: layout %s, pictures of %dx%d, finds %s%s", m.Layout, m.Width, m.Height, strings.Join(names, ", "), more), nil
}

// startPool runs a pool until the function that it returns is called.
func startPool(m *detect.Model, cfg detect.PoolConfig, log *slog.Logger) (*detect.Pool, func() error) {
	pool := detect.NewPool(m, cfg, log, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	return pool, func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// Close stops the pool.
func (t *VisionTools) Close() error { return t.stop() }

// Model returns the name of the model.
func (t *VisionTools) Model() string { return t.model.Name }

// camera is a camera with the shared settings of the configuration.
func (t *VisionTools) camera() vision.Config {
	d := t.cfg.Detect
	return vision.Config{Camera: "file", FPS: d.FPS, Labels: d.Labels, MinScore: float32(d.MinScore), Threshold: float32(d.Threshold)}
}

// video is an opened video file.
type video struct {
	units offline.Units
	close func() error
}

// openVideo opens an MP4 with a sample table, as ffmpeg and cameras write it, or a recording of ours.
func openVideo(path string) (*video, error) {
	clip, err := demo.OpenClip(path)
	if err == nil {
		return &video{units: clip.Units(offline.Start()), close: clip.Close}, nil
	}
	f, ferr := os.Open(path)
	if ferr != nil {
		return nil, fmt.Errorf("open video: %w", ferr)
	}
	units, ferr := recordingUnits(f)
	if ferr != nil {
		_ = f.Close()
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Err: fmt.Errorf("%w; %w", err, ferr), Message: fmt.Sprintf(
			"%s is not a video that can be read: want an MP4 with H.264 or H.265; if it has pictures, convert it with: ffmpeg -i %s -c:v libx264 out.mp4", path, path)}
	}
	return &video{units: units, close: f.Close}, nil
}

// recordingUnits reads a fragmented file part by part.
func recordingUnits(f *os.File) (offline.Units, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	layout, err := fmp4.Scan(f, info.Size())
	if err != nil {
		return nil, err
	}
	if layout.Desc.VideoTrack() < 0 || len(layout.Parts) == 0 {
		return nil, errors.New("no pictures in the file")
	}
	return func(yield func(*media.AccessUnit, error) bool) {
		for _, p := range layout.Parts {
			b := make([]byte, p.Bytes)
			if _, err := f.ReadAt(b, p.Offset); err != nil {
				yield(nil, fmt.Errorf("read part: %w", err))
				return
			}
			for u, err := range partUnits(b, layout.Desc) {
				if !yield(u, err) || err != nil {
					return
				}
			}
		}
	}, nil
}

// partUnits yields the pictures of one part.
func partUnits(b []byte, desc *media.Description) iter.Seq2[*media.AccessUnit, error] {
	return func(yield func(*media.AccessUnit, error) bool) {
		samples, err := fmp4.ReadSamples(b, desc)
		if err != nil {
			yield(nil, err)
			return
		}
		order := fmp4.Tracks(desc)
		for _, s := range samples {
			index := order[s.Track]
			track := desc.Tracks[index]
			if !track.Video() {
				continue
			}
			units, err := fmp4.Units(track, b[s.Offset:s.Offset+int64(s.Size)])
			u := &media.AccessUnit{
				Desc: desc, Track: index, DTS: s.DTS, PTS: s.PTS(), Key: s.Key, Payload: units,
				NTP: offline.Start().Add(ticks(s.PTS(), track.ClockRate)),
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}
