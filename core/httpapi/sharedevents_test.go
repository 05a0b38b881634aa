package httpapi

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// OpenShared knows one token.
func (*fakeExports) OpenShared(_ context.Context, token string) (io.ReadSeekCloser, int64, string, string, error) {
	if token != "good" {
		return nil, 0, "", "", &nvr.Error{Code: nvr.CodeForbidden, Message: "this link is not valid"}
	}
	return nopSeekCloser{strings.NewReader("a film")}, 6, "video/mp4", "clip.mp4", nil
}

type nopSeekCloser struct{ io.ReadSeeker }

func (nopSeekCloser) Close() error { return nil }

func (w *world) testSharedEvents(t *testing.T) {
	resp := w.do(request{path: "/api/v1/shared-events/good"}, nil)
	if got := text(resp); resp.StatusCode != http.StatusOK || got != "a film" || resp.Header.Get("Content-Type") != "video/mp4" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s %q %v", resp.Status, got, resp.Header)
	}
	if resp := w.do(request{path: "/api/v1/shared-events/forged"}, nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a forged link: %s", resp.Status)
	}
}
