package httpapi

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// content is a file to send. Body is closed once sent.
type content struct {
	body io.ReadSeekCloser
	size int64
	mime string
	etag string // quoted, empty for a file that still grows
}

// sendContent answers with a file or the one byte range that was asked for (RFC 9110 §14), so that a download can be
// resumed and a player can seek. Several ranges in one request, and ranges of a file that has changed, get the whole.
func sendContent(c *fiber.Ctx, f content) error {
	c.Set(fiber.HeaderContentType, f.mime)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	if f.etag != "" {
		c.Set(fiber.HeaderETag, f.etag)
	}
	if tag := c.Get(fiber.HeaderIfNoneMatch); f.etag != "" && tag == f.etag {
		c.Status(fiber.StatusNotModified)
		return f.body.Close()
	}
	start, n := int64(0), f.size
	if h := c.Get(fiber.HeaderRange); h != "" && sameVersion(c.Get(fiber.HeaderIfRange), f.etag) {
		from, length, ok := byteRange(h, f.size)
		switch {
		case ok && length == 0:
			_ = f.body.Close()
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", f.size))
			return fiber.NewError(fiber.StatusRequestedRangeNotSatisfiable, "the file does not have the bytes asked for")
		case ok:
			start, n = from, length
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", start, start+n-1, f.size))
		}
	}
	if _, err := f.body.Seek(start, io.SeekStart); err != nil {
		_ = f.body.Close()
		return fmt.Errorf("seek in file to send: %w", err)
	}
	return c.SendStream(limited{io.LimitReader(f.body, n), f.body}, int(n)) // closes it
}

type limited struct {
	io.Reader
	io.Closer
}

// sameVersion reports whether a range of the file the client knows is a range of ours.
func sameVersion(ifRange, etag string) bool { return ifRange == "" || etag != "" && ifRange == etag }

// byteRange reads a Range header with one range. ok is false for what is to be ignored; a length of 0 means that
// the range lies outside of the file.
func byteRange(h string, size int64) (start, length int64, ok bool) {
	spec, found := strings.CutPrefix(h, "bytes=")
	a, b, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	last := size - 1
	if b != "" {
		n, err := strconv.ParseInt(b, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		if a == "" { // the last n bytes
			n = min(n, size)
			return size - n, n, true
		}
		last = min(last, n)
	}
	start, err := strconv.ParseInt(a, 10, 64)
	if err != nil || start < 0 || (b != "" && last < start && start < size) {
		return 0, 0, false
	}
	return start, max(0, last-start+1), true
}
