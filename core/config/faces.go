package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Faces is the recognition of people by their faces.
type Faces struct {
	Enabled   bool    `yaml:"enabled"`
	ModelsDir string  `yaml:"models_dir"` // of dlib's three .dat files; default: dlib below detect.models_dir
	Threshold float64 `yaml:"threshold"`  // largest distance of two faces of one person
	MinFace   int     `yaml:"min_face"`   // pixels of a face that can be told apart
	Rate      float64 `yaml:"rate"`       // tries per person and second
	MaxCPU    float64 `yaml:"max_cpu"`    // share of one core that all cameras together may take
	Main      bool    `yaml:"main"`       // look at the main stream's key pictures where faces of the sub stream are too small
	InboxDays int     `yaml:"inbox_days"` // how long unknown faces are kept
	InboxMax  int     `yaml:"inbox_max"`  // how many of them
}

func defaultFaces() Faces {
	return Faces{Threshold: 0.55, MinFace: 28, Rate: 2, MaxCPU: 0.5, Main: true, InboxDays: 14, InboxMax: 1000}
}

// FaceModelsPath returns the directory that dlib's models lie in.
func (c *Config) FaceModelsPath() string {
	if c.Faces.ModelsDir != "" {
		return c.Faces.ModelsDir
	}
	return filepath.Join(c.ModelsPath(), "dlib")
}

func (c *Config) validateFaces(v *validator) {
	f := c.Faces
	v.within("faces.threshold", f.Threshold, 0.3, 0.7)
	v.within("faces.min_face", float64(f.MinFace), 20, 200)
	v.within("faces.rate", f.Rate, 0.1, 10)
	v.within("faces.max_cpu", f.MaxCPU, 0.05, 1)
	v.within("faces.inbox_days", float64(f.InboxDays), 1, 365)
	v.within("faces.inbox_max", float64(f.InboxMax), 10, 5000)
	if f.Enabled && !c.Detect.Enabled {
		v.add("faces.enabled", "needs detect.enabled: faces are looked for where a person is detected")
	}
}

func (c *Config) validateIdentities(v *validator, path string, r Rule) {
	if len(r.Identities) > 0 && !c.Faces.Enabled {
		v.add(path+".identities", "needs faces.enabled: without it nobody is ever recognised")
	}
	for i, name := range r.Identities {
		if strings.TrimSpace(name) != name || name == "" || len(name) > 64 {
			v.add(fmt.Sprintf("%s.identities[%d]", path, i), "%q is not a name, want known, unknown, or the name of a person in 1 to 64 characters", name)
		}
	}
}
