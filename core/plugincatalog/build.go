package plugincatalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ReadManifest reads plugin.json of a folder.
func ReadManifest(dir string) (Manifest, error) {
	raw, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s has no %s; `nightjar plugin new` writes one", dir, ManifestName)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	return ParseManifest(raw)
}

// BuildAll builds the programs of a plugin in Go for all platforms of its manifest. What the compiler says goes to out.
// It reports false, and does nothing, where the folder has no go.mod.
func BuildAll(ctx context.Context, dir string, m Manifest, out io.Writer) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for platform, e := range m.Executables {
		if platform == AnyPlatform {
			return false, fmt.Errorf("executables.any: a program in Go is built for one platform: name it, as %s", Platform())
		}
		if err := Build(ctx, dir, filepath.Join(dir, e.Path), platform, m.Version, out); err != nil {
			return true, err
		}
	}
	return true, nil
}

// Build builds a plugin in Go for one platform. Nothing of the machine goes into it: no paths, no address of a repository.
func Build(ctx context.Context, dir, program, platform, version string, out io.Writer) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return fmt.Errorf("build %s: %w", platform, err)
	}
	goos, goarch, _ := strings.Cut(platform, "-")
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", program, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for %s: %w", platform, err)
	}
	return nil
}
