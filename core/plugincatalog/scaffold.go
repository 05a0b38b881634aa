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
	// SDK is a checkout of Nightjar to build with; empty: the published module of version Core.
	SDK  string
	Core string // version of Nightjar
}

// Scaffold writes a plugin in Go that works: a program, its go.mod and its manifest.
func Scaffold(p NewPlugin) error {
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
		return fmt.Errorf("name %q holds no letter a program can be named by", clip(p.Name))
	}
	if p.ID == "" {
		p.ID = "com.example." + program
	}
	data := struct{ Name, ID, Program, Go, Version, SDK string }{Name: p.Name, ID: p.ID, Program: program, Go: "1.26", Version: "v" + strings.TrimPrefix(p.Core, "v")}
	if _, ok := parseVersion(strings.TrimPrefix(p.Core, "v")); !ok {
		if data.Version = "v0.0.0"; p.SDK == "" {
			return errors.New("this Nightjar was built from a checkout: name it with -sdk, so that the plugin is built with the same contract")
		}
	}
	if p.SDK != "" {
		sdk, err := filepath.Abs(p.SDK)
		if err != nil {
			return fmt.Errorf("find the checkout: %w", err)
		}
		if _, err := os.Stat(filepath.Join(sdk, "plugins", "sdk")); err != nil {
			return fmt.Errorf("%s is no checkout of Nightjar: %w", sdk, err)
		}
		data.SDK = sdk
	}
	if entries, err := os.ReadDir(p.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: choose another folder", p.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at folder: %w", err)
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	tmpl, err := template.ParseFS(scaffold, "scaffold/*.tmpl")
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	for _, name := range []string{"main.go", "go.mod", ManifestName} {
		var b strings.Builder
		if err := tmpl.ExecuteTemplate(&b, name+".tmpl", data); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if name == ManifestName {
			if _, err := ParseManifest([]byte(b.String())); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(b.String()), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
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
