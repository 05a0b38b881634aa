package detect

import (
	"image"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestProvidersTellWhatTheLibraryOffers(t *testing.T) {
	states, err := Providers(library(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 5 || states[0].Provider != ProviderCPU || !states[0].Available {
		t.Fatalf("providers: %+v", states)
	}
	for _, s := range states {
		t.Logf("%+v", s)
		if s.Available == (s.Reason != "") {
			t.Errorf("%s: available %v, reason %q", s.Provider, s.Available, s.Reason)
		}
	}
}

// A provider that the library lacks is refused when the model is opened, with what to do about it.
func TestMissingProviderIsAClearError(t *testing.T) {
	lib := library(t)
	states, err := Providers(lib)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(footage.Dir(t), "models/yolox_nano.onnx")
	for _, s := range states {
		_, err := OpenModelOn(s.Provider, lib, path, "")
		if s.Available {
			if err != nil {
				t.Errorf("%s: %v", s.Provider, err)
			}
			continue
		}
		if nvr.ErrorCode(err) != nvr.CodeUnavailable {
			t.Errorf("%s: %v", s.Provider, err)
			continue
		}
		for _, want := range []string{string(s.Provider), "offers cpu", "set detect.provider", "detect.onnxruntime"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", s.Provider, err, want)
			}
		}
	}
	_, err = OpenModelOn("abacus", lib, path, "")
	if nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), "cpu, cuda, tensorrt, openvino, coreml") {
		t.Errorf("unknown provider: %v", err)
	}
}

func TestSessionsRunOnTheProviderOfTheModel(t *testing.T) {
	m, err := OpenModelOn(ProviderCPU, library(t), filepath.Join(footage.Dir(t), "models/yolox_nano.onnx"), "")
	if err != nil {
		t.Fatal(err)
	}
	bgr := picture(t, "images/dog.jpg")
	found, err := openSession(t, m, 0.3).infer(nil, bgr, image.Rect(0, 0, bgr.Cols(), bgr.Rows()), 0)
	if err != nil || len(found) == 0 {
		t.Fatalf("%v %v", found, err)
	}
	m.provider = ProviderCUDA
	if states, _ := Providers(library(t)); !states[1].Available {
		if _, err := newSession(m, 1, 0.3, 0.45); nvr.ErrorCode(err) != nvr.CodeUnavailable {
			t.Fatalf("session on a missing provider: %v", err)
		}
	}
}
