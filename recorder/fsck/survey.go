package fsck

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// cursorName is the feeder's file in the root of a volume: how far each journal is in the index. Without it everything
// is fed again, which is what a journal that was rewritten needs.
const cursorName = ".cursor"

// readCursor is forgiving, as the feeder is: without a usable cursor nothing counts as fed.
func readCursor(lib *library.Library) map[library.Day]int64 {
	b, err := library.ReadFile(lib.FS(), cursorName)
	if err != nil {
		return nil
	}
	var c struct {
		Offsets map[string]int64 `json:"offsets"`
	}
	if json.Unmarshal(b, &c) != nil {
		return nil
	}
	out := make(map[library.Day]int64, len(c.Offsets))
	for name, offset := range c.Offsets {
		if day, err := library.ParseDay(name); err == nil {
			out[day] = offset
		}
	}
	return out
}

// survey finds the days of v, and what in the directories above them does not belong there.
func (c *checker) survey(v *volume) error {
	cameras, err := v.lib.FS().ReadDir(".")
	if err != nil {
		return err
	}
	for _, camera := range cameras {
		name := camera.Name()
		if strings.HasPrefix(name, ".") || name == "lost+found" { // ours, and the file system's own
			continue
		}
		if _, err := nvr.ParseCameraID(name); err != nil || !camera.IsDir() {
			c.foreign(v, name)
			continue
		}
		if err := c.surveyCamera(v, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) surveyCamera(v *volume, camera string) error {
	roles, err := v.lib.FS().ReadDir(camera)
	if err != nil {
		return err
	}
	for _, role := range roles {
		p := camera + "/" + role.Name()
		stream, err := nvr.ParseStreamID(p)
		if err != nil || !role.IsDir() {
			c.foreign(v, p)
			continue
		}
		if !c.wanted(stream) {
			continue
		}
		dates, err := v.lib.FS().ReadDir(p)
		if err != nil {
			return err
		}
		for _, date := range dates {
			day, err := library.ParseDay(p + "/" + date.Name())
			if err != nil || !date.IsDir() {
				c.foreign(v, p+"/"+date.Name())
				continue
			}
			if err := c.surveyDay(v, day); err != nil {
				return err
			}
		}
		c.empty(v, p)
	}
	c.empty(v, camera)
	return nil
}

func (c *checker) surveyDay(v *volume, day library.Day) error {
	hours, err := v.lib.Hours(day)
	if err != nil {
		return err
	}
	for _, h := range hours {
		c.empty(v, h.String())
	}
	if c.empty(v, day.String()) {
		return nil
	}
	c.total += len(hours)
	v.days[day.Stream] = append(v.days[day.Stream], day)
	return nil
}

// foreign reports a name that Nightjar did not make. It is left alone.
func (c *checker) foreign(v *volume, p string) {
	c.found(Finding{
		Invariant: 2, Severity: Info, Volume: v.lib.Dir(), Path: p,
		Problem: "This is no recording and nothing else that Nightjar makes; it is left alone.",
	}, nil)
}

// empty reports a directory with nothing in it. A running recorder may have just made it.
func (c *checker) empty(v *volume, p string) bool {
	entries, err := v.lib.FS().ReadDir(p)
	if err != nil || len(entries) > 0 || c.o.Running {
		return false
	}
	stream, _ := nvr.ParseStreamID(streamPart(p))
	c.found(Finding{
		Invariant: 2, Severity: Warning, Volume: v.lib.Dir(), Path: p, Stream: stream,
		Problem: "The directory is empty; a deletion or a start was interrupted.", Repair: "The directory is removed.",
	}, func() error { return v.lib.FS().Remove(p) })
	return true
}

// streamPart returns the first two elements of p.
func streamPart(p string) string {
	elems := strings.SplitN(p, "/", 3)
	return path.Join(elems[:min(2, len(elems))]...)
}
