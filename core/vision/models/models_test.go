package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var content = []byte(strings.Repeat("weights ", 20000))

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// newStore returns a store that knows one model, served by a local server.
func newStore(t *testing.T, handler http.HandlerFunc) (*Store, *httptest.Server) {
	t.Helper()
	srv := httptest.NewTLSServer(handler)
	s := New(filepath.Join(t.TempDir(), "models"), srv.Client())
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		srv.Close()
	})
	s.known = []Known{
		{Name: "tiny", Licence: "MIT", URL: srv.URL + "/tiny.onnx", SHA256: sumOf(content), Bytes: int64(len(content))},
		{Name: "byo", HowTo: "export it yourself"},
	}
	return s, srv
}

func serve(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
}

// leftovers lists what a failed pull must not leave.
func leftovers(t *testing.T, s *Store) []string {
	t.Helper()
	files, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, f.Name())
	}
	return out
}

func TestPull(t *testing.T) {
	requests := 0
	s, _ := newStore(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		serve(content)(w, r)
	})
	var last, total int64
	for range 2 {
		if err := s.Pull(t.Context(), "tiny", func(d, n int64) { last, total = d, n }); err != nil {
			t.Fatal(err)
		}
	}
	if requests != 1 {
		t.Fatalf("%d requests: a verified model was fetched again", requests)
	}
	if last != int64(len(content)) || total != last {
		t.Fatalf("progress ended at %d of %d", last, total)
	}
	if e, err := s.Verify("tiny"); err != nil || e.State != Verified {
		t.Fatalf("%+v, %v", e, err)
	}
	// A damaged file is noticed and replaced.
	if err := os.WriteFile(s.path("tiny"), []byte("oops"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, _ := s.Verify("tiny"); e.State != Damaged {
		t.Fatalf("damaged file is %s", e.State)
	}
	if err := s.Pull(t.Context(), "tiny", nil); err != nil || requests != 2 {
		t.Fatalf("%v, %d requests", err, requests)
	}
	if p, err := s.Resolve("tiny"); err != nil || p != s.path("tiny") {
		t.Fatal(p, err)
	}
}

func TestPullRefusesWhatIsNotTheModel(t *testing.T) {
	other := append([]byte(nil), content...)
	other[100] ^= 1
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"other bytes", serve(other), "SHA-256"},
		{"shorter", serve(content[:1000]), "offers 1000 bytes"},
		{"not found", http.NotFound, "404"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(content); err != nil {
					return
				}
			}
		}, "SHA-256"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "160000")
			_, _ = w.Write(content[:5000])
		}, "unexpected EOF"},
		{"plain http", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/tiny.onnx", http.StatusFound)
		}, "not safe"},
		{"redirect loop", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, "too often"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newStore(t, c.handler)
			err := s.Pull(t.Context(), "tiny", nil)
			if nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), s.path("tiny")) {
				t.Fatalf("%v, want %q and where to put the file", err, c.want)
			}
			if l := leftovers(t, s); len(l) > 0 {
				t.Fatalf("left behind: %v", l)
			}
		})
	}
}

func TestPullGivesUpOnAStalledServer(t *testing.T) {
	s, _ := newStore(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "160000")
		_, _ = w.Write(content[:100])
		w.(http.Flusher).Flush() //nolint:forcetypeassert // the test server's writer can
		<-r.Context().Done()
	})
	s.stall = 50 * time.Millisecond
	if err := s.Pull(t.Context(), "tiny", nil); err == nil || !strings.Contains(err.Error(), "nothing came for") {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Pull(ctx, "tiny", nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if l := leftovers(t, s); len(l) > 0 {
		t.Fatalf("left behind: %v", l)
	}
}

func TestPullOrCopy(t *testing.T) {
	s, srv := newStore(t, serve(content))
	srv.Close() // out of reach
	again := []byte("the same weights, exported again")
	s.known[0].Same = []Sum{{SHA256: sumOf(again), Bytes: int64(len(again))}}
	fallback := t.TempDir()
	if _, err := s.PullOrCopy(t.Context(), "tiny", "", nil); err == nil {
		t.Fatal("no error without server and fallback")
	}
	if _, err := s.PullOrCopy(t.Context(), "tiny", fallback, nil); err == nil || !strings.Contains(err.Error(), "copy model") {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fallback, "tiny.onnx"), again[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PullOrCopy(t.Context(), "tiny", fallback, nil); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Fatal("a wrong copy was taken:", err)
	}
	if err := os.WriteFile(filepath.Join(fallback, "tiny.onnx"), again, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"copied", "present"} {
		if how, err := s.PullOrCopy(t.Context(), "tiny", fallback, nil); err != nil || how != want {
			t.Fatalf("%q, %v, want %s", how, err, want)
		}
	}
}

func TestListAndResolve(t *testing.T) {
	s, _ := newStore(t, serve(content))
	if l, err := s.List(); err != nil || len(l) != 2 || l[0].State != Missing {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := s.Pull(t.Context(), "tiny", nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"mine.onnx", "mine.labels", "notes.txt", ".hidden.onnx", "byo.onnx"} {
		if err := os.WriteFile(filepath.Join(s.dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.List()
	if err != nil || len(l) != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	if l[0].State != Verified || l[1].State != Own || l[2].Name != "mine" || l[2].State != Own || l[2].Labels == "" {
		t.Fatalf("%+v", l)
	}
	own := filepath.Join(s.dir, "mine.onnx")
	for in, want := range map[string]string{"mine": own, own: own, "tiny": s.path("tiny")} {
		if p, err := s.Resolve(in); err != nil || p != want {
			t.Errorf("%s: %q, %v", in, p, err)
		}
	}
	if err := os.Remove(s.path("byo")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path("tiny")); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"tiny": "nightjar models pull tiny", "byo": "export it yourself", "nope": "known are tiny, byo", "../../etc/passwd": "there is no model file",
		"": "there is no model", "a b": "there is no model", "gone.onnx": "there is no model file",
	} {
		if _, err := s.Resolve(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	if err := s.Pull(t.Context(), "byo", nil); err == nil || !strings.Contains(err.Error(), "export it yourself") {
		t.Error(err)
	}
	if err := s.Pull(t.Context(), "../x", nil); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Error(err)
	}
}

func TestRegistry(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Registry() {
		if seen[k.Name] || !namePattern.MatchString(k.Name) || k.Licence == "" || k.Summary == "" || k.Width == 0 {
			t.Errorf("%+v", k)
		}
		seen[k.Name] = true
		if (k.URL == "") == (k.HowTo == "") {
			t.Errorf("%s: either an address or a way to bring it", k.Name)
		}
		if k.URL != "" && (len(k.SHA256) != 64 || k.Bytes == 0 || !strings.HasPrefix(k.URL, "https://") || k.Licence != "Apache-2.0") {
			t.Errorf("%s is fetched: it needs a sum, a size, https and a free licence", k.Name)
		}
	}
	if Registry()[0].Name != "yolox_nano" {
		t.Error("the default comes first")
	}
}

// The copy in the test data is the one that the registry accepts.
func TestCopyInTestdataIsAccepted(t *testing.T) {
	dir := FallbackDir()
	if dir == "" {
		dir = "../../../../shared/testdata/models"
	}
	if !exists(filepath.Join(dir, "yolox_nano.onnx")) {
		t.Skipf("SKIPPED: no yolox_nano.onnx in %s; set %s", dir, TestdataEnv)
	}
	s, srv := newStore(t, serve(content))
	srv.Close()
	s.known = Registry()
	for i := range s.known {
		if s.known[i].URL != "" {
			s.known[i].URL = srv.URL
		}
	}
	if how, err := s.PullOrCopy(t.Context(), "yolox_nano", dir, nil); err != nil || how != "copied" {
		t.Fatal(how, err)
	}
}
