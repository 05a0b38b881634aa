package playback

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// maxServed bounds one request for a byte range; a segment of a 40 Mbit/s camera with a key picture each 10 s fits.
	maxServed = 256 << 20
	// maxInit bounds an init segment, and usualInit holds nearly all: what is asked of the archive at first.
	maxInit   = 1 << 20
	usualInit = 4 << 10
)

// Range is an open byte range of a recording. The caller closes it.
type Range struct {
	io.Reader
	closer io.Closer
	size   int64
}

// Close releases the file, or the connection to the archive.
func (r *Range) Close() error { return r.closer.Close() }

// Size returns the length of the range in bytes.
func (r *Range) Size() int64 { return r.size }

// OpenRange opens n bytes from offset on of the recording of stream whose name is fileMS, all from a playlist's line. It
// looks through the volumes, then asks the archive. Whatever does not exist is CodeNotFound; what cannot be reached now
// is CodeUnavailable.
func (p *Player) OpenRange(ctx context.Context, stream nvr.StreamID, fileMS, offset, n int64) (*Range, error) {
	path, err := pathOf(stream, fileMS)
	if err != nil {
		return nil, err
	}
	if offset < 0 || n <= 0 || n > maxServed || offset > 1<<62 {
		return nil, notFound(nil)
	}
	f, size, err := p.local(path)
	if err == nil {
		if offset > size-n {
			return nil, errors.Join(notFound(nil), f.Close())
		}
		return &Range{Reader: io.NewSectionReader(f, offset, n), closer: f, size: n}, nil
	}
	body, err := p.archived(ctx, path, offset, n, err)
	if err != nil {
		return nil, err
	}
	return &Range{Reader: body, closer: body, size: n}, nil
}

// OpenInit opens the init segment of the recording of stream whose name is fileMS, as OpenRange does.
func (p *Player) OpenInit(ctx context.Context, stream nvr.StreamID, fileMS int64) (*Range, error) {
	path, err := pathOf(stream, fileMS)
	if err != nil {
		return nil, err
	}
	f, size, err := p.local(path)
	if err != nil {
		return p.archivedInit(ctx, path, err)
	}
	n, err := initSize(f, size)
	if err != nil {
		return nil, errors.Join(notFound(err), f.Close())
	}
	return &Range{Reader: io.NewSectionReader(f, 0, n), closer: f, size: n}, nil
}

func pathOf(stream nvr.StreamID, fileMS int64) (string, error) {
	path := library.FilePath(stream, fileMS)
	if _, _, err := library.ParseFilePath(path); err != nil {
		return "", notFound(err)
	}
	return path, nil
}

// local opens the recording at path on the first volume that has it. The error is fs.ErrNotExist where none has it, and
// something else where one may have it and cannot say.
func (p *Player) local(path string) (library.File, int64, error) {
	var trouble error
	for _, v := range p.vols {
		f, err := v.lib.FS().OpenFile(path, os.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			trouble = errors.Join(trouble, fmt.Errorf("open recording in %s: %w", v.lib.Dir(), err))
			continue
		}
		info, err := f.Stat()
		if err == nil {
			return f, info.Size(), nil
		}
		trouble = errors.Join(trouble, fmt.Errorf("look at recording in %s: %w", v.lib.Dir(), err), f.Close())
	}
	if trouble == nil {
		trouble = fs.ErrNotExist
	}
	return nil, 0, trouble
}

// archived opens a range in the archive after the volumes answered with local.
func (p *Player) archived(ctx context.Context, path string, offset, n int64, local error) (io.ReadCloser, error) {
	if p.remote != nil {
		body, err := p.remote.OpenRange(ctx, path, offset, n)
		if err == nil {
			return body, nil
		}
		if nvr.ErrorCode(err) != nvr.CodeNotFound {
			return nil, fmt.Errorf("read %s from the archive: %w", path, err)
		}
	}
	if errors.Is(local, fs.ErrNotExist) && !errors.Is(local, library.ErrMissing) {
		return nil, notFound(local)
	}
	return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: "the disk with this recording cannot be read now, see the storage page", Err: local}
}

func (p *Player) archivedInit(ctx context.Context, path string, local error) (*Range, error) {
	want := int64(usualInit)
	for {
		b, err := p.readArchived(ctx, path, want, local)
		if err != nil {
			return nil, err
		}
		n, err := initSize(bytes.NewReader(b), maxInit)
		if err != nil && int64(len(b)) == want && want < maxInit {
			want = maxInit
			continue
		}
		if err != nil {
			return nil, notFound(err)
		}
		if n > int64(len(b)) {
			want = n
			continue
		}
		return &Range{Reader: io.NewSectionReader(bytes.NewReader(b), 0, n), closer: io.NopCloser(nil), size: n}, nil
	}
}

// readArchived returns the first n bytes of a recording in the archive, or all if it is shorter.
func (p *Player) readArchived(ctx context.Context, path string, n int64, local error) ([]byte, error) {
	body, err := p.archived(ctx, path, 0, n, local)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, n))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: "the archive does not answer, try again later", Err: err}
	}
	return b, nil
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
