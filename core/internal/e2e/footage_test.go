package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// apiExport is an export as the API shows it.
type apiExport struct {
	ID, State, Error string
	Files            []struct {
		Name, URL string
		Bytes     int64
	}
}

// testFootage uses what was recorded as a person would who must show it to somebody: pictures, previews, exports, an
// evidence package, a link, a hold, and the archive.
func (s *site) testFootage(t *testing.T) {
	now := time.Now()
	from, to := now.Add(-40*time.Second), now.Add(-20*time.Second-333*time.Millisecond)
	s.checkPictures(t, from)
	s.checkPreviews(t, now)
	s.checkCoverage(t)
	exact := s.export(t, "exact", false, from, to)
	file := s.save(t, exact.Files[0].URL, "exact.mp4")
	probe(t, file, to.Sub(from).Seconds())
	s.checkResume(t, exact.Files[0].URL, exact.Files[0].Bytes)
	s.checkLink(t, exact)
	s.checkEvidence(t, s.export(t, "copy", true, from, to))
	s.checkHold(t, from, to)
	s.checkArchive(t)
}

func (s *site) checkPictures(t *testing.T, at time.Time) {
	t.Helper()
	for _, what := range []string{"frame.jpg", "thumbnail.jpg"} {
		resp, b := s.api.do("GET", fmt.Sprintf("cameras/front/%s?t=%d&width=480", what, at.UnixMilli()), nil)
		if resp.StatusCode != http.StatusOK || isJPEG(b) != nil {
			t.Fatalf("%s: %s %.200s", what, resp.Status, b)
		}
		shown, _ := strconv.ParseInt(resp.Header.Get("X-Frame-Time"), 10, 64)
		if off := at.Sub(time.UnixMilli(shown)); off < 0 && what == "frame.jpg" || off.Abs() > 10*time.Second {
			t.Errorf("%s for %s is of %s before", what, at, off)
		}
	}
}

func (s *site) checkPreviews(t *testing.T, now time.Time) {
	t.Helper()
	var list struct {
		Previews []struct {
			URL  string
			Open bool
		}
	}
	s.api.get(fmt.Sprintf("cameras/front/previews?from=%d&to=%d", s.started.UnixMilli(), now.UnixMilli()), &list)
	if len(list.Previews) == 0 || !list.Previews[len(list.Previews)-1].Open {
		t.Fatalf("previews: %+v", list)
	}
	file := s.save(t, list.Previews[len(list.Previews)-1].URL, "preview.mp4")
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,height", "-of", "csv=p=0", file).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "h264,180" {
		t.Errorf("preview: %v: %s", err, out)
	}
}

func (s *site) checkCoverage(t *testing.T) {
	t.Helper()
	var c struct {
		Days []struct {
			RecordedMS int64 `json:"recorded_ms"`
			Gaps       map[string]int64
		}
	}
	s.api.get(fmt.Sprintf("cameras/front/coverage?from=%d&to=%d&tz=Europe/Berlin", s.started.UnixMilli(), time.Now().UnixMilli()), &c)
	var recorded int64
	for _, d := range c.Days {
		recorded += d.RecordedMS
	}
	if want := time.Since(s.started).Milliseconds() - 15_000; recorded < want {
		t.Errorf("%d ms are recorded, want %d: %+v", recorded, want, c)
	}
}

// export asks for one and waits until it is done.
func (s *site) export(t *testing.T, mode string, evidence bool, from, to time.Time) apiExport {
	t.Helper()
	body := map[string]any{"cameras": []string{"front"}, "from": from.UnixMilli(), "to": to.UnixMilli(), "mode": mode, "evidence": evidence}
	resp, b := s.api.do("POST", "exports", body)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("export: %s: %s", resp.Status, b)
	}
	var list struct{ Exports []apiExport }
	var got apiExport
	waitFor(t, mode+" export", 90*time.Second, func() bool {
		s.api.get("exports", &list)
		got = list.Exports[0]
		if got.State == "failed" {
			t.Fatalf("%s export failed: %s", mode, got.Error)
		}
		return got.State == "done"
	})
	if len(got.Files) == 0 {
		t.Fatalf("export without a file: %+v", got)
	}
	return got
}

// save downloads a file of the API into the artifacts.
func (s *site) save(t *testing.T, path, name string) string {
	t.Helper()
	resp, b := s.api.do("GET", path, nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %.200s", path, resp.Status, b)
	}
	file := filepath.Join(artifacts(t), name)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// checkResume asks for the second half, as an interrupted download does.
func (s *site) checkResume(t *testing.T, path string, size int64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.api.token)
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-", size/2))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent || resp.ContentLength != size-size/2 {
		t.Errorf("second half of %d bytes: %s, %d bytes", size, resp.Status, resp.ContentLength)
	}
}

func (s *site) checkLink(t *testing.T, e apiExport) {
	t.Helper()
	var link struct{ URL string }
	resp, b := s.api.do("POST", "exports/"+e.ID+"/links", map[string]any{"file": e.Files[0].Name, "expires_in_s": 600})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("link: %s: %s", resp.Status, b)
	}
	if err := json.Unmarshal(b, &link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{link.URL: http.StatusOK, strings.Replace(link.URL, "/shared/", "/shared/x", 1): http.StatusForbidden} {
		u, err := url.Parse(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req) // without any login
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("link %s: %s, want %d", path, resp.Status, want)
		}
	}
}

// checkEvidence verifies a package with the binary, then one that was tampered with.
func (s *site) checkEvidence(t *testing.T, e apiExport) {
	t.Helper()
	file := s.save(t, e.Files[0].URL, "evidence.zip")
	if out, err := exec.Command(s.binary(), "verify", file).CombinedOutput(); err != nil {
		t.Errorf("verify: %v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	forged := filepath.Join(s.dir, "forged.zip")
	if err := os.WriteFile(forged, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(s.binary(), "verify", forged).CombinedOutput(); err == nil {
		t.Errorf("a package with a changed byte passes: %s", out)
	}
}

func (s *site) checkHold(t *testing.T, from, to time.Time) {
	t.Helper()
	body := map[string]any{"kind": "favourite", "cameras": []string{"front"}, "from": from.UnixMilli(), "to": to.UnixMilli(), "note": "parcel"}
	if resp, b := s.api.do("POST", "holds", body); resp.StatusCode != http.StatusCreated {
		t.Fatalf("hold: %s: %s", resp.Status, b)
	}
	var st struct {
		HeldBytes int64 `json:"held_bytes"`
		Volumes   []struct{ State string }
	}
	waitFor(t, "held bytes", time.Minute, func() bool {
		s.api.get("storage", &st)
		return st.HeldBytes > 0
	})
	if len(st.Volumes) != 1 || st.Volumes[0].State != "ok" {
		t.Errorf("storage: %+v", st)
	}
}

// checkArchive waits for the S3 tier to have what is closed.
func (s *site) checkArchive(t *testing.T) {
	t.Helper()
	var st struct {
		Archive struct {
			State, Reason string
			UploadedBytes int64 `json:"uploaded_bytes"`
			BacklogFiles  int   `json:"backlog_files"`
		}
	}
	waitFor(t, "the archive", time.Minute, func() bool {
		s.api.get("storage", &st)
		return st.Archive.State == "ok" && st.Archive.UploadedBytes > 0 && st.Archive.BacklogFiles == 0
	})
}

// testFsck: what a run with a kill leaves behind is whole, to the byte. The files that the stop closed may wait for the next
// start to reach the index.
func (s *site) testFsck(t *testing.T) {
	out, err := exec.Command(s.binary(), "fsck", "-c", s.config, "-level", "content").CombinedOutput()
	if err != nil || !strings.Contains(string(out), ": 0 errors") {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}
