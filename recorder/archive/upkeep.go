package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	expireEvery = time.Hour
	sweepEvery  = 24 * time.Hour
	// maxSkew is how far the server's clock and ours may lie apart where ages are concerned.
	maxSkew = 15 * time.Minute
	// namesPerLine keeps a line within what readers of a journal take.
	namesPerLine = 10_000
	// maxFile is the longest recording that configuration allows.
	maxFile = time.Hour
)

// maintain copies journals and expires copies, beside the uploads.
func (a *Archive) maintain(ctx context.Context) error {
	ticker := time.NewTicker(min(a.opts.JournalEvery, time.Minute))
	defer ticker.Stop()
	var expired, swept, until time.Time
	failures := 0
	for {
		if a.ready() && !time.Now().Before(until) {
			err := a.copyJournals(ctx)
			if err == nil && time.Since(expired) >= expireEvery {
				sweep := time.Since(swept) >= sweepEvery
				if err = a.expire(ctx, sweep); err == nil {
					expired = time.Now()
					if sweep {
						swept = expired
					}
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.kept(err)
			if err != nil {
				until = time.Now().Add(a.opts.Retry.Pause(failures))
				failures++
			} else {
				failures = 0
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// ready reports whether the server was reached at its last try and uploads may run.
func (a *Archive) ready() bool {
	open := a.opts.Window.Open(a.opts.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	return open && a.scanned && !a.trouble.probe && a.trouble.failures == 0
}

// kept notes how upkeep went.
func (a *Archive) kept(err error) {
	var f fault
	if err != nil {
		f = a.bucket.explain(err)
		a.metrics.failures.WithLabelValues(f.label).Inc()
	}
	a.mu.Lock()
	before := a.upkeep.label
	a.upkeep = f
	a.mu.Unlock()
	switch {
	case err != nil && before == "":
		a.logger.Warn("archive cannot copy journals or give up old copies, trying again", "reason", f.message, "err", brief(err))
	case err == nil && before != "":
		a.logger.Info("archive copies journals and gives up old copies again")
	}
}

// copyJournals puts journals that speak of copies into the bucket, as they are, so that the bucket describes itself.
func (a *Archive) copyJournals(ctx context.Context) error {
	for _, v := range a.snapshot() {
		for _, d := range a.changedJournals(v) {
			if err := a.copyJournal(ctx, v, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Archive) changedJournals(v *volume) []library.Day {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []library.Day
	for d, st := range v.days {
		if st.remote && st.sent != st.read && time.Since(st.sentAt) >= a.opts.JournalEvery {
			out = append(out, d)
		}
	}
	return out
}

func (a *Archive) copyJournal(ctx context.Context, v *volume, d library.Day) error {
	a.mu.Lock()
	st := v.days[d]
	n := int64(0)
	if st != nil {
		n = st.read // ends with a whole line
	}
	a.mu.Unlock()
	if n == 0 {
		return nil
	}
	f, err := v.lib.FS().OpenFile(library.JournalPath(d), os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("open journal of %s: %w", d, err)
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, n), b); err != nil {
		return fmt.Errorf("read journal of %s: %w", d, err)
	}
	body := a.pace.reader(ctx, strings.NewReader(string(b)))
	if err := a.bucket.put(ctx, journalKey(d, v.id), body, n, sha256.Sum256(b), false); err != nil {
		return fmt.Errorf("copy journal of %s: %w", d, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	st.sent, st.sentAt, v.dirty = n, time.Now(), true
	return nil
}

// cutoff is the time before which copies are old.
func (a *Archive) cutoff() time.Time { return a.opts.Now().AddDate(0, 0, -a.opts.RetainDays) }

// expire gives up copies that are too old (docs/archive.md, procedure "expire").
func (a *Archive) expire(ctx context.Context, sweep bool) error {
	if a.opts.RetainDays == 0 {
		return nil
	}
	// A signed request, to hear what time it is there: a clock that is wrong by years must not empty the bucket.
	if err := a.bucket.reach(ctx); err != nil {
		return err
	}
	if skew := a.bucket.skew(); skew.Abs() > maxSkew {
		return &faultError{fault{"clock", fmt.Sprintf("nothing expires, because the clocks of this machine and of %s differ by %s; set this machine's clock",
			a.bucket.host, skew.Abs().Round(time.Minute))}}
	}
	cutoff := a.cutoff()
	for _, v := range a.snapshot() {
		for _, d := range a.oldDays(v, cutoff) {
			if err := a.expireDay(ctx, v, d, cutoff); err != nil {
				return err
			}
		}
	}
	if sweep {
		return a.sweep(ctx, cutoff)
	}
	return nil
}

func (a *Archive) oldDays(v *volume, cutoff time.Time) []library.Day {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []library.Day
	for d, st := range v.days {
		if st.remote && d.Start().Before(cutoff) {
			out = append(out, d)
		}
	}
	return out
}

// expireDay writes the line first: from then on nothing claims the copies, whatever happens. What a crash leaves in the
// bucket is swept up.
func (a *Archive) expireDay(ctx context.Context, v *volume, d library.Day, cutoff time.Time) error {
	led, err := v.lib.Ledger(d, 0)
	if err != nil {
		return err
	}
	var old []int64
	left := 0
	for _, r := range led.Recordings() {
		switch _, ms, err := library.ParseFilePath(r.Path); {
		case err != nil || !r.Remote:
		case r.End().Before(cutoff) && !a.held(r.Stream, r.Start, r.End()):
			old = append(old, ms)
		default:
			left++
		}
	}
	if len(old) > 0 {
		var lines []library.Line
		for some := range slices.Chunk(old, namesPerLine) {
			lines = append(lines, library.Line{Files: &library.Files{Change: library.Expired, MS: some}})
		}
		if err := v.lib.Append(d, lines...); err != nil {
			return &faultError{fault{"journal", fmt.Sprintf("the journal on %s cannot be written; is the disk full?", v.lib.Dir())}}
		}
		for _, ms := range old {
			if err := a.forgetCopy(ctx, library.FilePath(d.Stream, ms)); err != nil {
				return err
			}
		}
		a.metrics.expiredFiles.WithLabelValues(streamLabels(d.Stream)...).Add(float64(len(old)))
		a.logger.Info("archive gave up copies", "camera_id", string(d.Stream.Camera), "stream", string(d.Stream.Role), "day", d.Date, "files", len(old))
	}
	if left > 0 {
		return nil
	}
	a.mu.Lock()
	if st := v.days[d]; st != nil {
		st.remote, v.dirty = false, true
	}
	a.mu.Unlock()
	return a.bucket.remove(ctx, journalKey(d, v.id))
}

func (a *Archive) forgetCopy(ctx context.Context, path string) error {
	a.cache.forget(path)
	return a.bucket.remove(ctx, path)
}

func (a *Archive) held(stream nvr.StreamID, start, end time.Time) bool {
	return a.opts.Held != nil && a.opts.Held(stream, start, end)
}

// sweep deletes old objects that no journal claims: what crashes left. Listings are in order of names, and so of days.
func (a *Archive) sweep(ctx context.Context, cutoff time.Time) error {
	streams, err := a.streams(ctx)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if err := a.sweepStream(ctx, s, cutoff); err != nil {
			return err
		}
	}
	return nil
}

// streams returns those that the bucket has something of.
func (a *Archive) streams(ctx context.Context) ([]nvr.StreamID, error) {
	cameras, err := a.bucket.folders(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []nvr.StreamID
	for _, camera := range cameras {
		roles, err := a.bucket.folders(ctx, camera+"/")
		if err != nil {
			return nil, err
		}
		for _, role := range roles {
			if s, err := nvr.ParseStreamID(camera + "/" + role); err == nil {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

func (a *Archive) sweepStream(ctx context.Context, s nvr.StreamID, cutoff time.Time) error {
	var old []object
	for o, err := range a.bucket.list(ctx, s.String()+"/") {
		if err != nil {
			return err
		}
		d, ok := dayOfPath(o.path)
		if !ok {
			continue // not ours
		}
		if !d.Start().Before(cutoff) {
			break
		}
		old = append(old, o)
	}
	claims := make(map[library.Day]map[string]bool)
	for _, o := range old {
		d, _ := dayOfPath(o.path)
		if claims[d] == nil {
			c, err := a.claims(d)
			if err != nil {
				return err
			}
			claims[d] = c
		}
		if claims[d][o.path] || !a.leftover(d, o.path, len(claims[d]) > 0, cutoff) {
			continue
		}
		if err := a.forgetCopy(ctx, o.path); err != nil {
			return err
		}
		a.logger.Info("archive deleted an old object that no journal names", "path", o.path)
	}
	return nil
}

// leftover reports whether an object that is not claimed may go. A journal goes two days after its day, when nothing of
// the day is claimed any more.
func (a *Archive) leftover(d library.Day, path string, claimed bool, cutoff time.Time) bool {
	stream, ms, err := library.ParseFilePath(path)
	if err != nil {
		return !claimed && d.Start().Add(3*24*time.Hour).Before(cutoff)
	}
	start := time.UnixMilli(ms)
	a.mu.Lock()
	_, busy := a.inflight[path]
	a.mu.Unlock()
	return !busy && start.Add(maxFile).Before(cutoff) && !a.held(stream, start, start.Add(maxFile))
}

// claims returns the paths that journals say are in the bucket.
func (a *Archive) claims(d library.Day) (map[string]bool, error) {
	out := make(map[string]bool)
	for _, v := range a.snapshot() {
		led, err := v.lib.Ledger(d, 0)
		if err != nil {
			return nil, err
		}
		for _, r := range led.Recordings() {
			if r.Remote {
				out[r.Path] = true
			}
		}
	}
	return out, nil
}
