package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Progress hears how many bytes of how many are there.
type Progress func(done, total int64)

// Pull fetches a known model over HTTPS into the directory and verifies it. The file appears only when it is complete
// and right; one that is already there and verified is left alone. progress may be nil.
func (s *Store) Pull(ctx context.Context, name string, progress Progress) error {
	k, known := s.find(name)
	if !known {
		return s.unknown(name)
	}
	if k.URL == "" {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("model %s cannot be fetched: %s", name, k.HowTo)}
	}
	if e, err := s.Verify(name); err != nil || e.State == Verified {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(s.stall, func() { cancel(fmt.Errorf("nothing came for %v", s.stall)) })
	defer watch.Stop()
	body, err := s.get(ctx, k)
	if err != nil {
		return s.pullError(ctx, k, err)
	}
	defer body.Close()
	var done int64
	r := readerFunc(func(p []byte) (int, error) {
		n, err := body.Read(p)
		if n > 0 {
			watch.Reset(s.stall)
			done += int64(n)
			if progress != nil {
				progress(done, k.Bytes)
			}
		}
		return n, err
	})
	if err := s.install(k, r); err != nil {
		return s.pullError(ctx, k, err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (s *Store) get(ctx context.Context, k Known) (io.ReadCloser, error) {
	u, err := url.Parse(k.URL)
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("its address %q is not https", k.URL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.URL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != k.Bytes {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the server offers %d bytes, the model has %d", resp.ContentLength, k.Bytes)
	}
	return resp.Body, nil
}

func (s *Store) pullError(ctx context.Context, k Known, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	host := k.URL
	if u, e := url.Parse(k.URL); e == nil {
		host = u.Host
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
		"model %s could not be fetched from %s; try again, or download %s elsewhere and put it at %s", k.Name, host, k.URL, s.path(k.Name))}
}

// install writes and verifies what r brings.
func (s *Store) install(k Known, r io.Reader) error {
	return s.place(k.Name, s.path(k.Name), func(f io.Writer) error {
		limit := k.Bytes
		for _, same := range k.Same {
			limit = max(limit, same.Bytes)
		}
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(r, limit+1))
		if err != nil {
			return fmt.Errorf("write model file: %w", err)
		}
		if sum := (Sum{SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}); !k.accepts(sum) {
			return fmt.Errorf("the file has %d bytes and SHA-256 %.12s…, expected %d bytes and %.12s…", sum.Bytes, sum.SHA256, k.Bytes, k.SHA256)
		}
		return nil
	})
}

// place puts what write writes, and finds right, at path: a temporary file, synced, renamed, and the directory synced.
func (s *Store) place(name, path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil { //nolint:gosec // models are public
		return fmt.Errorf("create models directory: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "."+name+"-*.part")
	if err != nil {
		return fmt.Errorf("create model file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreGone(f.Close()), ignoreGone(os.Remove(f.Name())))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync model file: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("put model file in place: %w", err)
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("sync models directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreGone(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// PullOrCopy makes sure that a known model is in the directory: already there, else fetched, else copied from
// fallbackDir (see FallbackDir; empty: none). It says which it was: "present", "fetched" or "copied".
func (s *Store) PullOrCopy(ctx context.Context, name, fallbackDir string, progress Progress) (how string, err error) {
	e, err := s.Verify(name)
	if err != nil {
		return "", err
	}
	if e.State == Verified || e.State == Own {
		return "present", nil
	}
	pulled := s.Pull(ctx, name, progress)
	if pulled == nil {
		return "fetched", nil
	}
	if fallbackDir == "" || ctx.Err() != nil {
		return "", pulled
	}
	f, err := os.Open(filepath.Join(fallbackDir, name+".onnx"))
	if err != nil {
		return "", errors.Join(pulled, fmt.Errorf("copy model: %w", err))
	}
	defer f.Close()
	if err := s.install(e.Known, f); err != nil {
		return "", errors.Join(pulled, fmt.Errorf("copy model from %s: %w", fallbackDir, err))
	}
	return "copied", nil
}
