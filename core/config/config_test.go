package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sameRecord takes a list that is absent for an empty one.
func sameRecord(a, b Record) bool {
	if len(a.Volumes)+len(b.Volumes) > 0 {
		return false
	}
	a.Volumes, b.Volumes = nil, nil
	return reflect.DeepEqual(a, b)
}

func TestExampleLoadsAndShowsTheDefaults(t *testing.T) {
	cfg, err := Load("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if cfg.DataDir != want.DataDir || cfg.HTTP.Listen != want.HTTP.Listen || cfg.RTSP != want.RTSP || cfg.Demo != want.Demo ||
		!sameRecord(cfg.Record, want.Record) || cfg.Archive != want.Archive || cfg.LogLevel != want.LogLevel {
		t.Errorf("the example shows other defaults than Default():\n%+v\n%+v", cfg, want)
	}
	if cfg.Detect.Model != want.Detect.Model || cfg.Detect.FPS != want.Detect.FPS || cfg.Detect.Threshold != want.Detect.Threshold ||
		strings.Join(cfg.Detect.Labels, ",") != strings.Join(want.Detect.Labels, ",") {
		t.Errorf("detect: example %+v, default %+v", cfg.Detect, want.Detect)
	}
	if cfg.MQTT != want.MQTT {
		t.Errorf("mqtt: example %+v, default %+v", cfg.MQTT, want.MQTT)
	}
	cam := cfg.Cameras["front_door"]
	if cam.Name != "Front door" || cam.Main.Password.Reveal() != "change-me" {
		t.Errorf("camera: %+v", cam)
	}
}

// TestBadFilesSayWhereAndWhat pins what a user reads. Each testdata/bad/*.yaml starts with "# want: TEXT" lines.
func TestBadFilesSayWhereAndWhat(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d bad files, want at least 10 (%v)", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(f)
			if err == nil {
				t.Fatal("loaded without an error")
			}
			for line := range strings.Lines(string(src)) {
				if want, ok := strings.CutPrefix(line, "# want: "); ok && !strings.Contains(err.Error(), strings.TrimSpace(want)) {
					t.Errorf("error does not say %q:\n%s", strings.TrimSpace(want), err)
				}
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("error shows a secret:\n%s", err)
			}
		})
	}
}

func TestMissingFileSaysWhatToDo(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "config.example.yaml") {
		t.Fatalf("error %v does not name the next step", err)
	}
}

func TestSecretsComeFromFileAndEnvironmentAndStayHidden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(path, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_CAMERA_PASSWORD", "from-env")
	cfg, err := Parse("t", []byte(`
cameras:
  b: {main: {url: "rtsp://h/1", password: {file: `+path+`}}}
  a: {main: {url: "rtsp://h/2", password: {env: TEST_CAMERA_PASSWORD}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Cameras["b"].Main.Password.Reveal(); got != "from-file" {
		t.Errorf("file secret is %q", got)
	}
	if got := cfg.Cameras["a"].Main.Password.Reveal(); got != "from-env" {
		t.Errorf("env secret is %q", got)
	}
	if ids := cfg.CameraIDs(); len(ids) != 2 || ids[0] != "b" || ids[1] != "a" {
		t.Errorf("order %v, want the file's: b, a", ids)
	}
	if s := strings.Join([]string{cfg.Cameras["a"].Main.Password.String()}, ""); s != "***" {
		t.Errorf("a secret prints as %q", s)
	}
}

func TestValues(t *testing.T) {
	cfg, err := Parse("t", []byte("record: {file_duration: 1m, max_bytes: 1.5GiB, min_free: 500MB}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Record.FileDuration.D != time.Minute || cfg.Record.MaxBytes.N != 3<<29 || cfg.Record.MinFree.N != 500e6 {
		t.Errorf("%+v", cfg.Record)
	}
	for _, size := range []string{"NaN", "NaNGB", "Inf", "-1GB", "5000000TiB", "GB"} {
		if _, err := Parse("t", []byte("record: {min_free: "+size+"}\n")); err == nil {
			t.Errorf("size %q was accepted", size)
		}
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, src := range []string{"", "# nothing\n", "---\n"} {
		if _, err := Parse("t", []byte(src)); err != nil {
			t.Errorf("%q: %v", src, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("cameras: {a: {main: {url: 1}}}\nrecord: {file_duration: [1]}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if cfg, err := Parse("fuzz", b); err == nil && cfg == nil {
			t.Fatal("neither a configuration nor an error")
		}
	})
}

func TestEmptySectionKeepsItsDefaults(t *testing.T) {
	cfg, err := Parse("t", []byte("detect:\nrecord:\n  # nothing\nhttp: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Detect.FPS != Default().Detect.FPS || cfg.HTTP.Listen != Default().HTTP.Listen {
		t.Errorf("%+v", cfg)
	}
}
