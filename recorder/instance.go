package recorder

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

const (
	// queueUnits is what may wait while the disk stalls: about 20 s of a 1080p camera with audio.
	queueUnits = 1200
	// maxDrift is how far wall time and media time may part within a run before a new one begins.
	maxDrift = 2 * time.Second
	// stall is so long a time of writing what had queued that units which were dropped meanwhile are the disk's fault.
	stall = 5 * time.Second
	// slowFrames is the frame interval from which parts include the last picture with a guessed duration: waiting for
	// the next one would cost more of the second that a crash may take.
	slowFrames = 100 * time.Millisecond
)

// instance is one attempt to record: it lives until the disk fails or recording is no longer wanted. Within it, a run
// is a stretch of continuous media time; a run's files follow each other without a hole.
type instance struct {
	r      *Recorder
	reader *media.Reader
	desc   *media.Description
	mux    *fmp4.Muxer // nil when desc cannot be recorded
	part   fmp4.Part

	running  bool             // a run began: its first key picture is in mux
	file     *openFile        // nil while no run is there, or its disk failed and the next key picture is waited for
	origin   time.Time        // wall time of the run's zero
	rotateAt time.Time        // wall time after which the next key picture begins a new file
	lastLead media.AccessUnit // latest unit of the lead track, without payload
	silence  time.Duration    // longest in which the camera sent no picture, by both clocks, since the last key picture

	dropped, restamped uint64
	fresh              bool          // what follows an absence has not been written yet
	overloaded         bool          // units were dropped, and no run has ended for it yet
	writing            time.Duration // spent with the disk since the batch was taken
	stalled            time.Duration // longest such time in which units were dropped, since a run ended for that
	payload            int           // bytes taken since the last part
	damage             damage
}

func newInstance(r *Recorder) *instance { return &instance{r: r} }

// run reads until ctx is done, the hub closes or the disk fails. It leaves a closed and journaled file in any case.
func (i *instance) run(ctx context.Context) (err error) {
	i.reader = i.r.stream.Hub.Subscribe(media.ReaderOptions{Capacity: queueUnits, Batch: i.r.opts.Part * 3 / 4})
	defer i.reader.Close()
	defer func() { // a failed disk gets no second try here; the next attempt begins a new file
		if i.file != nil {
			err = errors.Join(err, i.file.close())
		}
	}()
	for {
		units, err := i.reader.Read(ctx)
		if ctx.Err() != nil && err != nil {
			units, _ = i.reader.Read(ctx) // what waited for its batch to fill
		}
		if werr := i.take(units); werr != nil {
			return werr
		}
		if err != nil {
			return errors.Join(err, i.endRun())
		}
	}
}

// take handles one batch and writes what it completed.
func (i *instance) take(units []*media.AccessUnit) error {
	if d := i.reader.Dropped(); d != i.dropped {
		i.r.metrics.dropped.Add(float64(d - i.dropped))
		i.dropped, i.overloaded = d, true
		i.stalled = max(i.stalled, i.writing) // of the batch before: meanwhile the queue filled up
	}
	i.writing = 0
	for _, u := range units {
		if err := i.unit(u); err != nil {
			return err
		}
	}
	if !i.running {
		return nil
	}
	_, lasts := i.mux.Last()
	return i.write(lasts > slowFrames)
}

func (i *instance) unit(u *media.AccessUnit) error {
	if u.End() {
		err := i.endRunBefore(u) // first: what it writes ends the absence before it
		i.r.lost(u.NTP, index.GapOffline, u.Reason)
		i.desc, i.mux = nil, nil
		i.r.setStatus(Waiting, "")
		return err
	}
	if u.Desc != i.desc {
		if err := i.endRunBefore(u); err != nil {
			return err
		}
		i.describe(u.Desc)
	}
	switch {
	case i.mux == nil:
		return nil
	case i.mux.Lead(u):
		err := i.lead(u)
		i.lastLead = media.AccessUnit{NTP: u.NTP, DTS: u.DTS}
		return err
	default:
		i.add(u)
		return nil
	}
}

func (i *instance) add(u *media.AccessUnit) bool {
	if !i.mux.Add(u) {
		return false
	}
	i.payload += u.Size()
	return true
}

// describe begins a new session or parameter set. What MP4 cannot hold is shown and waited out.
func (i *instance) describe(d *media.Description) {
	i.desc, i.mux = d, nil
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		i.r.metrics.errors.Inc()
		i.r.setStatus(Failing, fmt.Sprintf("The stream cannot be recorded: %v; choose H.264 or H.265 on the camera.", err))
		i.r.logger.Error("stream cannot be recorded", "err", err)
		return
	}
	i.mux, i.restamped = m, 0
}

// lead handles a unit of the track that times the file.
func (i *instance) lead(u *media.AccessUnit) error {
	if i.running {
		i.listen(u)
	}
	if !u.Key {
		if i.add(u) {
			i.watch(u)
		}
		return i.endKeyless()
	}
	if i.running {
		if reason, detail := i.broken(u); reason != "" {
			err := i.endRun()
			i.r.lost(i.lastLead.NTP, reason, detail)
			if err != nil {
				return err
			}
			if err := i.remux(); err != nil {
				return err
			}
		}
		i.silence = 0
	}
	if !i.running {
		return i.beginRun(u)
	}
	if !i.add(u) {
		return nil
	}
	i.watch(u)
	if n := i.mux.Restamped(); n != i.restamped {
		i.r.metrics.restamped.Add(float64(n - i.restamped))
		i.restamped = n
	}
	return i.cut()
}

// cut writes what comes before the key picture that was just taken, and begins a segment or a file with it where it is
// time to.
func (i *instance) cut() error {
	at, _ := i.mux.Last()
	wall := i.origin.Add(at.Truncate(time.Microsecond))
	switch {
	case i.file == nil:
		if err := i.write(false); err != nil { // what cannot be decoded goes
			return err
		}
		i.openFile(wall, at)
	case !wall.Before(i.rotateAt):
		return i.rotate(wall, at)
	case i.file.segmentAge(at) >= minSegment:
		if err := i.write(false); err != nil {
			return err
		}
		if i.file == nil {
			i.openFile(wall, at)
			return nil
		}
		i.file.endAt(at)
		i.file.cutSeg = true
	}
	return nil
}

// endKeyless ends the run of a camera that has sent no key picture for too long, or so much since the last one that nobody
// could play it; the next one begins another.
func (i *instance) endKeyless() error {
	if i.file == nil {
		return nil
	}
	at, _ := i.mux.Last()
	age := i.file.segmentAge(at)
	if age < maxSegment && i.file.segmentBytes() < maxSegmentBytes {
		return nil
	}
	err := i.endRun()
	i.r.lost(i.lastLead.NTP, index.GapLoss, fmt.Sprintf("The camera sent no key picture for %v.", age.Round(time.Second)))
	if err != nil {
		return err
	}
	return i.remux()
}

// remux begins another run's media time.
func (i *instance) remux() error {
	m, err := fmp4.NewMuxer(i.desc)
	if err != nil {
		return err
	}
	i.mux, i.restamped = m, 0
	return nil
}

// listen notes how long the camera was silent before u. What its own clock says of that tells a silent camera, which may
// go on in the middle of a group of pictures, from a clock that was set.
func (i *instance) listen(u *media.AccessUnit) {
	silence := u.NTP.Sub(i.lastLead.NTP)
	clock := float64(i.desc.Tracks[u.Track].ClockRate)
	media := time.Duration(float64(u.DTS-i.lastLead.DTS) / clock * float64(time.Second))
	if silence > maxDrift && (silence-media).Abs() < maxDrift {
		i.silence = max(i.silence, silence)
	}
}

// broken tells whether the run must end before the key picture u, and why.
func (i *instance) broken(u *media.AccessUnit) (index.GapReason, string) {
	silence := u.NTP.Sub(i.lastLead.NTP)
	drift := i.mux.Drift(u)
	if reason, detail := i.overload(silence); reason != "" {
		return reason, detail
	}
	switch {
	case drift.Abs() <= maxDrift:
		return "", ""
	case i.silence > 0:
		return index.GapLoss, fmt.Sprintf("The camera sent no pictures for %v.", i.silence.Round(time.Second))
	default:
		return index.GapClock, fmt.Sprintf("The clock and the camera's timestamps parted by %v.", drift.Round(100*time.Millisecond))
	}
}

// overload tells whether the silence after the last picture is of units that were dropped, and why they were.
func (i *instance) overload(silence time.Duration) (index.GapReason, string) {
	if !i.overloaded || silence <= maxDrift/4 {
		return "", ""
	}
	stalled := i.stalled
	i.overloaded, i.stalled = false, 0
	if stalled > stall {
		return index.GapDisk, fmt.Sprintf("The disk took %v to write.", stalled.Round(time.Second))
	}
	return index.GapOverload, "The machine was too slow."
}

// beginRun begins a run with the key picture u, unless the camera sent it before.
func (i *instance) beginRun(u *media.AccessUnit) error {
	start, ok := i.r.startOf(u.NTP)
	if !ok || !i.add(u) {
		return nil
	}
	if back := start.Sub(u.NTP); back > maxReplay {
		i.r.shifted(start, back)
	}
	i.r.repeated(start)
	i.running, i.overloaded, i.stalled = true, false, 0
	i.origin = start
	i.damage.intact = start
	i.openFile(start, 0)
	i.watch(u)
	i.fresh = true
	return nil
}

func (i *instance) openFile(start time.Time, at time.Duration) {
	i.file = newOpenFile(i.r, i.mux, start, at)
	i.rotateAt = nextRotation(start, i.r.opts.File, phase(i.r.stream.ID.String(), i.r.opts.File))
}

// rotate ends the file before the key picture at at, which the muxer holds back, and begins the next with it.
func (i *instance) rotate(wall time.Time, at time.Duration) error {
	if err := i.write(false); err != nil {
		return err
	}
	if i.file != nil {
		i.file.endAt(at)
		if err := i.closeFile(); err != nil {
			return err
		}
	}
	i.openFile(wall, at)
	return nil
}

// endRunBefore ends the run before u, which ends the session or begins another, and tells what was dropped at its end.
func (i *instance) endRunBefore(u *media.AccessUnit) error {
	if !i.running {
		return nil
	}
	err := i.endRun()
	if reason, detail := i.overload(u.NTP.Sub(i.lastLead.NTP)); reason != "" {
		i.r.lost(i.lastLead.NTP, reason, detail)
	}
	return err
}

// endRun writes what is left and closes the file.
func (i *instance) endRun() error {
	if !i.running {
		return nil
	}
	i.running = false
	if err := i.write(true); err != nil {
		return err
	}
	err := i.closeFile()
	i.tellDamage()
	return err
}

// closeFile closes the open file, if there is one. The failure of one volume of several ends nothing.
func (i *instance) closeFile() error {
	f := i.file
	i.file = nil
	if f == nil {
		return nil
	}
	defer i.wrote(time.Now())
	err := f.close()
	if err != nil && f.sink != nil && i.r.opts.Volumes.Other(f.sink.lib) {
		i.failedOver(err)
		return nil
	}
	return err
}

// write cuts a part and writes it. While there is no file, what was cut cannot be decoded and goes.
func (i *instance) write(flush bool) error {
	if !i.mux.Cut(&i.part, flush) {
		return nil
	}
	defer i.wrote(time.Now())
	payload := i.payload
	i.payload = 0
	var err error
	if i.file != nil {
		if err = i.file.write(&i.part, payload); err != nil {
			err = i.failOver(err, payload)
		}
	}
	clear(i.part.Buffers) // let go of the payload
	if err == nil && i.fresh && i.file != nil {
		i.fresh = false
		i.r.resumed(i.file.rec.Start)
	}
	return err
}

func (i *instance) wrote(began time.Time) { i.writing += time.Since(began) }

// failOver goes on in another volume after the part could not be written: at once where the part begins with a key
// picture, otherwise with the next one. Without another volume the attempt fails with err.
func (i *instance) failOver(err error, payload int) error {
	f := i.file
	if f.sink == nil || !i.r.opts.Volumes.Other(f.sink.lib) { // a file that could not begin was tried everywhere
		return err
	}
	i.failedOver(err)
	i.file = nil
	if cerr := f.close(); cerr != nil {
		i.r.logger.Warn("recording could not be closed", "path", f.rec.Path, "err", cerr)
	}
	i.r.lost(time.Now(), index.GapDisk, explain(err))
	i.fresh = true
	if !i.part.Key || i.part.Duration == 0 {
		return nil
	}
	i.openFile(i.origin.Add(i.part.Start.Truncate(time.Microsecond)), i.part.Start)
	return i.file.write(&i.part, payload)
}

func (i *instance) failedOver(err error) {
	i.r.metrics.errors.Inc()
	i.r.logger.Warn("volume failed, recording goes on in another", "err", err)
}

// nextRotation returns when a file that starts at start ends: on a grid of the file duration, shifted per stream so
// that cameras do not close files in the same instant, and not before a quarter of the duration.
func nextRotation(start time.Time, every, phase time.Duration) time.Time {
	into := (time.Duration(start.UnixMicro())*time.Microsecond - phase) % every
	if into < 0 {
		into += every
	}
	left := every - into
	if left < every/4 {
		left += every
	}
	return start.Add(left)
}

func phase(stream string, every time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(stream))
	return time.Duration(h.Sum64() % uint64(every))
}
