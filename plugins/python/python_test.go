// Package python_test puts Python plugins through the conformance suite.
package python_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/plugins/plugintest"
)

// interpreter returns a Python with the packages of requirements.txt.
func interpreter(t *testing.T) string {
	t.Helper()
	path := os.Getenv("NIGHTJAR_PYTHON")
	if _, err := os.Stat(path); path == "" || err != nil {
		t.Skip("SKIPPED: no Python with grpcio; run `make python-sdk` and set NIGHTJAR_PYTHON, or run `make test`")
	}
	return path
}

// script writes a plugin that any program can start: it names its interpreter and finds the SDK without an environment.
func script(t *testing.T, source string) string {
	t.Helper()
	python := interpreter(t)
	sdk, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if _, err := r.ReadString('\n'); err != nil { // its own first line
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin.py")
	text := "#!" + python + "\nimport sys\nsys.path.insert(0, " + `"` + sdk + `"` + ")\n" + string(body)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path
}

// TestTheExampleConforms runs the example of the README against a server that speaks as much of ntfy as it uses.
func TestTheExampleConforms(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var titles, texts []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/my-house" || r.Header.Get("Authorization") != "Bearer canary-token" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		titles, texts = append(titles, r.Header.Get("Title")), append(texts, string(body))
	}))
	defer server.Close()
	plugintest.Conform(t, plugintest.Case{
		Settings: map[string]any{"server": server.URL, "topic": "my-house", "token": "canary-token"},
	}, script(t, "examples/ntfy.py"))
	mu.Lock()
	defer mu.Unlock()
	if len(texts) == 0 || titles[0] == "" || texts[0] == "" {
		t.Errorf("the server was told %q, %q", titles, texts)
	}
}

// TestNewPluginConforms runs what `nightjar plugin new -python` writes.
func TestNewPluginConforms(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "door")
	if err := plugincatalog.Scaffold(plugincatalog.NewPlugin{Dir: dir, Name: "Door bell", Python: true}); err != nil {
		t.Fatal(err)
	}
	m, err := plugincatalog.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, m.Executables[plugincatalog.AnyPlatform].Path)
	if info, err := os.Stat(program); err != nil || info.Mode()&0o111 == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	plugintest.Conform(t, plugintest.Case{
		Settings: map[string]any{"url": server.URL}, Refused: map[string]map[string]any{"no url": {}},
	}, script(t, program))
}

// TestAllOfTheSDK runs a plugin that uses everything the SDK has.
func TestAllOfTheSDK(t *testing.T) {
	t.Parallel()
	plugintest.Conform(t, plugintest.Case{Settings: map[string]any{"url": "x"}}, script(t, "tests/everything.py"))
}
