package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

const (
	basePlaceholder  = "/__NIGHTJAR_BASE__"
	noncePlaceholder = "__NIGHTJAR_NONCE__"

	// Below this size gzip saves less than the header of a packet.
	minGzipBytes = 1024
	notFoundPage = "404.html"
)

var (
	ingressBase = regexp.MustCompile(`^/api/hassio_ingress/[A-Za-z0-9_-]+$`)
	plainBase   = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)*$`)
)

// ValidBase reports whether s may be written into a page as its path prefix: "", a configured prefix such as "/nvr/cams",
// or the one that Home Assistant's ingress announces. No such text can leave an attribute, a string literal or a path.
// Whether the sender of a header may be believed is for the caller to decide.
func ValidBase(s string) bool {
	return len(s) <= 256 && (plainBase.MatchString(s) || ingressBase.MatchString(s))
}

// File is one file of the interface, ready to be served.
type File struct {
	// Name is the path inside the export, "timeline/index.html".
	Name string
	// ContentType is complete, with the charset where there is one.
	ContentType string
	// Immutable says that the name holds a hash of the content: cacheable for a year. Other files must be revalidated,
	// and those without an ETag must not be stored at all, for they differ by request.
	Immutable bool
	// NotFound says that the path asked for does not exist and this is the page that says so: status 404.
	NotFound bool
	// ETag is a strong validator with its quotes, empty for templated files.
	ETag string
	// Gzip is the compressed body, nil where there is none; it has an ETag of its own only by Content-Encoding's rules,
	// so answer with "Vary: Accept-Encoding".
	Gzip []byte

	body     []byte
	template []piece
}

type slot int

const (
	slotNone slot = iota
	slotBase
	slotNonce
)

// piece is literal text and what follows it.
type piece struct {
	text []byte
	then slot
}

// Templated reports whether Body depends on its arguments, which is so for HTML and for Next's page data.
func (f File) Templated() bool { return f.template != nil }

// Body returns the content for a page served below base, whose scripts carry nonce. base must have passed ValidBase and
// nonce must be base64; both are ignored for files that are not templated. The caller must not change what it gets.
func (f File) Body(base, nonce string) []byte {
	if f.template == nil {
		return f.body
	}
	var out bytes.Buffer
	out.Grow(len(f.body) + 256)
	for _, p := range f.template {
		out.Write(p.text)
		switch p.then {
		case slotBase:
			out.WriteString(base)
		case slotNonce:
			out.WriteString(nonce)
		case slotNone:
		}
	}
	return out.Bytes()
}

// Site is the interface in memory, by path. It is safe for concurrent use, since nothing in it changes.
type Site struct {
	files map[string]File
}

// New reads all of fsys, which must hold an index.html. The export is about two megabytes.
func New(fsys fs.FS) (*Site, error) {
	site := &Site{files: make(map[string]File)}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		file, err := newFile(name, body)
		site.files[name] = file
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read user interface: %w", err)
	}
	if _, ok := site.files["index.html"]; !ok {
		return nil, fmt.Errorf("read user interface: index.html: %w", fs.ErrNotExist)
	}
	return site, nil
}

// Lookup finds the file for a decoded URL path below the prefix: the file of that name, else name.html, else the
// index.html of that folder, with or without a slash at the end. For anything else it returns the page 404.html with
// NotFound set, or false where the export has none.
func (s *Site) Lookup(urlPath string) (File, bool) {
	name := strings.TrimPrefix(path.Clean("/"+urlPath), "/")
	for _, candidate := range []string{name, name + ".html", path.Join(name, "index.html")} {
		if file, ok := s.files[candidate]; ok {
			return file, true
		}
	}
	file, ok := s.files[notFoundPage]
	file.NotFound = true
	return file, ok
}

func newFile(name string, body []byte) (File, error) {
	file := File{Name: name, ContentType: contentType(name), body: body}
	ext := path.Ext(name)
	if ext == ".html" || ext == ".txt" {
		file.template = split(body)
		return file, nil
	}
	sum := sha256.Sum256(body)
	file.ETag = `"` + hex.EncodeToString(sum[:12]) + `"`
	file.Immutable = strings.HasPrefix(name, "_next/static/")
	if len(body) < minGzipBytes || !compressible(file.ContentType) {
		return file, nil
	}
	packed, err := compress(body)
	if err != nil {
		return file, fmt.Errorf("compress %s: %w", name, err)
	}
	if len(packed) < len(body) {
		file.Gzip = packed
	}
	return file, nil
}

// split cuts text at the placeholders once, so that a request only joins.
func split(text []byte) []piece {
	pieces := []piece{}
	for {
		base, nonce := bytes.Index(text, []byte(basePlaceholder)), bytes.Index(text, []byte(noncePlaceholder))
		switch {
		case base < 0 && nonce < 0:
			return append(pieces, piece{text: text})
		case nonce < 0 || (base >= 0 && base < nonce):
			pieces = append(pieces, piece{text: text[:base], then: slotBase})
			text = text[base+len(basePlaceholder):]
		default:
			pieces = append(pieces, piece{text: text[:nonce], then: slotNonce})
			text = text[nonce+len(noncePlaceholder):]
		}
	}
}

// contentType is fixed here rather than taken from the system's tables, which differ between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".txt":
		// Next asks for page data with its own header and expects this type.
		return "text/plain; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".webmanifest":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	default:
		return "application/octet-stream"
	}
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "image/svg") || contentType == "application/json"
}

func compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(writer, bytes.NewReader(body)); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
