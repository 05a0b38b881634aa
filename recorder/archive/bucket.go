package archive

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// callTimeout bounds a request that carries no media.
const callTimeout = 30 * time.Second

// metaSum is the user metadata that holds an object's SHA-256 as hexadecimal text: what the object claims to be.
const metaSum = "Nightjar-Sha256"

var (
	errNoObject = errors.New("no such object")
	errExists   = errors.New("the object exists already")
)

// bucket is our part of one: the keys below prefix. Paths are relative to it.
type bucket struct {
	core      *minio.Core
	transport *transport
	host      string
	name      string
	prefix    string // empty, or ends with a slash
}

// state is what the server says of an object.
type state struct {
	size    int64
	sum     string // SHA-256 that the server computed, hexadecimal; empty where it does not compute one
	claimed string // SHA-256 that the object was uploaded with
}

// object is one entry of a listing.
type object struct {
	path string
	size int64
}

func openBucket(o Options) (*bucket, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("archive: the endpoint is no address of an S3 server; want for example https://s3.eu-central-1.amazonaws.com")
	}
	next := o.Transport
	if next == nil {
		t, err := minio.DefaultTransport(u.Scheme == "https")
		if err != nil {
			return nil, fmt.Errorf("archive: prepare connections: %w", err)
		}
		t.ResponseHeaderTimeout = 0 // transport watches all of it
		next = t
	}
	region := o.Region
	if region == "" {
		region = "us-east-1"
	}
	b := &bucket{
		transport: &transport{next: next, now: o.Now, stall: stall, readStall: readStall},
		host:      u.Host, name: o.Bucket, prefix: strings.Trim(o.Prefix, "/"),
	}
	if b.prefix != "" {
		b.prefix += "/"
	}
	b.core, err = minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: u.Scheme == "https",
		Transport: b.transport, Region: region, MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return b, nil
}

// reach makes one small signed request, whose refusal says why. A HEAD request would not: it has no room for a reason.
func (b *bucket) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix, MaxKeys: 1}) {
		if o.Err != nil {
			return fmt.Errorf("look into bucket: %w", o.Err)
		}
		break
	}
	return ctx.Err()
}

func (b *bucket) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := b.core.MakeBucket(ctx, b.name, minio.MakeBucketOptions{}); err != nil {
		return fmt.Errorf("create bucket: %w", err)
	}
	return nil
}

func (b *bucket) stat(ctx context.Context, path string) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := b.core.StatObject(ctx, b.name, b.prefix+path, minio.StatObjectOptions{Checksum: true})
	if codeOf(err) == minio.NoSuchKey {
		return state{}, errNoObject
	}
	if err != nil {
		return state{}, fmt.Errorf("look at object: %w", err)
	}
	s := state{size: info.Size, claimed: info.UserMetadata[metaSum]}
	if raw, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256); err == nil {
		s.sum = hex.EncodeToString(raw)
	}
	return s, nil
}

// put uploads n bytes of r, whose SHA-256 is sum. The server refuses other bytes, because the sum is signed. With onlyNew
// an object that exists is left alone: errExists.
func (b *bucket) put(ctx context.Context, path string, r io.Reader, n int64, sum [32]byte, onlyNew bool) error {
	opts := minio.PutObjectOptions{
		ContentType: contentType(path), DisableMultipart: true,
		DisableContentSha256: true, // of chunks; the sum of the whole is signed instead
		UserMetadata:         map[string]string{metaSum: hex.EncodeToString(sum[:]), "X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:])},
	}
	if onlyNew {
		opts.SetMatchETagExcept("*")
	}
	_, err := b.core.PutObject(ctx, b.name, b.prefix+path, r, n, "", hex.EncodeToString(sum[:]), opts)
	if codeOf(err) == minio.PreconditionFailed {
		return errExists
	}
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

func contentType(path string) string {
	if strings.HasSuffix(path, ".mp4") {
		return "video/mp4"
	}
	return "application/x-ndjson"
}

// get opens n bytes of an object from offset on, n < 0 for all that follow, and returns how many the server promises.
func (b *bucket) get(ctx context.Context, path string, offset, n int64) (io.ReadCloser, int64, error) {
	var opts minio.GetObjectOptions
	whole := offset == 0 && n < 0
	if !whole {
		last := ""
		if n >= 0 {
			last = strconv.FormatInt(offset+n-1, 10)
		}
		opts.Set("Range", fmt.Sprintf("bytes=%d-%s", offset, last))
	}
	r, info, header, err := b.core.GetObject(ctx, b.name, b.prefix+path, opts)
	switch codeOf(err) {
	case minio.NoSuchKey, "InvalidRange":
		return nil, 0, errNoObject
	}
	if err != nil {
		return nil, 0, fmt.Errorf("download: %w", err)
	}
	if !whole && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
		return nil, 0, errors.Join(errors.New("download: the server answers with another range than was asked for"), r.Close())
	}
	return r, info.Size, nil
}

// list yields the objects whose paths begin with under, in order of their paths.
func (b *bucket) list(ctx context.Context, under string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + under, Recursive: true}) {
			if o.Err != nil {
				yield(object{}, fmt.Errorf("list bucket: %w", o.Err))
				return
			}
			if p, ok := strings.CutPrefix(o.Key, b.prefix); ok && !yield(object{path: p, size: o.Size}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(object{}, err)
		}
	}
}

// folders returns the names between under and the next slash.
func (b *bucket) folders(ctx context.Context, under string) ([]string, error) {
	var out []string
	for o := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + under}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list bucket: %w", o.Err)
		}
		if name, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, b.prefix+under), "/"); ok {
			out = append(out, name)
		}
	}
	return out, ctx.Err()
}

// remove deletes an object; one that is gone already is no error.
func (b *bucket) remove(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := b.core.RemoveObject(ctx, b.name, b.prefix+path, minio.RemoveObjectOptions{})
	if err != nil && codeOf(err) != minio.NoSuchKey {
		return fmt.Errorf("delete object: %w", err)
	}
	return nil
}

// skew is how far the server's clock is ahead of ours, as of its last answer.
func (b *bucket) skew() time.Duration { return time.Duration(b.transport.skew.Load()) }

// answer is the server's refusal in err, or nil.
func answer(err error) *minio.ErrorResponse {
	var r minio.ErrorResponse
	if !errors.As(err, &r) || r.StatusCode == 0 && r.Code == "" {
		return nil
	}
	return &r
}

func codeOf(err error) string {
	r := answer(err)
	switch {
	case r == nil:
		return ""
	case r.Code == "" && r.StatusCode == http.StatusPreconditionFailed:
		return minio.PreconditionFailed
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return "InvalidRange"
	}
	return r.Code
}
