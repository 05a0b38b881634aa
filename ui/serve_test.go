package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTestSite(t *testing.T) *Site {
	t.Helper()
	page := `<html><head><script nonce="__NIGHTJAR_NONCE__">globalThis.__njBase="/__NIGHTJAR_BASE__"</script>` +
		`<link href="/__NIGHTJAR_BASE__/_next/a.css"><script src="/__NIGHTJAR_BASE__/_next/a.js" nonce="__NIGHTJAR_NONCE__"></script>`
	site, err := New(fstest.MapFS{
		"index.html":             {Data: []byte(page)},
		"404.html":               {Data: []byte("nothing here")},
		"timeline/index.html":    {Data: []byte("timeline")},
		"timeline/index.txt":     {Data: []byte(`1:"/__NIGHTJAR_BASE__/_next/x.js"`)},
		"settings.html":          {Data: []byte("settings page")},
		"settings/users.html":    {Data: []byte("users page")},
		"icon.svg":               {Data: []byte("<svg/>")},
		"_next/static/chunks/a1": {Data: []byte("x")},
		"_next/static/b.js":      {Data: []byte(strings.Repeat("let nightjar = 1;\n", 200))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func TestLookup(t *testing.T) {
	site := newTestSite(t)
	for _, c := range []struct {
		path, name string
		notFound   bool
	}{
		{"/", "index.html", false},
		{"", "index.html", false},
		{"/timeline/", "timeline/index.html", false},
		{"/timeline", "timeline/index.html", false},
		{"/timeline/index.txt", "timeline/index.txt", false},
		{"/settings", "settings.html", false},
		{"/settings/", "settings.html", false},
		{"/settings/users", "settings/users.html", false},
		{"/icon.svg", "icon.svg", false},
		{"/_next/static/b.js", "_next/static/b.js", false},
		{"/../../etc/passwd", "404.html", true},
		{"/_next", "404.html", true},
		{"/nowhere/", "404.html", true},
	} {
		file, ok := site.Lookup(c.path)
		if !ok || file.Name != c.name || file.NotFound != c.notFound {
			t.Errorf("Lookup(%q) = %q, not found %v, ok %v; want %q, %v", c.path, file.Name, file.NotFound, ok, c.name, c.notFound)
		}
	}
}

func TestBodyIsTemplatedPerRequest(t *testing.T) {
	site := newTestSite(t)
	page, _ := site.Lookup("/")
	for _, base := range []string{"", "/nvr", "/api/hassio_ingress/abc123"} {
		got := string(page.Body(base, "bm9uY2U="))
		want := `<html><head><script nonce="bm9uY2U=">globalThis.__njBase="` + base + `"</script>` +
			`<link href="` + base + `/_next/a.css"><script src="` + base + `/_next/a.js" nonce="bm9uY2U="></script>`
		if got != want {
			t.Errorf("Body(%q):\n%s\nwant\n%s", base, got, want)
		}
	}
	data, _ := site.Lookup("/timeline/index.txt")
	if got := string(data.Body("/nvr", "n")); got != `1:"/nvr/_next/x.js"` {
		t.Errorf("page data: %s", got)
	}
	if page.ETag != "" || page.Gzip != nil || page.Immutable || !page.Templated() {
		t.Errorf("a templated page must not be cacheable: %+v", page)
	}
}

func TestStaticFiles(t *testing.T) {
	site := newTestSite(t)
	script, _ := site.Lookup("/_next/static/b.js")
	if !script.Immutable || script.Templated() || len(script.ETag) < 10 || script.ContentType != "text/javascript; charset=utf-8" {
		t.Errorf("script: %+v", script)
	}
	reader, err := gzip.NewReader(bytes.NewReader(script.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil || !bytes.Equal(unpacked, script.Body("/x", "y")) {
		t.Errorf("compressed body differs from the plain one: %v", err)
	}
	icon, _ := site.Lookup("/icon.svg")
	if icon.Immutable || icon.ETag == "" || icon.Gzip != nil || icon.ContentType != "image/svg+xml" {
		t.Errorf("icon: %+v", icon)
	}
}

func TestNewRefusesAnExportWithoutIndex(t *testing.T) {
	if _, err := New(fstest.MapFS{"a.js": {Data: []byte("x")}}); err == nil {
		t.Fatal("an export without index.html was accepted")
	}
}

func TestValidBase(t *testing.T) {
	good := []string{"", "/nvr", "/nvr/cams", "/a_b-C9", "/api/hassio_ingress/Xy_-09"}
	bad := []string{
		"/", "nvr", "/nvr/", "//evil.example", "/api/hassio_ingress/", "/a b", "/a\"b", "/a<script>", "/..", "/a/../b",
		"/a?b", "/a#b", "/%2e", "/a\nb", "/a\n", "/é", "https://x", "/" + strings.Repeat("a", 300),
	}
	for _, s := range good {
		if !ValidBase(s) {
			t.Errorf("ValidBase(%q) = false", s)
		}
	}
	for _, s := range bad {
		if ValidBase(s) {
			t.Errorf("ValidBase(%q) = true", s)
		}
	}
}

// The real files, whichever this build carries: each page has its first script before any other, and nothing is left over.
func TestCarriedFiles(t *testing.T) {
	site, err := New(FS())
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range site.files {
		body := string(file.Body("/api/hassio_ingress/abc", "bm9uY2U="))
		if strings.Contains(body, "__NIGHTJAR_BASE__") || strings.Contains(body, "__NIGHTJAR_NONCE__") {
			t.Errorf("%s: a placeholder is left", name)
		}
	}
	if !Built {
		t.Log("without the tag embedui only the stub page is here: the export itself was not looked at")
		return
	}
	for _, page := range []string{"/", "/login/", "/camera/", "/timeline/", "/events/", "/system/", "/api-docs/"} {
		file, ok := site.Lookup(page)
		if !ok || file.NotFound {
			t.Errorf("%s is missing from the export", page)
			continue
		}
		body := string(file.Body("", "bm9uY2U="))
		if !strings.Contains(body, `<head><script nonce="bm9uY2U=">globalThis.__njBase=""</script>`) {
			t.Errorf("%s: the prefix is not set before everything else", page)
		}
		if strings.Count(body, "<script") != strings.Count(body, `<script nonce="bm9uY2U="`) {
			t.Errorf("%s: a script without nonce", page)
		}
	}
}
