// Package whole finds out what of a recording's file is whole, and describes it as its writer would have: for the recovery
// after a crash and for fsck. It changes nothing.
package whole

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// minSegment is the writer's: a segment ends at the first key picture after it.
const minSegment = 1900 * time.Millisecond

// block is how much a device writes at once. No whole block of a recording is zeros: where one is, its bytes did not reach
// the device before the power went.
const block = 4096

// tailZeros is how many zeros at the end of a file tell the same of a block that was not full, alignedZeros how many from a
// block's beginning on. Pictures never have so many; silent audio may end in a few hundred.
const (
	tailZeros    = 1024
	alignedZeros = 64
)

// ErrNoVideo says that a file has no whole part with a picture.
var ErrNoVideo = errors.New("no video in it")

// Content is what of a file is whole.
type Content struct {
	Layout *fmp4.Layout // its parts are whole and have their bytes; Size is where the last of them ends; nil without an init segment
	Size   int64        // of the file
	CRC    uint32       // CRC-32C up to Layout.Size
	Prefix uint32       // CRC-32C of as many bytes as the journal says, when the file has so many
	Init   uint32       // CRC-32C of the init segment
}

// Read finds what of the file at p is whole, reading all of it. Where it is what rec says, which may be nil, every
// byte is believed. The error is ErrNoVideo, says what about the init segment is not understood, or is the disk's.
func Read(fsys library.FS, p string, rec *index.Recording) (*Content, error) {
	f, err := fsys.OpenFile(p, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &Content{Size: info.Size()}
	believed := false
	if rec != nil && c.Size >= rec.Bytes {
		if c.Prefix, err = sum(f, rec.Bytes); err != nil {
			return nil, err
		}
		believed = c.Prefix == rec.CRC && c.Size == rec.Bytes
	}
	if c.Layout, err = fmp4.Scan(f, c.Size); errors.Is(err, fmp4.ErrNoInit) {
		return c, ErrNoVideo
	} else if err != nil {
		return nil, err
	}
	if !believed {
		zeros, err := firstZeros(f, c.Layout.Size)
		if err != nil {
			return nil, err
		}
		if zeros < c.Layout.InitBytes {
			c.Layout = nil
			return c, ErrNoVideo
		}
		c.Cut(zeros)
	}
	if !slices.ContainsFunc(c.Layout.Parts, pictures) {
		return c, ErrNoVideo
	}
	if c.Init, err = sum(f, c.Layout.InitBytes); err == nil {
		c.CRC, err = sum(f, c.Layout.Size)
	}
	return c, err
}

// Cut takes out the parts that do not end before at.
func (c *Content) Cut(at int64) {
	n := slices.IndexFunc(c.Layout.Parts, func(p fmp4.PartInfo) bool { return p.Offset+p.Bytes > at })
	if n < 0 {
		return
	}
	c.Layout.Size = c.Layout.Parts[n].Offset
	c.Layout.Parts = c.Layout.Parts[:n]
}

// More tells whether the file at p has the beginning of a part where no torn write can have left it: behind the part that is
// not whole, or in a file whose init segment cannot be read. A process that is killed leaves one torn part and nothing behind
// it; a disk that lost a block leaves parts that somebody may still read.
func (c *Content) More(fsys library.FS, p string) (bool, error) {
	f, err := fsys.OpenFile(p, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	at := int64(0)
	if c.Layout != nil {
		at = c.Layout.Size + int64(len("size")+len(partName)) // the torn part's own name
	}
	buf := make([]byte, 64*block)
	for at < c.Size {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), c.Size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read: %w", err)
		}
		if bytes.Contains(buf[:n], []byte(partName)) {
			return true, nil
		}
		if n < len(buf) {
			return false, nil
		}
		at += int64(n - len(partName) + 1) // a name may lie across
	}
	return false, nil
}

const partName = "moof"

// pictures tells whether the part has a place in time: one without pictures, at the end of a session, has none.
func pictures(p fmp4.PartInfo) bool { return p.Duration > 0 }

// Torn tells whether the last block of a file of size bytes did not reach the device.
func Torn(fsys library.FS, p string, size int64) (bool, error) {
	f, err := fsys.OpenFile(p, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	from := max(0, size-1) / block * block
	zeros, err := firstZeros(io.NewSectionReader(f, from, size-from), size-from)
	return zeros < size-from, err
}

// firstZeros returns where in the first size bytes of f a block or the end of the file is zeros, or size.
func firstZeros(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64*block)
	zero := make([]byte, block)
	for at := int64(0); at < size; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), size-at)]
		if _, err := f.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read: %w", err)
		}
		for i := 0; i < len(b); i += block {
			one := b[i:min(i+block, len(b))]
			if len(one) >= alignedZeros && bytes.Equal(one, zero[:len(one)]) {
				return at + int64(i), nil
			}
			if last := at+int64(i+len(one)) == size; last {
				if n := len(bytes.TrimRight(one, "\x00")); len(one)-n >= tailZeros {
					return at + int64(i+n), nil
				}
			}
		}
	}
	return size, nil
}

func sum(f io.ReaderAt, size int64) (uint32, error) {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return 0, fmt.Errorf("read: %w", err)
	}
	return h.Sum32(), nil
}

// From returns where the file's pictures begin on its run's timeline.
func (c *Content) From() time.Duration {
	return c.Layout.Parts[slices.IndexFunc(c.Layout.Parts, pictures)].Start.Truncate(time.Microsecond)
}

// To returns where they end.
func (c *Content) To() time.Duration {
	for _, p := range slices.Backward(c.Layout.Parts) {
		if pictures(p) {
			return (p.Start + p.Duration).Truncate(time.Microsecond)
		}
	}
	return 0
}

// Describe builds the row of the file at p that starts at start, as the writer would have.
func (c *Content) Describe(stream nvr.StreamID, p string, start time.Time) index.Recording {
	r := index.Recording{
		Stream: stream, Start: start, Path: p, Duration: c.To() - c.From(), Bytes: c.Layout.Size, InitBytes: c.Layout.InitBytes,
		CRC: c.CRC, Codecs: fmp4.Codecs(c.Layout.Desc),
	}
	if i := c.Layout.Desc.VideoTrack(); i >= 0 {
		r.Width, r.Height = c.Layout.Desc.Tracks[i].Width, c.Layout.Desc.Tracks[i].Height
	}
	for _, part := range c.Layout.Parts {
		at := part.Start.Truncate(time.Microsecond) - c.From()
		n := len(r.Segments)
		switch {
		case n == 0:
			r.Segments = append(r.Segments, index.Segment{Offset: part.Offset, Bytes: part.Bytes})
		case pictures(part) && part.Key && at-r.Segments[n-1].Start >= minSegment:
			r.Segments[n-1].Duration = at - r.Segments[n-1].Start
			r.Segments = append(r.Segments, index.Segment{Offset: part.Offset, Bytes: part.Bytes, Start: at})
		default:
			r.Segments[n-1].Bytes += part.Bytes
		}
	}
	last := &r.Segments[len(r.Segments)-1]
	last.Duration = r.Duration - last.Start
	return r
}

// maxSegment is the longest segment that playback serves.
const maxSegment = 256 << 20

// PlaysBehind tells whether a segment of rec that begins behind what is whole of its file consists of whole parts.
func (c *Content) PlaysBehind(fsys library.FS, rec *index.Recording) (bool, error) {
	f, err := fsys.OpenFile(rec.Path, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, s := range slices.Backward(rec.Segments) {
		if s.Offset < c.Layout.Size || s.Bytes > maxSegment {
			continue
		}
		b := make([]byte, s.Bytes)
		if _, err := f.ReadAt(b, s.Offset); err != nil {
			return false, fmt.Errorf("read: %w", err)
		}
		zeros, err := firstZeros(bytes.NewReader(b), s.Bytes)
		if err != nil {
			return false, err
		}
		if samples, err := fmp4.ReadSamples(b, c.Layout.Desc); err == nil && len(samples) > 0 && zeros == s.Bytes {
			return true, nil
		}
	}
	return false, nil
}

// guessed is by how much the end of a recording may differ from its boxes: the last picture's duration was not known
// when its part was written.
const guessed = 2 * time.Second

// Differs says what of rec the boxes contradict, or returns "".
func (c *Content) Differs(rec *index.Recording) string {
	switch {
	case rec.InitBytes != c.Layout.InitBytes:
		return fmt.Sprintf("the init segment has %d bytes, the journal says %d", c.Layout.InitBytes, rec.InitBytes)
	case rec.Codecs != fmp4.Codecs(c.Layout.Desc):
		return fmt.Sprintf("the video is %s, the journal says %s", fmp4.Codecs(c.Layout.Desc), rec.Codecs)
	case (rec.Duration - (c.To() - c.From())).Abs() > guessed:
		return fmt.Sprintf("it lasts %v, the journal says %v", c.To()-c.From(), rec.Duration)
	}
	at := time.Duration(0)
	for i, s := range rec.Segments {
		n := slices.IndexFunc(c.Layout.Parts, func(p fmp4.PartInfo) bool { return p.Offset == s.Offset })
		if n < 0 || s.Start != at {
			return fmt.Sprintf("segment %d does not begin at a part", i+1)
		}
		p := c.Layout.Parts[n]
		if i > 0 && (!p.Key || !pictures(p) || (p.Start.Truncate(time.Microsecond)-c.From()-s.Start).Abs() > time.Microsecond) {
			return fmt.Sprintf("segment %d does not begin at a key picture at its time", i+1)
		}
		at = s.Start + s.Duration
	}
	if n := len(rec.Segments) - 1; rec.Segments[n].Offset+rec.Segments[n].Bytes != rec.Bytes || at != rec.Duration {
		return "the segments do not cover the recording"
	}
	return ""
}

// Continues tells whether next can be played behind c without a break: its init segment is the same and its media timeline
// goes on.
func (c *Content) Continues(next *Content) bool {
	return c.Layout != nil && next.Layout != nil && c.Init == next.Init && (next.From()-c.To()).Abs() <= guessed && next.From() > c.From()
}
