package models

import (
	"compress/bzip2"
	"context"
	"crypto/sha1" //nolint:gosec // git's own name for a file; the size is checked too
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Group is files that are of use only together. Store.Dir is the folder they lie in.
type Group struct {
	Name    string
	Summary string // one line for a list
	Licence string // SPDX identifier
	Files   []GroupFile
}

// GroupFile is one file of a group, as it lies on disk and as it is fetched.
type GroupFile struct {
	Name  string
	URL   string // of the file packed with bzip2
	Blob  string // git's name of the unpacked file: SHA-1 of "blob <size>\0" and its bytes
	Bytes int64  // of the unpacked file
}

const dlibModels = "https://github.com/davisking/dlib-models/raw/master/"

// Dlib returns the models of face recognition. The finder of 68 landmarks is not among them: its data forbid commercial use.
func Dlib() Group {
	file := func(name, blob string, size int64) GroupFile {
		return GroupFile{Name: name, URL: dlibModels + name + ".bz2", Blob: blob, Bytes: size}
	}
	return Group{
		Name: "dlib", Summary: "face recognition: detector, landmarks, embedding", Licence: "CC0-1.0",
		Files: []GroupFile{
			file("dlib_face_recognition_resnet_model_v1.dat", "ddb515897db3724ddeed593083d3f39818db1a54", 22466066),
			file("shape_predictor_5_face_landmarks.dat", "67878ed3894d929c5e03bd1ad2d931cc6d745ee7", 9150489),
			file("mmod_human_face_detector.dat", "f112a0a45dbda96080352c45f615d00ddd4f130c", 729940),
		},
	}
}

// VerifyGroup says how the files stand: Verified only when all are. A missing or damaged file is a state, not an error.
func (s *Store) VerifyGroup(g Group) (State, error) {
	out := Verified
	for _, f := range g.Files {
		state, err := s.verifyFile(f)
		switch {
		case err != nil:
			return "", err
		case state == Damaged:
			return Damaged, nil
		case state == Missing:
			out = Missing
		}
	}
	return out, nil
}

func (s *Store) verifyFile(gf GroupFile) (State, error) {
	f, err := os.Open(filepath.Join(s.dir, gf.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return Missing, nil
	}
	if err != nil {
		return "", fmt.Errorf("verify model %s: %w", gf.Name, err)
	}
	defer f.Close()
	n, sum, err := copyBlob(io.Discard, f, gf.Bytes)
	if err != nil {
		return "", fmt.Errorf("verify model %s: %w", gf.Name, err)
	}
	if n != gf.Bytes || sum != gf.Blob {
		return Damaged, nil
	}
	return Verified, nil
}

// copyBlob copies at most size+1 bytes and returns how many there were and git's name of a blob of size bytes with them.
func copyBlob(w io.Writer, r io.Reader, size int64) (int64, string, error) {
	h := sha1.New() //nolint:gosec // see above
	fmt.Fprintf(h, "blob %d\x00", size)
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, size+1))
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// PullGroup fetches the files that are missing or damaged over HTTPS, unpacks and verifies them. Each appears only when it is
// complete and right. progress may be nil; it counts unpacked bytes of all files.
func (s *Store) PullGroup(ctx context.Context, g Group, progress Progress) error {
	var total, done int64
	for _, f := range g.Files {
		total += f.Bytes
	}
	for _, f := range g.Files {
		state, err := s.verifyFile(f)
		if err != nil {
			return err
		}
		if state != Verified {
			if err := s.pullFile(ctx, f); err != nil {
				return err
			}
		}
		if done += f.Bytes; progress != nil {
			progress(done, total)
		}
	}
	return nil
}

func (s *Store) pullFile(ctx context.Context, f GroupFile) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(s.stall, func() { cancel(fmt.Errorf("nothing came for %v", s.stall)) })
	defer watch.Stop()
	err := s.fetchPacked(ctx, f, func() { watch.Reset(s.stall) })
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	host := f.URL
	if u, e := url.Parse(f.URL); e == nil {
		host = u.Host
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
		"model %s could not be fetched from %s; try again, or unpack %s into %s", f.Name, host, f.URL, s.dir)}
}

// fetchPacked fetches a file and puts it in place. alive hears of each piece that comes.
func (s *Store) fetchPacked(ctx context.Context, gf GroupFile, alive func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, gf.URL, nil)
	if err != nil {
		return err
	}
	if req.URL.Scheme != "https" {
		return fmt.Errorf("its address %q is not https", gf.URL)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return s.unpack(gf, aliveReader{resp.Body, alive})
}

// aliveReader tells of each read.
type aliveReader struct {
	io.Reader
	alive func()
}

func (r aliveReader) Read(p []byte) (int, error) {
	r.alive()
	return r.Reader.Read(p)
}

// unpack writes and verifies what r brings.
func (s *Store) unpack(gf GroupFile, r io.Reader) error {
	return s.place(gf.Name, filepath.Join(s.dir, gf.Name), func(f io.Writer) error {
		n, sum, err := copyBlob(f, bzip2.NewReader(r), gf.Bytes)
		if err != nil {
			return fmt.Errorf("unpack model: %w", err)
		}
		if n != gf.Bytes || sum != gf.Blob {
			return fmt.Errorf("the file has %d bytes and the git blob id %.12s…, expected %d bytes and %.12s…", n, sum, gf.Bytes, gf.Blob)
		}
		return nil
	})
}
