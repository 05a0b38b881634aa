package playback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// maxServed bounds one request for a byte range; a segment of a 40 Mbit/s camera with a key picture each 10 s fits.
const maxServed = 256 << 20

// Range is an open byte range of a recording. The caller closes it.
type Range struct {
	*io.SectionReader
	file *os.File
}

// Close releases the file.
func (r *Range) Close() error { return r.file.Close() }

// OpenRange opens n bytes from offset on of the recording of stream whose name is fileMS, all from a playlist's line.
// Whatever else is asked for does not exist: CodeNotFound.
func (p *Player) OpenRange(stream nvr.StreamID, fileMS, offset, n int64) (*Range, error) {
	f, size, err := p.file(stream, fileMS)
	if err != nil {
		return nil, err
	}
	if offset < 0 || n <= 0 || n > maxServed || offset > size-n {
		return nil, errors.Join(notFound(nil), f.Close())
	}
	return &Range{SectionReader: io.NewSectionReader(f, offset, n), file: f}, nil
}

// OpenInit opens the init segment of the recording of stream whose name is fileMS.
func (p *Player) OpenInit(stream nvr.StreamID, fileMS int64) (*Range, error) {
	f, size, err := p.file(stream, fileMS)
	if err != nil {
		return nil, err
	}
	n, err := initSize(f, size)
	if err != nil {
		return nil, errors.Join(notFound(err), f.Close())
	}
	return &Range{SectionReader: io.NewSectionReader(f, 0, n), file: f}, nil
}

func (p *Player) file(stream nvr.StreamID, fileMS int64) (*os.File, int64, error) {
	path := library.FilePath(stream, fileMS)
	if _, _, err := library.ParseFilePath(path); err != nil {
		return nil, 0, notFound(err)
	}
	f, err := p.lib.Root().Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, notFound(err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open recording: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("look at recording: %w", err), f.Close())
	}
	return f, info.Size(), nil
}

// initSize adds up the two boxes before the first part.
func initSize(r io.ReaderAt, size int64) (int64, error) {
	at := int64(0)
	for _, want := range []string{"ftyp", "moov"} {
		var h [8]byte
		if _, err := r.ReadAt(h[:], at); err != nil {
			return 0, fmt.Errorf("read init segment: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(h[:]))
		if string(h[4:]) != want || n < 8 || n > size-at {
			return 0, errors.New("recording does not begin with an init segment")
		}
		at += n
	}
	return at, nil
}

func notFound(err error) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: "this piece of recording does not exist, it may have been deleted", Err: err}
}
