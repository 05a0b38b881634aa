package export_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/export/evidence"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// packed is a package of two cameras with an outage, on disk.
func packed(t *testing.T) (l *lab, x export.Export) {
	t.Helper()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 12*time.Second)
	p.session(front, bars(t, 16, plain...), epoch.Add(15*time.Second), 5*time.Second)
	p.gaps[front] = []index.Gap{{Stream: front, Start: epoch.Add(12 * time.Second), End: epoch.Add(15 * time.Second), Reason: index.GapLoss, Detail: "lost"}}
	p.session(nvr.StreamID{Camera: "yard", Role: nvr.Main}, bars(t, 16, bframes...), epoch, 16*time.Second)
	l = newLab(t, p).start()
	return l, l.make(export.Request{
		Name: "Burglary", Cameras: []nvr.CameraID{"front", "yard"}, Range: between(4500, 17000), Mode: export.Exact, Evidence: true, By: "ada",
	})
}

func TestEvidenceIsTheOriginals(t *testing.T) {
	t.Parallel()
	l, x := packed(t)
	if len(x.Files) != 1 || x.Files[0].Name != "evidence_cameras_2026-11-25_14-30-04_to_14-30-17_UTC.zip" {
		t.Fatalf("files %+v", x.Files)
	}
	if left, err := os.ReadDir(filepath.Dir(l.path(x, 0))); err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
	z, err := zip.OpenReader(l.path(x, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	originals := 0
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if name, ok := strings.CutPrefix(f.Name, "originals/"); ok {
			originals++
			want, err := os.ReadFile(filepath.Join(l.tape.dir, name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not the recording: %v", f.Name, err)
			}
		}
	}
	if originals != 5 {
		t.Errorf("%d originals", originals)
	}
	r := verify(t, l.path(x, 0), nil)
	if !r.OK || !r.Signed || r.Trusted || !r.Intact || len(r.Problems) != 0 {
		t.Errorf("report %+v", r)
	}
	public, _ := testKey.Public().(ed25519.PublicKey)
	if r = verify(t, l.path(x, 0), public); !r.OK || !r.Trusted || r.SignedBy != evidence.Fingerprint(public) {
		t.Errorf("report with the right key %+v", r)
	}
	m := r.Manifest
	if m.Name != "Burglary" || m.CreatedBy != "ada" || m.Software != "Nightjar 1.2.3" || len(m.Gaps) != 2 || m.Gaps[0].Reason != "loss" {
		t.Errorf("manifest %+v", m)
	}
	for _, f := range m.Files {
		if f.Kind == evidence.Original && (f.CRCMatches == nil || !*f.CRCMatches) {
			t.Errorf("crc of %s", f.Name)
		}
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r = verify(t, l.path(x, 0), other); r.OK || !r.Signed || r.Trusted || !strings.Contains(r.String(), "another key") {
		t.Errorf("report with another key %+v", r)
	}
}

func verify(t *testing.T, path string, trusted ed25519.PublicKey) evidence.Report {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := evidence.Verify(f, info.Size(), trusted)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The commands in VERIFY.txt are run as they stand there.
func TestTheInstructionsWork(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"unzip", "openssl", "sha256sum", "sh"} {
		fmp4test.Tool(t, tool)
	}
	l, x := packed(t)
	dir := t.TempDir()
	run(t, "unzip", "-q", l.path(x, 0), "-d", dir)
	text, err := os.ReadFile(dir + "/VERIFY.txt")
	if err != nil {
		t.Fatal(err)
	}
	var m evidence.Manifest
	raw, err := os.ReadFile(dir + "/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"sha256sum --check": "OK", "grep": `"sha256"`, "openssl pkeyutl": "Signature Verified Successfully",
		"openssl pkey ": strings.ReplaceAll(m.Key, "-", ""),
	}
	did := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		command := strings.TrimSpace(line)
		for prefix, says := range want {
			if !strings.HasPrefix(line, "       ") || !strings.HasPrefix(command, prefix) {
				continue
			}
			did++
			cmd := exec.Command("sh", "-c", command)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), says) || strings.Contains(string(out), "FAILED") {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
		}
	}
	if did != len(want) {
		t.Errorf("%d commands in VERIFY.txt, want %d", did, len(want))
	}
	// And they notice.
	if err := os.WriteFile(dir+"/manifest.json", bytes.Replace(raw, []byte("Burglary"), []byte("burglary"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", strings.Fields("pkeyutl -verify -pubin -inkey public_key.pem -rawin -in manifest.json -sigfile manifest.json.sig")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("openssl accepts a changed manifest: %s", out)
	}
}

func TestARottenOriginalIsNamed(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 4*time.Second)
	name := filepath.Join(p.dir, p.recs[front][0].Path)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-100] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 4000), Evidence: true})
	if len(x.Notes) != 1 || !strings.Contains(x.Notes[0], "differs from what was recorded") {
		t.Errorf("notes %q", x.Notes)
	}
	if r := verify(t, l.path(x, 0), nil); !r.OK || !strings.Contains(r.String(), "already different") {
		t.Errorf("report %s", r)
	}
}
