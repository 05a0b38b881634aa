package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Links makes and checks tokens that open one file of one export until a time, without an account. They are kept
// nowhere: whoever has the key can check them, and a new key makes all old ones worthless.
type Links struct{ key []byte }

// minLinkKey is the shortest key, as long as the sum it makes.
const minLinkKey = 32

// NewLinks returns Links with a secret key of at least 32 bytes.
func NewLinks(key []byte) (*Links, error) {
	if len(key) < minLinkKey {
		return nil, fmt.Errorf("links: the key has %d bytes, want at least %d", len(key), minLinkKey)
	}
	return &Links{key: append([]byte(nil), key...)}, nil
}

// Sign returns a token for the file name of export id, with characters that need no escaping in a URL.
func (l *Links) Sign(id, name string, expires time.Time) string {
	payload := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	payload = append(payload, id+"\x00"+name...)
	return base64.RawURLEncoding.EncodeToString(append(l.sum(payload), payload...))
}

// Check returns what a token opens at the time now. Error: CodeForbidden, for all that is not a valid token alike,
// except that an expired one says so.
func (l *Links) Check(token string, now time.Time) (id, name string, err error) {
	bad := &nvr.Error{Code: nvr.CodeForbidden, Message: "this link is not valid; ask for a new one"}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < sha256.Size+8 {
		return "", "", errors.Join(bad, err)
	}
	sum, payload := b[:sha256.Size], b[sha256.Size:]
	if !hmac.Equal(sum, l.sum(payload)) {
		return "", "", bad
	}
	if !now.Before(time.Unix(int64(binary.BigEndian.Uint64(payload)), 0)) {
		return "", "", &nvr.Error{Code: nvr.CodeForbidden, Message: "this link has expired; ask for a new one"}
	}
	id, name, ok := strings.Cut(string(payload[8:]), "\x00")
	if !ok {
		return "", "", bad
	}
	return id, name, nil
}

// sum signs payload for this purpose only: the key may serve others too.
func (l *Links) sum(payload []byte) []byte {
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte("nightjar export link 1\x00"))
	h.Write(payload)
	return h.Sum(nil)
}
