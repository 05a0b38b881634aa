package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/offline"
)

// maxPictureBytes bounds a picture file that is read whole.
const maxPictureBytes = 256 << 20

// Seen is one detection in a picture, or one event in a video.
type Seen struct {
	Label string   `json:"label"`
	Score float32  `json:"score"`          // of an event: the best median
	Box   nvr.Box  `json:"box"`            // fractions of the picture; of an event: where it was seen first
	From  *float64 `json:"from,omitempty"` // seconds, events only
	To    *float64 `json:"to,omitempty"`
}

// Detected is what was found in one file.
type Detected struct {
	File   string `json:"file"`
	Output string `json:"output"` // the annotated copy
	Video  bool   `json:"video"`
	Frames int    `json:"frames"` // looked at
	Seen   []Seen `json:"seen"`
}

// Detect looks at one picture (JPEG or PNG) or video and writes an annotated copy into the folder dir.
func (t *VisionTools) Detect(ctx context.Context, path, dir string) (*Detected, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // pictures for people
		return nil, fmt.Errorf("make folder: %w", err)
	}
	base := filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))+".detected")
	picture, err := isPicture(path)
	switch {
	case err != nil:
		return nil, err
	case picture:
		return t.detectPicture(ctx, path, base+".jpg")
	}
	return t.detectVideo(ctx, path, base+".mp4")
}

// isPicture tells a picture from a video by the name of the file or, where that says nothing, by what is in it.
func isPicture(path string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return false, fmt.Errorf("look at file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at file: %w", err)
	}
	if info.IsDir() {
		return false, &nvr.Error{Code: nvr.CodeInvalid, Message: path + " is a folder; name the files in it"}
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jpg", ".jpeg", ".png":
		return true, nil
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("look at file: %w", err)
	}
	return strings.HasPrefix(http.DetectContentType(head[:n]), "image/"), nil
}

func (t *VisionTools) detectPicture(ctx context.Context, path, out string) (*Detected, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	if info.Size() > maxPictureBytes {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("%s is larger than %d bytes: no picture", path, maxPictureBytes)}
	}
	b, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	p, err := offline.OpenPicture(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found, err := t.pool.Client().Detect(ctx, p.BGR(), []image.Rectangle{p.Bounds()}, nil)
	if errors.Is(err, detect.ErrHung) {
		return nil, fmt.Errorf("detect in %s: %w", path, err) // the hung session may still read the picture
	}
	defer p.Close()
	if err != nil {
		return nil, fmt.Errorf("detect in %s: %w", path, err)
	}
	d := &Detected{File: path, Output: out, Frames: 1, Seen: []Seen{}}
	var marks []offline.Mark
	for _, f := range found {
		if f.Score < float32(t.cfg.Detect.MinScore) {
			continue
		}
		d.Seen = append(d.Seen, Seen{Label: f.Label, Score: f.Score, Box: f.Box})
		marks = append(marks, offline.Mark{Label: f.Label, Text: fmt.Sprintf("%s %.2f", f.Label, f.Score), Box: f.Box})
	}
	slices.Reverse(marks) // the surest on top
	p.Draw(marks)
	jpeg, err := p.JPEG()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(out, jpeg, 0o644); err != nil { //nolint:gosec // pictures for people
		return nil, fmt.Errorf("write picture: %w", err)
	}
	return d, nil
}

// detectVideo runs the pipeline and films the frames that it looked at.
func (t *VisionTools) detectVideo(ctx context.Context, path, out string) (d *Detected, err error) {
	v, err := openVideo(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.close() }()
	f, err := os.Create(out) //nolint:gosec // the user names the folder
	if err != nil {
		return nil, fmt.Errorf("write film: %w", err)
	}
	w := bufio.NewWriter(f)
	film := offline.NewFilm(w, t.cfg.Detect.FPS)
	res, err := offline.Run(ctx, v.units, offline.Options{
		Camera: t.camera(), Pool: t.pool, Log: t.log,
		Frame: func(frame *decode.Frame, o nvr.Observation) error { return filmFrame(film, frame, o) },
	})
	if err = errors.Join(err, film.Close(), w.Flush(), f.Close()); err != nil {
		_ = os.Remove(out)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: path + " ends in the middle of its pictures: it was cut off when it was written or copied"}
		}
		return nil, fmt.Errorf("detect in %s: %w", path, err)
	}
	d = &Detected{File: path, Output: out, Video: true, Frames: res.Frames, Seen: []Seen{}}
	for _, e := range res.Events {
		from, to := e.From.Seconds(), e.To.Seconds()
		s := Seen{Label: e.Label, Score: e.TopScore, From: &from, To: &to}
		if len(e.Path) > 0 {
			s.Box = e.Path[0].Box
		}
		d.Seen = append(d.Seen, s)
	}
	return d, nil
}

// filmFrame draws the confirmed tracks; one that was not found in this frame is where it is expected.
func filmFrame(film *offline.Film, frame *decode.Frame, o nvr.Observation) error {
	p, err := offline.FramePicture(frame)
	if err != nil {
		return err
	}
	defer p.Close()
	var marks []offline.Mark
	for _, obj := range o.Objects {
		if !obj.Confirmed || o.Time.Sub(obj.LastSeen) > time.Second && !obj.Stationary {
			continue
		}
		marks = append(marks, offline.Mark{Label: obj.Label, Text: fmt.Sprintf("%s %d  %.2f", obj.Label, obj.TrackID, obj.Confidence), Box: obj.Box})
	}
	p.Draw(marks)
	return film.Add(p)
}
