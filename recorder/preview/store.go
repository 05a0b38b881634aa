package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	root       = ".previews" // hidden: a volume's other directories are cameras
	dateLayout = "2006-01-02"
	suffix     = ".mp4"
	// lateWrites is how long after its end an hour may still grow.
	lateWrites = 30 * time.Second
)

// Hour is one file of previews.
type Hour struct {
	Start time.Time // media time 0
	End   time.Time // an hour later; of an open one, up to when pictures are written
	Path  string    // below the volume
	Open  bool      // it may still grow
}

func hourPath(id nvr.CameraID, hour time.Time) string {
	hour = hour.UTC()
	return fmt.Sprintf("%s/%s/%s/%02d%s", root, id, hour.Format(dateLayout), hour.Hour(), suffix)
}

// parseHour is the inverse of hourPath for one name within a day's directory.
func parseHour(date, name string) (time.Time, bool) {
	day, err := time.Parse(dateLayout, date)
	digits, ok := strings.CutSuffix(name, suffix)
	if err != nil || !ok || len(digits) != 2 {
		return time.Time{}, false
	}
	h, err := strconv.Atoi(digits)
	if err != nil || h < 0 || h > 23 {
		return time.Time{}, false
	}
	return day.Add(time.Duration(h) * time.Hour), true
}

// names lists a directory, which may be absent.
func (p *Previews) names(dir string) ([]string, error) {
	entries, err := p.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list previews: %w", err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, nil
}

// hours calls fn for each hour of a camera whose day overlaps r, in order.
func (p *Previews) hours(id nvr.CameraID, r nvr.TimeRange, fn func(hour time.Time) error) error {
	dates, err := p.names(path.Join(root, string(id)))
	if err != nil {
		return err
	}
	for _, date := range dates {
		day, err := time.Parse(dateLayout, date)
		if err != nil || !r.Overlaps(nvr.TimeRange{Start: day, End: day.Add(24 * time.Hour)}) {
			continue
		}
		files, err := p.names(path.Join(root, string(id), date))
		if err != nil {
			return err
		}
		for _, name := range files {
			if hour, ok := parseHour(date, name); ok {
				if err := fn(hour); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// List returns the hours of a camera that overlap r, in order. A camera without previews has none.
func (p *Previews) List(id nvr.CameraID, r nvr.TimeRange) ([]Hour, error) {
	if _, err := nvr.ParseCameraID(string(id)); err != nil {
		return nil, notFound(err)
	}
	var out []Hour
	err := p.hours(id, r, func(hour time.Time) error {
		h := Hour{Start: hour, End: hour.Add(time.Hour), Path: hourPath(id, hour)}
		end, _, writing := p.writing(id, hour)
		if writing {
			h.End = end
		}
		h.Open = writing || p.mayGrow(hour)
		if r.Overlaps(nvr.TimeRange{Start: h.Start, End: hour.Add(time.Hour)}) {
			out = append(out, h)
		}
		return nil
	})
	return out, err
}

// mayGrow reports whether pictures of an hour may still come.
func (p *Previews) mayGrow(hour time.Time) bool {
	return p.now().Before(hour.Add(time.Hour + lateWrites))
}

// writing returns how far the file of an hour is, and whether it is being written.
func (p *Previews) writing(id nvr.CameraID, hour time.Time) (end time.Time, size int64, ok bool) {
	c := p.cameras[id]
	if c == nil {
		return time.Time{}, 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil || !c.file.hour.Equal(hour) {
		return time.Time{}, 0, false
	}
	ends := c.file.ends.Load()
	return hour.Add(time.Duration(ends/clock)*time.Second + time.Duration(ends%clock)*time.Second/clock), c.file.size.Load(), true
}

// Open opens the file of the hour that begins at hour. size is how much of it is whole now, and open that it may still
// grow; the bytes up to size never change. Without a file the error is CodeNotFound.
func (p *Previews) Open(id nvr.CameraID, hour time.Time) (r io.ReadSeekCloser, size int64, open bool, err error) {
	if _, err := nvr.ParseCameraID(string(id)); err != nil || !hour.Equal(hour.Truncate(time.Hour)) {
		return nil, 0, false, notFound(err)
	}
	_, size, writing := p.writing(id, hour)
	open = writing || p.mayGrow(hour) // asked before the file: what closes in between is called open once more
	f, err := p.fs.OpenFile(hourPath(id, hour), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, false, notFound(err)
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("open preview: %w", err)
	}
	if !writing {
		info, err := f.Stat()
		if err != nil {
			return nil, 0, false, errors.Join(fmt.Errorf("look at preview: %w", err), f.Close())
		}
		size = info.Size()
	}
	if size == 0 {
		return nil, 0, false, errors.Join(notFound(nil), f.Close())
	}
	return section{io.NewSectionReader(f, 0, size), f}, size, open, nil
}

type section struct {
	*io.SectionReader
	io.Closer
}

func notFound(err error) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: "there is no preview of this camera for this hour", Err: err}
}

// Prune removes the files of each camera whose hour ended before the camera's time. Cameras that before does not name
// keep theirs. It goes on after an error and returns all of them.
func (p *Previews) Prune(ctx context.Context, before map[nvr.CameraID]time.Time) error {
	var errs []error
	for id, limit := range before {
		if _, err := nvr.ParseCameraID(string(id)); err != nil {
			continue
		}
		dates := map[string]bool{}
		err := p.hours(id, nvr.TimeRange{End: limit}, func(hour time.Time) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, _, writing := p.writing(id, hour); writing || hour.Add(time.Hour).After(limit) {
				return nil
			}
			dates[hour.Format(dateLayout)] = true
			if err := p.fs.Remove(hourPath(id, hour)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("remove preview: %w", err))
			}
			return nil
		})
		if err != nil {
			errs = append(errs, err)
		}
		for date := range dates {
			p.removeEmpty(path.Join(root, string(id), date))
		}
		p.removeEmpty(path.Join(root, string(id)))
	}
	return errors.Join(errs...)
}

// removeEmpty removes a directory in which nothing is left. Remove refuses where something is, or just came.
func (p *Previews) removeEmpty(dir string) {
	if names, err := p.names(dir); err == nil && len(names) == 0 {
		if err := p.fs.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.logger.Debug("empty preview directory stays", "err", err)
		}
	}
}

// recover cuts off what a crash left at the end of each camera's newest file. Older ones were closed whole.
func (p *Previews) recover() {
	cameras, err := p.names(root)
	if err != nil {
		p.logger.Warn("previews cannot be checked", "err", err)
	}
	for _, name := range cameras {
		newest := ""
		err := p.hours(nvr.CameraID(name), nvr.TimeRange{End: p.now().Add(365 * 24 * time.Hour)}, func(hour time.Time) error {
			newest = hourPath(nvr.CameraID(name), hour)
			return nil
		})
		if err == nil && newest != "" {
			err = p.trim(newest)
		}
		if err != nil {
			p.logger.Warn("preview cannot be checked", "camera_id", name, "err", err)
		}
	}
}

func (p *Previews) trim(name string) error {
	f, err := p.fs.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open preview: %w", err)
	}
	whole, err := trimFile(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("trim preview %s: %w", name, err)
	}
	if !whole {
		if err := p.fs.Remove(name); err != nil {
			return fmt.Errorf("remove empty preview: %w", err)
		}
	}
	return nil
}

// trimFile reports false for a file in which nothing is whole.
func trimFile(f library.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	l, err := fmp4.Scan(f, info.Size())
	switch {
	case errors.Is(err, fmp4.ErrNoInit):
		return false, nil
	case err != nil:
		return false, err
	case len(l.Parts) == 0:
		return false, nil
	case l.Size < info.Size():
		return true, f.Truncate(l.Size)
	}
	return true, nil
}
