package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// errGone says that the recording was given up while it was being copied.
var errGone = errors.New("the recording was deleted in the meantime")

// refusal is why one recording cannot be copied, while others can.
type refusal struct {
	why string
	err error
}

func (r *refusal) Error() string {
	if r.err == nil {
		return r.why
	}
	return r.why + ": " + r.err.Error()
}

func (r *refusal) Unwrap() error { return r.err }

// dispatch hands recordings to uploads, a few at a time.
func (a *Archive) dispatch(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads + 1)
	slots := make(chan struct{}, uploads)
	g.Go(func() error {
		for {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			j, err := a.await(ctx)
			if err != nil {
				return err
			}
			g.Go(func() error {
				defer func() { <-slots; a.poke() }()
				a.finish(ctx, j, a.upload(ctx, j))
				return nil
			})
		}
	})
	return g.Wait()
}

// await blocks until there is a recording to copy and it may be copied.
func (a *Archive) await(ctx context.Context) (job, error) {
	for {
		j, pause, ok := a.attempt(ctx)
		if ok {
			return j, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return job{}, ctx.Err()
		case <-a.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// attempt returns a job, or how long to wait at most before the next attempt.
func (a *Archive) attempt(ctx context.Context) (j job, pause time.Duration, ok bool) {
	now := time.Now()
	a.mu.Lock()
	t, alone := a.trouble, len(a.inflight) == 0
	scanned := a.scanned
	a.mu.Unlock()
	switch {
	case t.until.After(now):
		return job{}, t.until.Sub(now), false
	case !scanned, t.failures > 0 && !alone: // after a failure, one at a time
		return job{}, a.opts.Poll, false
	}
	if t.probe {
		if err := a.reach(ctx); err != nil {
			a.fail(ctx, err)
			return job{}, 0, false
		}
	}
	open := a.opts.Window.Open(a.opts.Now())
	a.mu.Lock()
	a.trouble.probe = false
	if open {
		j, ok = a.next()
	}
	idle := open && !ok
	a.mu.Unlock()
	if idle && t.failures > 0 { // nothing is left that could fail
		a.recovered()
	}
	return j, a.opts.Poll, ok
}

// reach makes sure that the bucket is there. It creates one only where nothing was ever copied: an empty one in place of
// a lost one would hide the loss.
func (a *Archive) reach(ctx context.Context) error {
	err := a.bucket.reach(ctx)
	if codeOf(err) != minio.NoSuchBucket {
		return err
	}
	b := a.bucket
	if a.hasCopies() {
		return &faultError{fault{"bucket", fmt.Sprintf("the bucket %s does not exist on %s any more, although recordings were copied into it; "+
			"restore it, or create an empty one and run nightjar fsck", b.name, b.host)}}
	}
	if err := b.create(ctx); err != nil {
		a.logger.Warn("archive bucket cannot be created", "bucket", b.name, "err", brief(err))
		if answer(err) == nil {
			return err
		}
		return &faultError{fault{"bucket", fmt.Sprintf("the bucket %s does not exist on %s and this access key may not create it; "+
			"create it, or correct archive.bucket", b.name, b.host)}}
	}
	a.logger.Info("archive bucket created", "bucket", b.name)
	return b.reach(ctx)
}

func (a *Archive) hasCopies() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.volumes {
		for _, st := range v.days {
			if st.remote {
				return true
			}
		}
	}
	return false
}

// upload copies one recording (docs/archive.md, procedure "copy"). Every step can be repeated.
func (a *Archive) upload(ctx context.Context, j job) error {
	f, err := j.volume.lib.FS().OpenFile(j.path(), os.O_RDONLY, 0)
	if err != nil {
		return a.unreadable(j, err)
	}
	defer f.Close()
	sum, err := digest(f, j)
	if err != nil {
		return err
	}
	if err := a.place(ctx, j, f, sum); err != nil {
		return err
	}
	if err := a.mark(j); err != nil {
		return err
	}
	return a.reconcile(ctx, j)
}

// unreadable tells a recording that was deleted since from one that is missing.
func (a *Archive) unreadable(j job, err error) error {
	if rerr := a.readJournal(j.volume, j.day); rerr != nil {
		return localTrouble(j, "the journal cannot be read", rerr)
	}
	a.mu.Lock()
	_, still := j.volume.pendingOf(j)
	a.mu.Unlock()
	if !still {
		return errGone
	}
	return localTrouble(j, "the local file cannot be opened", err)
}

// localTrouble tells a file that cannot be read from a volume that went away, which is no fault of the file.
func localTrouble(j job, why string, err error) error {
	if errors.Is(err, library.ErrMissing) {
		return &faultError{fault{"volume", fmt.Sprintf("the volume %s is not there; its recordings are copied when it is back", j.volume.lib.Dir())}}
	}
	return &refusal{why, err}
}

func (v *volume) pendingOf(j job) (int, bool) {
	st := v.days[j.day]
	if st == nil {
		return 0, false
	}
	return st.find(j.item.ms)
}

// digest makes sure that the file is what its journal line says, so that no damage is preserved as if it were the
// recording, and returns its SHA-256.
func digest(f io.ReaderAt, j job) (sum [sha256.Size]byte, err error) {
	crc, sha := crc32.New(crc32.MakeTable(crc32.Castagnoli)), sha256.New()
	n, err := io.Copy(io.MultiWriter(crc, sha), io.NewSectionReader(f, 0, j.item.bytes+1))
	switch {
	case err != nil:
		return sum, localTrouble(j, "the local file cannot be read", err)
	case n != j.item.bytes || crc.Sum32() != j.item.crc:
		return sum, &refusal{"the local file is not what its journal line says", nil}
	}
	return [sha256.Size]byte(sha.Sum(nil)), nil
}

// place makes the bucket hold the recording, verified.
func (a *Archive) place(ctx context.Context, j job, f io.ReaderAt, sum [sha256.Size]byte) error {
	want := hex.EncodeToString(sum[:])
	got, err := a.bucket.stat(ctx, j.path())
	onlyNew := errors.Is(err, errNoObject)
	switch {
	case err != nil && !onlyNew:
		return err
	case err == nil && got.claimed != want:
		return foreign()
	case err == nil:
		if ok, err := a.verified(ctx, j, got, want); ok || err != nil {
			return err // it was copied before, and the line is missing
		}
	}
	body := a.pace.reader(ctx, io.NewSectionReader(f, 0, j.item.bytes))
	err = a.bucket.put(ctx, j.path(), body, j.item.bytes, sum, onlyNew)
	if err != nil && !errors.Is(err, errExists) {
		return err
	}
	sent := err == nil
	if got, err = a.bucket.stat(ctx, j.path()); err != nil {
		return err
	}
	if got.claimed != want {
		return foreign()
	}
	ok, err := a.verified(ctx, j, got, want)
	if err != nil {
		return err
	}
	if !ok {
		return &faultError{fault{"damaged", a.bucket.host + " does not keep what was sent; what it returns differs"}}
	}
	if sent {
		a.metrics.uploadedBytes.WithLabelValues(streamLabels(j.day.Stream)...).Add(float64(j.item.bytes))
		a.mu.Lock()
		a.uploaded += j.item.bytes
		a.mu.Unlock()
	}
	return nil
}

func foreign() error {
	return &refusal{"the bucket holds another file under this name; does another Nightjar use the same bucket and prefix?", nil}
}

// verified reports whether the object is whole: by the server's own checksum, and where it has none, by reading it.
func (a *Archive) verified(ctx context.Context, j job, got state, want string) (bool, error) {
	if got.size != j.item.bytes {
		return false, nil
	}
	if got.sum != "" {
		return got.sum == want, nil
	}
	r, n, err := a.bucket.get(ctx, j.path(), 0, -1)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if n != j.item.bytes {
		return false, nil
	}
	sha := sha256.New()
	if _, err := io.Copy(sha, a.pace.reader(ctx, io.LimitReader(r, n))); err != nil {
		return false, fmt.Errorf("read object back: %w", err)
	}
	return hex.EncodeToString(sha.Sum(nil)) == want, nil
}

// mark notes the copy in the journal.
func (a *Archive) mark(j job) error {
	line := library.Line{Files: &library.Files{Change: library.Archived, MS: []int64{j.item.ms}}}
	if err := j.volume.lib.Append(j.day, line); err != nil {
		return &faultError{fault{"journal", fmt.Sprintf("the journal on %s cannot be written; is the disk full?", j.volume.lib.Dir())}}
	}
	return nil
}

// reconcile takes the copy back where the recording was given up before its line, which then speaks of nothing.
func (a *Archive) reconcile(ctx context.Context, j job) error {
	if err := a.readJournal(j.volume, j.day); err != nil {
		return localTrouble(j, "the journal cannot be read", err)
	}
	a.mu.Lock()
	noted := a.inflight[j.path()]
	a.mu.Unlock()
	if noted {
		return nil
	}
	if err := a.bucket.remove(ctx, j.path()); err != nil {
		return err
	}
	return errGone
}

// finish gives the job back and draws the consequences of err.
func (a *Archive) finish(ctx context.Context, j job, err error) {
	var no *refusal
	switch {
	case err == nil:
		a.release(j, wanted)
		a.mu.Lock()
		a.last = a.opts.Now()
		a.mu.Unlock()
		a.metrics.uploadedFiles.WithLabelValues(streamLabels(j.day.Stream)...).Inc()
		a.recovered()
	case errors.Is(err, errGone):
		a.release(j, wanted)
		a.recovered()
	case errors.As(err, &no):
		a.release(j, refused)
		a.metrics.failures.WithLabelValues("refused").Inc()
		a.logger.Error("recording cannot be archived", "volume", j.volume.lib.Dir(), "path", j.path(), "err", brief(err))
	default:
		a.release(j, wanted)
		a.fail(ctx, err)
	}
}

// fail notes that the server, or the way to it, does not work.
func (a *Archive) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f := a.bucket.explain(err)
	a.metrics.failures.WithLabelValues(f.label).Inc()
	a.mu.Lock()
	t := &a.trouble
	news := t.failures == 0 || t.fault.label != f.label
	pause := a.opts.Retry.Pause(t.failures)
	t.failures++
	t.fault, t.probe, t.until = f, true, time.Now().Add(pause)
	a.mu.Unlock()
	if news {
		a.logger.Warn("archive does not work, local recordings are kept until it does", "reason", f.message, "err", brief(err))
	}
}

// recovered ends a time of trouble.
func (a *Archive) recovered() {
	a.mu.Lock()
	n := a.trouble.failures
	a.trouble.failures, a.trouble.until, a.trouble.fault = 0, time.Time{}, fault{}
	a.mu.Unlock()
	if n > 0 {
		a.logger.Info("archive works again", "failures", n)
	}
}

// maxCause is how much of an error goes to the log: servers may send pages.
const maxCause = 400

func brief(err error) string {
	s := err.Error()
	if len(s) > maxCause {
		return s[:maxCause] + "…"
	}
	return s
}
