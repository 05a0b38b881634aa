package models

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// packed is "face weights " 200 times, by bzip2.
const packed = "QlpoOTFBWSZTWVpUdl8AAruRgEAAK+AMgCAAcEA000BSqGRpmhFgRZEWBFkRbEXoi/EWhF8ItiLYiyIuC7kinChILSo7L4A="

func newGroup(t *testing.T, handler http.HandlerFunc) (*Store, Group) {
	t.Helper()
	srv := httptest.NewTLSServer(handler)
	s := New(filepath.Join(t.TempDir(), "models", "faces"), srv.Client())
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		srv.Close()
	})
	return s, Group{Name: "faces", Files: []GroupFile{
		{Name: "a.dat", URL: srv.URL + "/a.dat.bz2", Blob: "b23fea3c7d7af46295f6331fa3f90b6835f6ec67", Bytes: 2600},
		{Name: "b.dat", URL: srv.URL + "/b.dat.bz2", Blob: "b23fea3c7d7af46295f6331fa3f90b6835f6ec67", Bytes: 2600},
	}}
}

func TestGroup(t *testing.T) {
	file, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	s, g := newGroup(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		serve(file)(w, r)
	})
	state := func(want State) {
		t.Helper()
		if got, err := s.VerifyGroup(g); err != nil || got != want {
			t.Fatalf("%s, %v, want %s", got, err, want)
		}
	}
	state(Missing)
	var done, total int64
	for range 2 {
		if err := s.PullGroup(t.Context(), g, func(d, n int64) { done, total = d, n }); err != nil {
			t.Fatal(err)
		}
	}
	state(Verified)
	if requests != 2 || done != 5200 || total != 5200 {
		t.Errorf("%d requests, %d of %d", requests, done, total)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "b.dat"), []byte("oops"), 0o600); err != nil {
		t.Fatal(err)
	}
	state(Damaged)
	if err := s.PullGroup(t.Context(), g, nil); err != nil || requests != 3 {
		t.Fatalf("%v, %d requests", err, requests)
	}
	state(Verified)
}

func TestGroupRefusesWhatIsNotTheModel(t *testing.T) {
	file, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	for want, handler := range map[string]http.HandlerFunc{
		"unpack model": serve(content),
		"404":          http.NotFound,
		"git blob id":  nil,
		"not safe": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/a", http.StatusFound)
		},
	} {
		other := handler == nil
		if other {
			handler = serve(file)
		}
		s, g := newGroup(t, handler)
		if other {
			g.Files[0].Bytes = 2599
		}
		err := s.PullGroup(t.Context(), g, nil)
		if nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.dir) {
			t.Errorf("%v, want %q and where to put the file", err, want)
		}
		if l := leftovers(t, s); len(l) > 0 {
			t.Errorf("left behind: %v", l)
		}
	}
}

// The models that make face-models fetches are those of the group.
func TestDlibIsWhatTheTestsUse(t *testing.T) {
	dir := os.Getenv("NIGHTJAR_FACE_MODELS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "nightjar-tools", "face-models")
	}
	if !exists(filepath.Join(dir, Dlib().Files[0].Name)) {
		t.Skipf("SKIPPED: no face models in %s; run make face-models, or set NIGHTJAR_FACE_MODELS", dir)
	}
	if state, err := New(dir, nil).VerifyGroup(Dlib()); err != nil || state != Verified {
		t.Errorf("%s, %v", state, err)
	}
}
