package plugincatalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed scaffold/*.tmpl
var scaffold embed.FS

// NewPlugin says what to write for the author of a plugin.
type NewPlugin struct {
	Dir  string // must not exist, or be empty
	Name string // for people
	ID   string // reverse DNS; empty: com.example. and the program's name
	// Python writes a script instead of a program in Go.
	Python bool
	// SDK is a checkout of Nightjar to build with; empty: the published module of version Core.
	SDK  string
	Core string // version of Nightjar
}

// blank is what the templates are filled with.
type blank struct {
	Name, ID, Program, Go, Version, SDK string
	Python                              bool
}

// Scaffold writes a plugin that works: a program, its go.mod where it is in Go, and its manifest.
func Scaffold(p NewPlugin) error {
	data, err := p.fill()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(p.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: choose another folder", p.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at folder: %w", err)
	}
	files := map[string]string{ManifestName: ManifestName, "main.go": "main.go", "go.mod": "go.mod"} // template to file
	if p.Python {
		files = map[string]string{ManifestName: ManifestName, "plugin.py": filepath.Join("bin", data.Program+".py")}
	}
	for template, file := range files {
		if err := data.write(template, filepath.Join(p.Dir, file)); err != nil {
			return err
		}
	}
	if data.SDK == "" {
		return nil
	}
	// The checkout's sums spare the author a look-up of each.
	sums, err := os.ReadFile(filepath.Join(data.SDK, "go.sum"))
	if err != nil {
		return fmt.Errorf("read the checkout's go.sum: %w", err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "go.sum"), sums, 0o644); err != nil {
		return fmt.Errorf("write go.sum: %w", err)
	}
	return nil
}

// write fills a template into a file.
func (d blank) write(name, path string) error {
	tmpl, err := template.ParseFS(scaffold, "scaffold/*.tmpl")
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	var b strings.Builder
	if err := tmpl.ExecuteTemplate(&b, name+".tmpl", d); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if name == ManifestName {
		if _, err := ParseManifest([]byte(b.String())); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(b.String(), "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(b.String()), mode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// fill checks what was asked for.
func (p NewPlugin) fill() (blank, error) {
	program := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, p.Name), "-")
	if program == "" {
		return blank{}, fmt.Errorf("name %q holds no letter a program can be named by", clip(p.Name))
	}
	if p.ID == "" {
		p.ID = "com.example." + program
	}
	data := blank{Python: p.Python, Name: p.Name, ID: p.ID, Program: program, Go: "1.26", Version: "v" + strings.TrimPrefix(p.Core, "v")}
	if p.Python {
		return data, nil
	}
	if _, ok := parseVersion(strings.TrimPrefix(p.Core, "v")); !ok {
		if data.Version = "v0.0.0"; p.SDK == "" {
			return blank{}, errors.New("this Nightjar was built from a checkout: name it with -sdk, so that the plugin is built with the same contract")
		}
	}
	if p.SDK != "" {
		sdk, err := filepath.Abs(p.SDK)
		if err != nil {
			return blank{}, fmt.Errorf("find the checkout: %w", err)
		}
		if _, err := os.Stat(filepath.Join(sdk, "plugins", "sdk")); err != nil {
			return blank{}, fmt.Errorf("%s is no checkout of Nightjar: %w", sdk, err)
		}
		data.SDK = sdk
	}
	return data, nil
}
