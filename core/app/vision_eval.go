package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/eval"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// EvalOptions say what to evaluate.
type EvalOptions struct {
	Labels   string // folder of labels, or one file
	Clips    string // folder that the labels' clips are relative to
	Out      string // folder for report.json, report.md and the pictures; empty: none
	Events   bool   // also write the events of each clip, for making labels
	Progress func(clip string, took time.Duration)
}

// ticks turns a time of a clock of rate Hz into a duration.
func ticks(t int64, rate int) time.Duration {
	r := int64(max(1, rate))
	return time.Duration(t/r)*time.Second + time.Duration(t%r)*time.Second/time.Duration(r)
}

// Eval runs the pipeline over all labelled clips and judges the events.
func (t *VisionTools) Eval(ctx context.Context, o EvalOptions) (*eval.Report, error) {
	labels, err := eval.Load(o.Labels)
	if err != nil {
		return nil, err
	}
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o755); err != nil { //nolint:gosec // a report for people
			return nil, fmt.Errorf("make folder of the report: %w", err)
		}
	}
	var clips []*eval.Clip
	for _, l := range labels {
		began := time.Now()
		c, err := t.judge(ctx, l, o)
		if err != nil {
			return nil, fmt.Errorf("evaluate %s: %w", l.Clip, err)
		}
		clips = append(clips, c)
		if o.Progress != nil {
			o.Progress(l.Clip, time.Since(began))
		}
	}
	r := eval.Sum(t.model.Name, clips)
	if o.Out == "" {
		return r, nil
	}
	if err := t.pictures(ctx, r, clips, o); err != nil {
		return nil, err
	}
	return r, writeReport(r, o.Out)
}

// judge runs one clip. Only labels that count in it are tracked: that is what the pipeline is asked for.
func (t *VisionTools) judge(ctx context.Context, l *eval.Labels, o EvalOptions) (*eval.Clip, error) {
	v, err := openVideo(filepath.Join(o.Clips, l.Clip))
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.close() }()
	cam := t.camera()
	cam.Labels = l.Count
	res, err := offline.Run(ctx, v.units, offline.Options{Camera: cam, Pool: t.pool, Log: t.log})
	if err != nil {
		return nil, err
	}
	if o.Events && o.Out != "" {
		if err := writeJSON(filepath.Join(o.Out, fileName(l.Clip)+".events.json"), res.Events); err != nil {
			return nil, err
		}
	}
	return eval.Judge(l, res), nil
}

func fileName(clip string) string {
	return strings.ReplaceAll(strings.TrimSuffix(clip, filepath.Ext(clip)), string(filepath.Separator), "_")
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // a report for people
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func writeReport(r *eval.Report, dir string) error {
	if err := writeJSON(filepath.Join(dir, "report.json"), r); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "report.md")) //nolint:gosec // the folder is the caller's wish
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := r.Markdown(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write report: %w", err)
	}
	return f.Close()
}

// pictures draws each miss, false alert and exchange in the middle of its time: white is what was labelled, the label's
// colour what the pipeline made of it.
func (t *VisionTools) pictures(ctx context.Context, r *eval.Report, clips []*eval.Clip, o EvalOptions) error {
	for i := range r.Faults {
		f := &r.Faults[i]
		for _, c := range clips {
			if c.Labels.Clip != f.Clip {
				continue
			}
			name := fmt.Sprintf("%s_%03d_%s_%s.jpg", fileName(f.Clip), i+1, f.What, f.Label)
			if err := t.faultPicture(ctx, c, f, filepath.Join(o.Clips, f.Clip), filepath.Join(o.Out, name)); err != nil {
				return fmt.Errorf("draw %s: %w", name, err)
			}
			f.Picture = name
		}
	}
	return nil
}

func (t *VisionTools) faultPicture(ctx context.Context, c *eval.Clip, f *eval.Fault, clip, out string) error {
	at := time.Duration((f.From + f.To) / 2 * float64(time.Second))
	p, err := pictureAt(ctx, clip, at)
	if err != nil {
		return err
	}
	defer p.Close()
	p.Draw(c.Marks(at))
	jpeg, err := p.JPEG()
	if err != nil {
		return err
	}
	return os.WriteFile(out, jpeg, 0o644) //nolint:gosec // a report for people
}

// pictureAt decodes the picture shown at a moment of a video.
func pictureAt(ctx context.Context, path string, at time.Duration) (*offline.Picture, error) {
	v, err := openVideo(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.close() }()
	var group []*media.AccessUnit
	want := offline.Start().Add(at)
	for u, err := range v.units {
		if err != nil {
			return nil, err
		}
		if !u.Desc.Tracks[u.Track].Video() {
			continue
		}
		if u.Key {
			if u.NTP.After(want) && len(group) > 0 {
				break
			}
			group = group[:0]
		}
		group = append(group, u)
	}
	if len(group) == 0 {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "the video has no pictures"}
	}
	pts := group[0].PTS + int64(want.Sub(group[0].NTP).Seconds()*float64(group[0].Desc.Tracks[group[0].Track].ClockRate))
	var frame decode.Frame
	defer frame.Close()
	got, err := decode.Still(ctx, group, decode.Config{}, pts, &frame)
	if err != nil || !got {
		return nil, fmt.Errorf("no picture at %v: %w", at, err)
	}
	return offline.FramePicture(&frame)
}
