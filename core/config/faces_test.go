package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFaces(t *testing.T) {
	cfg, err := Load("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Faces != Default().Faces {
		t.Errorf("the example shows other defaults: %+v", cfg.Faces)
	}
	if p := cfg.FaceModelsPath(); p != filepath.Join("data", "models", "dlib") {
		t.Errorf("models in %s", p)
	}
	for text, want := range map[string]string{
		"faces: {threshold: 0.9}":                                    "faces.threshold",
		"faces: {min_face: 1}":                                       "faces.min_face",
		"faces: {max_cpu: 2}":                                        "faces.max_cpu",
		"faces: {inbox_max: 0}":                                      "faces.inbox_max",
		"faces: {enabled: true}\ndetect: {enabled: false}":           "needs detect.enabled",
		"rules: {a: {identities: [known]}}":                          "needs faces.enabled",
		"faces: {enabled: true}\nrules: {a: {identities: [\" x\"]}}": "is not a name",
	} {
		if _, err := Parse("t", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("t", []byte("faces: {enabled: true, models_dir: /m}\nrules: {a: {identities: [known, unknown, Anna Maria]}}")); err != nil {
		t.Error(err)
	}
}
