package preview

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	clock    = 90000
	maxGOP   = 10              // pictures; a seek decodes half of it on average
	perPart  = 5               // pictures, and about seconds, from a picture to its being on disk
	maxHold  = 2 * time.Second // the longest a picture lasts; then the timeline has a hole
	lastHold = time.Second     // what the last picture lasts
)

// hourFile is a file that is being written. It is one goroutine's, except for size and end.
type hourFile struct {
	hour  time.Time
	file  library.File
	size  atomic.Int64 // bytes of whole parts
	ends  atomic.Int64 // where on the timeline they end, ticks
	init  []byte       // ftyp+moov until written
	track media.Track
	enc   *encode.Encoder
	// inBand is set when the encoder's parameter sets are not those of the file, which another version of libx264 began:
	// then they go with each key picture.
	inBand bool

	width  int
	buf    []byte // the scaled picture
	scaler scaler
	seq    uint32
	part   fmp4.Part
	wait   []fmp4.Picture // not written yet; the last one's duration is not known
}

// openHour opens the file of an hour, new for pictures shaped like width by height, or goes on where it was left. What a
// crash left at its end is cut off.
func (p *Previews) openHour(id nvr.CameraID, hour time.Time, width, height int) (h *hourFile, err error) {
	name := hourPath(id, hour)
	f, err := p.fs.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if errors.Is(err, fs.ErrNotExist) {
		if err := p.fs.MkdirAll(path.Dir(name), 0o750); err != nil {
			return nil, fmt.Errorf("create directory of preview %s: %w", name, err)
		}
		f, err = p.fs.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	}
	if err != nil {
		return nil, fmt.Errorf("open preview: %w", err)
	}
	h = &hourFile{hour: hour, file: f, width: fitWidth(width, height)}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open preview %s: %w", name, errors.Join(err, h.close()))
			h = nil
		}
	}()
	begun, err := h.resume()
	if err != nil {
		return h, err
	}
	if h.enc, err = openEncoder(h.width, p.crf); err != nil {
		return h, err
	}
	if begun {
		h.inBand = !bytes.Equal(h.enc.SPS(), h.track.SPS) || !bytes.Equal(h.enc.PPS(), h.track.PPS)
		return h, nil
	}
	h.track = media.Track{Codec: media.H264, ClockRate: clock, SPS: h.enc.SPS(), PPS: h.enc.PPS()}
	h.init, err = fmp4.Init(&media.Description{Tracks: []media.Track{h.track}})
	return h, err
}

// resume reads how far the file is and cuts off what is not whole. It reports false for a file to begin anew.
func (h *hourFile) resume() (bool, error) {
	info, err := h.file.Stat()
	if err != nil {
		return false, err
	}
	l, err := fmp4.Scan(h.file, info.Size())
	if err != nil && !errors.Is(err, fmp4.ErrNoInit) {
		return false, err
	}
	if err != nil || len(l.Parts) == 0 || !ours(l.Desc) {
		return false, h.file.Truncate(0)
	}
	h.track = l.Desc.Tracks[0]
	h.width = h.track.Width
	last := l.Parts[len(l.Parts)-1]
	h.seq = uint32(len(l.Parts)) //nolint:gosec // an hour has a thousand parts
	h.size.Store(l.Size)
	h.ends.Store(ticks(last.Start + last.Duration))
	if l.Size < info.Size() {
		if err := h.file.Truncate(l.Size); err != nil {
			return false, err
		}
	}
	_, err = h.file.Seek(l.Size, io.SeekStart)
	return true, err
}

// ours reports whether a file with this description can be gone on with.
func ours(d *media.Description) bool {
	t := d.Tracks[0]
	return len(d.Tracks) == 1 && t.Codec == media.H264 && t.ClockRate == clock && t.Height == height && t.Width >= minWidth && t.Width <= maxWidth
}

// ticks converts to the file's clock, to the nearest tick.
func ticks(d time.Duration) int64 {
	return int64(d/time.Second)*clock + (int64(d%time.Second)*clock+int64(time.Second)/2)/int64(time.Second)
}

// add encodes f at its time in the hour. It reports false for a picture from before the latest one, and how many bytes
// were written, which is 0 most of the time.
func (h *hourFile) add(f *decode.Frame) (wrote int64, ok bool, err error) {
	at := ticks(f.Time.Sub(h.hour))
	hole := h.hole(at)
	if hole < 0 {
		return 0, false, nil
	}
	if hole > 0 {
		if wrote, err = h.flush(); err != nil {
			return wrote, false, err
		}
	} else if n := len(h.wait); n > 0 {
		h.wait[n-1].Duration = at - h.wait[n-1].DTS
		if n >= perPart {
			if wrote, err = h.writePart(); err != nil {
				return wrote, false, err
			}
		}
	}
	h.buf = h.scaler.fit(h.buf, f, h.width, height)
	packets, err := h.enc.Encode(h.buf, at, hole > 0)
	if err != nil {
		return wrote, false, err
	}
	for _, p := range packets {
		h.wait = append(h.wait, h.picture(p))
	}
	return wrote, true, nil
}

// hole returns how much longer than maxHold the picture before would have to last until at: 0 when there is no hole,
// less than 0 when at does not lie after the picture before.
func (h *hourFile) hole(at int64) int64 {
	if n := len(h.wait); n > 0 {
		step := at - h.wait[n-1].DTS
		if step <= 0 {
			return -1
		}
		return max(0, step-ticks(maxHold))
	}
	if at < h.ends.Load() {
		return -1
	}
	return 1 // the first picture, or the first after a flush
}

func (h *hourFile) picture(p encode.Packet) fmp4.Picture {
	units := p.NALs
	if h.inBand && p.Key {
		units = append([][]byte{h.enc.SPS(), h.enc.PPS()}, units...)
	}
	return fmp4.Picture{DTS: p.PTS, Key: p.Key, Units: units}
}

// flush writes everything. The last picture lasts a second, but not beyond the hour.
func (h *hourFile) flush() (int64, error) {
	n := len(h.wait)
	if n == 0 {
		return 0, nil
	}
	last := &h.wait[n-1]
	last.Duration = max(1, min(ticks(lastHold), ticks(time.Hour)-last.DTS))
	return h.writePart()
}

// writePart writes the waiting pictures with one system call. After an error the file is as it was before.
func (h *hourFile) writePart() (int64, error) {
	h.seq++
	fmp4.WritePart(&h.part, h.seq, h.track, h.wait)
	bufs := h.part.Buffers
	if h.init != nil {
		bufs = append([][]byte{h.init}, bufs...)
	}
	size := int64(0)
	for _, b := range bufs {
		size += int64(len(b))
	}
	n, err := h.file.Writev(bufs)
	if err == nil && int64(n) < size {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, fmt.Errorf("write part: %w", errors.Join(err, h.file.Truncate(h.size.Load())))
	}
	last := h.wait[len(h.wait)-1]
	h.init = nil
	h.wait = h.wait[:0]
	h.ends.Store(last.DTS + last.Duration)
	h.size.Add(size)
	return size, nil
}

// close releases the file without writing.
func (h *hourFile) close() error {
	if h.enc != nil {
		h.enc.Close()
	}
	return h.file.Close()
}
