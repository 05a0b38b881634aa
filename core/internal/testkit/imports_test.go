package testkit

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nightjar-nvr/nightjar/"

// imports says which of our packages a package may import; a trailing /... covers everything below. The longest
// matching key decides. A package may always import what lies below itself. core/docs/ARCHITECTURE.md shows the same
// table with its reasons.
var imports = map[string][]string{
	"core/nvr":               {},
	"core/lifecycle":         {},
	"core/config":            {"core/nvr", "core/lifecycle", "core/event/route"},
	"core/telemetry":         {"core/nvr", "core/lifecycle"},
	"core/bus":               {"core/nvr", "core/lifecycle"},
	"core/media/...":         {"core/nvr", "core/lifecycle", "core/media/..."},
	"core/vision/...":        {"core/nvr", "core/lifecycle", "core/media/...", "core/vision/..."},
	"core/camera":            {"core/nvr", "core/lifecycle", "core/media/...", "core/bus", "core/config"},
	"core/demo":              {"core/nvr", "core/lifecycle", "core/media/..."},
	"recorder/...":           {"core/nvr", "core/lifecycle", "core/media/...", "recorder/..."},
	"core/event":             {"core/nvr", "core/lifecycle", "core/bus", "core/event/rule"},
	"core/event/rule":        {"core/nvr"},
	"core/event/route":       {"core/nvr"},
	"core/mqtt":              {"core/nvr", "core/lifecycle", "core/bus", "core/config"},
	"core/pluginhost":        {"core/nvr", "core/lifecycle", "core/bus", "core/config", "plugins/api/..."},
	"core/plugincatalog":     {"core/nvr"},
	"core/pluginhost/launch": {},
	"core/jobs":              {"core/nvr", "core/lifecycle", "core/event/route"},
	"core/auth":              {"core/nvr", "core/lifecycle"},
	"core/store/...":         {"core/nvr", "core/lifecycle", "recorder/index", "migrations", "core/store/..."},
	"core/httpapi":           {"core/nvr", "core/bus", "core/auth", "ui"},
	"core/internal/...":      {"core/...", "recorder/...", "migrations"},
	"core/app":               {"core/...", "recorder/...", "plugins/...", "migrations", "ui"},
	"core/cmd/...":           {"core/...", "recorder/...", "plugins/...", "migrations", "ui"},
	"plugins/api/...":        {"plugins/api/..."},
	"plugins/sdk/...":        {"plugins/api/...", "plugins/sdk/..."},
	"plugins/plugintest":     {"plugins/api/...", "plugins/sdk/..."},
	"plugins/python":         {"plugins/plugintest"},
	"plugins/notifiers":      {"plugins/notifiers/..."},
	"plugins/...":            {"plugins/api/...", "plugins/sdk/...", "plugins/notifiers/internal/..."},
	"migrations":             {},
	"ui":                     {},
}

// nobodyImports are packages at the top: whoever imports them has a cycle in mind.
var nobodyImports = []string{"core/cmd/...", "core/app"}

func covers(pattern, pkg string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	}
	return pattern == pkg
}

func rule(pkg string) (string, []string, bool) {
	best := ""
	for pattern := range imports {
		if covers(pattern, pkg) && len(pattern) > len(best) {
			best = pattern
		}
	}
	return best, imports[best], best != ""
}

// TestPackagesImportOnlyWhatTheTableAllows keeps the tree of packages the architecture.
func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	used := map[string]bool{}
	for file, deps := range ownImports(t) {
		pkg := filepath.ToSlash(filepath.Dir(file))
		pattern, allowed, ok := rule(pkg)
		if !ok {
			t.Errorf("%s: package %s is not in the import table; add it with what it may import", file, pkg)
			continue
		}
		used[pattern] = true
		for _, dep := range deps {
			ok := strings.HasPrefix(dep, pkg+"/")
			for _, a := range allowed {
				ok = ok || covers(a, dep)
			}
			for _, top := range nobodyImports {
				if covers(top, dep) && !covers("core/cmd/...", pkg) {
					ok = false
				}
			}
			if !ok {
				sort.Strings(allowed)
				t.Errorf("%s: %s may not import %s (rule %s allows: %s)", file, pkg, dep, pattern, strings.Join(allowed, ", "))
			}
		}
	}
	if len(used) < 10 {
		t.Fatalf("only %d rules met a package: is the walk broken?", len(used))
	}
}

// TestRecorderStaysAlone is the sharpest edge of the table, spelled out.
func TestRecorderStaysAlone(t *testing.T) {
	for _, dep := range []string{"core/store", "core/httpapi", "core/config", "core/pluginhost", "core/mqtt"} {
		_, allowed, _ := rule("recorder")
		for _, a := range allowed {
			if covers(a, dep) {
				t.Errorf("the table lets recorder import %s", dep)
			}
		}
	}
}

// ownImports returns, per non-test Go file, the packages of this module it imports.
func ownImports(t *testing.T) map[string][]string {
	t.Helper()
	root, out := Root(), map[string][]string{}
	for _, top := range []string{"core", "plugins", "recorder", "migrations", "ui"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "out") {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			deps := []string{}
			for _, spec := range f.Imports {
				if p, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(p, module) {
					deps = append(deps, strings.TrimPrefix(p, module))
				}
			}
			out[filepath.ToSlash(rel)] = deps
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
