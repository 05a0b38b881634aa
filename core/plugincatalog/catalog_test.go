package plugincatalog

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const manifestText = `{"id": "com.example.tell", "name": "Tell", "version": "1.0.0", "kinds": ["notifier"], "protocol": [1],
	"executables": {"any": {"path": "bin/tell"}}, "permissions": ["net.outbound:api.example.com"]}`

// pluginDir writes a plugin that can be packed.
func pluginDir(t *testing.T, manifest, program string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{ManifestName: manifest, "bin/tell": program, "README.md": "# Tell\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newKey(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// pack makes a bundle of the version, signed unless key is nil.
func pack(t *testing.T, version, program string, key ed25519.PrivateKey, more ...string) []byte {
	t.Helper()
	text := strings.Replace(manifestText, "1.0.0", version, 1)
	for _, p := range more {
		text = strings.Replace(text, `"permissions": [`, `"permissions": ["`+p+`", `, 1)
	}
	_, path, err := Pack(pluginDir(t, text, program), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		if _, err := Sign(path, key); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t *testing.T, unsigned bool) *Catalog {
	t.Helper()
	c, err := New(Options{Dir: filepath.Join(t.TempDir(), "plugins"), Core: "0.5.0", AllowUnsigned: unsigned})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func install(t *testing.T, c *Catalog, bundle []byte) Review {
	t.Helper()
	r, err := c.Install(bytes.NewReader(bundle), "ann")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLifeOfAPlugin(t *testing.T) {
	c := open(t, false)
	public, private := newKey(t)
	first := install(t, c, pack(t, "1.0.0", "#!/bin/sh\n", private))
	if first.Trust != TrustLocal || !slices.Equal(first.Added, []string{"net.outbound:api.example.com"}) || first.From != "" {
		t.Errorf("review %+v", first)
	}
	if _, err := c.TrustKey("Example Ltd", public, "ann"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Review("com.example.tell", "1.0.0"); err != nil || r.Trust != TrustKey {
		t.Errorf("with a trusted key: %v, %v", r.Trust, err)
	}
	if _, err := c.Resolve("com.example.tell"); nvr.ErrorCode(err) != nvr.CodeConflict || !strings.Contains(err.Error(), "approved") {
		t.Errorf("before approval: %v", err)
	}
	if _, err := c.Approve("com.example.tell", "1.0.0", strings.Repeat("0", 64), "ann"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("approving another file: %v", err)
	}
	if _, err := c.Approve("com.example.tell", "1.0.0", first.Version.SHA256, "ann"); err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve("com.example.tell")
	if err != nil || p.Trust != TrustKey || p.SHA256 != first.Version.SHA256 || p.Proved {
		t.Fatalf("%+v, %v", p, err)
	}
	if info, err := os.Lstat(p.Path); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("stored program: %v, %v", info.Mode(), err)
	}
	if err := c.Prove("com.example.tell", "1.0.0"); err != nil {
		t.Fatal(err)
	}

	second := install(t, c, pack(t, "1.1.0", "#!/bin/sh\n# more\n", private, "kv"))
	if second.From != "1.0.0" || !slices.Equal(second.Added, []string{"kv"}) || len(second.Removed) != 0 || second.SignerChanged {
		t.Errorf("review of the upgrade %+v", second)
	}
	if p, err := c.Resolve("com.example.tell"); err != nil || p.Manifest.Version != "1.0.0" {
		t.Errorf("while the upgrade waits: %+v, %v", p, err)
	}
	if _, err := c.Approve("com.example.tell", "1.1.0", second.Version.SHA256, "ann"); err != nil {
		t.Fatal(err)
	}
	pkg, err := c.RollBack("com.example.tell", "it crashed", "nightjar")
	if err != nil || pkg.Active != "1.0.0" || pkg.Version("1.1.0").State != VersionRolledBack || pkg.Version("1.1.0").Reason != "it crashed" {
		t.Errorf("rolled back: %+v, %v", pkg, err)
	}
	if _, err := c.SetEnabled("com.example.tell", false, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve("com.example.tell"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("disabled: %v", err)
	}
	if err := c.Remove("com.example.tell", "ann"); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(c.dir, "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("after removal: %v, %v", left, err)
	}
	steps, err := c.Audit(100)
	var actions []string
	for _, s := range steps {
		actions = append(actions, s.Action)
	}
	if want := "install trust key approve prove install approve roll back disable remove"; err != nil || strings.Join(actions, " ") != want {
		t.Errorf("audit %v, %v", actions, err)
	}
}

func TestAModifiedProgramIsToldApart(t *testing.T) {
	c := open(t, true)
	r := install(t, c, pack(t, "1.0.0", "#!/bin/sh\n", nil))
	if _, err := c.Approve("com.example.tell", "1.0.0", r.Version.SHA256, "ann"); err != nil {
		t.Fatal(err)
	}
	p, err := c.Resolve("com.example.tell")
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"mode":    func() error { return os.Chmod(p.Path, 0o755) },
		"content": func() error { return replace(p.Path, "#!/bin/sh\nevil\n") },
		"link":    func() error { return errors.Join(os.Remove(p.Path), os.Symlink("/bin/sh", p.Path)) },
		"gone":    func() error { return os.Remove(p.Path) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Resolve("com.example.tell"); nvr.ErrorCode(err) != nvr.CodeConflict || !strings.Contains(err.Error(), "modified") {
			t.Errorf("%s: %v", name, err)
		}
		_ = os.Remove(p.Path)
		if err := replace(p.Path, "#!/bin/sh\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Resolve("com.example.tell"); err != nil {
			t.Fatalf("restored: %v", err)
		}
	}
	// What waits for approval may not change either.
	r = install(t, c, pack(t, "2.0.0", "#!/bin/sh\n# 2\n", nil))
	waiting := filepath.Join(c.dir, pendingDir, r.Version.SHA256)
	if err := replace(waiting, "evil"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Approve("com.example.tell", "2.0.0", r.Version.SHA256, "ann"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("approving what changed while it waited: %v", err)
	}
}

func replace(path, text string) error {
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Chmod(path, 0o555)
}

func TestUnsignedNeedsTheSwitch(t *testing.T) {
	bundle := pack(t, "1.0.0", "#!/bin/sh\n", nil)
	strict := open(t, false)
	if _, err := strict.Install(bytes.NewReader(bundle), "ann"); nvr.ErrorCode(err) != nvr.CodeForbidden || !strings.Contains(err.Error(), "allow_unsigned") {
		t.Errorf("%v", err)
	}
	loose := open(t, true)
	r := install(t, loose, bundle)
	if _, err := loose.Approve("com.example.tell", "1.0.0", r.Version.SHA256, "ann"); err != nil || r.Trust != TrustUnsigned {
		t.Errorf("%v, %v", r.Trust, err)
	}
	strict.dir = loose.dir // the switch was turned off again
	if _, err := strict.Resolve("com.example.tell"); nvr.ErrorCode(err) != nvr.CodeForbidden {
		t.Errorf("%v", err)
	}
}

func TestTwoProcessesShareTheCatalogue(t *testing.T) {
	c := open(t, true)
	other := *c
	before := c.Stamp()
	var bundles [][]byte
	for _, v := range []string{"1.0.0", "1.0.1", "1.0.2", "1.0.3"} {
		bundles = append(bundles, pack(t, v, "#!/bin/sh\n# "+v, nil))
	}
	done := make(chan error)
	for i, b := range bundles {
		cat := []*Catalog{c, &other}[i%2]
		go func() {
			_, err := cat.Install(bytes.NewReader(b), "ann")
			done <- err
		}()
	}
	for range bundles {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	p, err := c.Package("com.example.tell")
	if err != nil || len(p.Versions) != 4 || p.Versions[0].Manifest.Version != "1.0.3" || c.Stamp() == before {
		t.Errorf("%+v, %v", p, err)
	}
}

// archive makes a .tar.gz of headers and texts.
func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		text := e.PAXRecords["NIGHTJAR.text"]
		e.PAXRecords = nil
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len(text))
		}
		e.Mode = 0o644
		if err := tw.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if e.Size > 0 {
			if _, err := tw.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, text string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, PAXRecords: map[string]string{"NIGHTJAR.text": text}}
}

func TestHostileBundles(t *testing.T) {
	sums := func(files map[string]string) tar.Header {
		raw := map[string][]byte{}
		for k, v := range files {
			raw[k] = []byte(v)
		}
		return file(sumsName, string(sumsOf(raw)))
	}
	withSum := strings.Replace(manifestText, `"bin/tell"`, `"bin/tell", "sha256": "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"`, 1)
	big := strings.Repeat("x", maxSmallFile+1)
	for name, tc := range map[string]struct {
		bundle []byte
		want   string
	}{
		"not an archive": {[]byte("hello"), "not a plugin bundle"},
		"truncated":      {archive(t, file(ManifestName, manifestText))[:60], "damaged"},
		"climbs":         {archive(t, file("../evil", "x")), "belong there"},
		"absolute":       {archive(t, file("/etc/passwd", "x")), "belong there"},
		"climbs in bin":  {archive(t, file("bin/../../evil", "x")), "belong there"},
		"nested":         {archive(t, file("bin/a/b", "x")), "belong there"},
		"hidden":         {archive(t, file("bin/.profile", "x")), "belong there"},
		"symlink":        {archive(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/tell", Linkname: "/bin/sh"}), "not a regular file"},
		"hard link":      {archive(t, tar.Header{Typeflag: tar.TypeLink, Name: "bin/tell", Linkname: "/bin/sh"}), "not a regular file"},
		"device":         {archive(t, tar.Header{Typeflag: tar.TypeChar, Name: "bin/tell"}), "not a regular file"},
		"folder":         {archive(t, tar.Header{Typeflag: tar.TypeDir, Name: "lib/"}), "only bin"},
		"endless":        {archive(t, slices.Repeat([]tar.Header{{Typeflag: tar.TypeDir, Name: "bin/"}}, 2*maxBundleFiles+2)...), "entries"},
		"twice":          {archive(t, file(ManifestName, "{}"), file(ManifestName, "{}")), "twice"},
		"large":          {archive(t, file("README.md", big)), "too large"},
		"no sums":        {archive(t, file(ManifestName, manifestText)), "has no SHA256SUMS"},
		"not listed":     {archive(t, file(ManifestName, manifestText), file("README.md", "x"), sums(map[string]string{ManifestName: manifestText})), "does not list"},
		"wrong sum":      {archive(t, file(ManifestName, manifestText), sums(map[string]string{ManifestName: "{}"})), "modified"},
		"missing file":   {archive(t, file(ManifestName, manifestText), sums(map[string]string{ManifestName: manifestText, "README.md": "x"})), "does not hold"},
		"no program":     {archive(t, file(ManifestName, withSum), sums(map[string]string{ManifestName: withSum})), "has no bin/tell"},
		"another program": {archive(t, file(ManifestName, withSum), file("bin/tell", "evil"),
			sums(map[string]string{ManifestName: withSum, "bin/tell": "evil"})), "another SHA-256"},
		"extra program": {archive(t, file(ManifestName, withSum), file("bin/tell", "#!/bin/sh\n"), file("bin/more", "x"),
			sums(map[string]string{ManifestName: withSum, "bin/tell": "#!/bin/sh\n", "bin/more": "x"})), "does not name"},
		"program as text": {archive(t, file(ManifestName, withSum), file("bin/tell", "#!/bin/sh\n"), file("README.md", "#!/bin/sh"),
			sums(map[string]string{ManifestName: withSum, "bin/tell": "#!/bin/sh\n", "README.md": "#!/bin/sh"})), "is a program"},
		"bad signature": {archive(t, file(ManifestName, withSum), file("bin/tell", "#!/bin/sh\n"), file(signatureName, "ed25519 AAAA AAAA"),
			sums(map[string]string{ManifestName: withSum, "bin/tell": "#!/bin/sh\n"})), "not one of Ed25519"},
	} {
		c := open(t, true)
		_, err := c.Install(bytes.NewReader(tc.bundle), "eve")
		if nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if left, err := os.ReadDir(c.dir); err != nil || len(left) != 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}
	var many []tar.Header
	for i := range maxBundleFiles + 1 {
		many = append(many, file("bin/p"+strings.Repeat("x", i), "x"))
	}
	if _, err := open(t, true).Install(bytes.NewReader(archive(t, many...)), "eve"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("many files: %v", err)
	}
}

func TestASignatureBindsTheContent(t *testing.T) {
	_, private := newKey(t)
	_, other := newKey(t)
	dir := t.TempDir()
	signed := filepath.Join(dir, "a.tar.gz")
	if err := os.WriteFile(signed, pack(t, "1.0.0", "#!/bin/sh\n", private), 0o600); err != nil {
		t.Fatal(err)
	}
	// Signing again replaces the signature.
	if _, err := Sign(signed, other); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	r := install(t, open(t, false), b)
	public, ok := other.Public().(ed25519.PublicKey)
	if !ok || r.Version.Signer != Fingerprint(public) {
		t.Errorf("signer %s", r.Version.Signer)
	}
	sums := []byte("a  b\n")
	if _, err := verifySignature([]byte("c  d\n"), signSums(sums, private)); err == nil {
		t.Error("a signature of other sums is good")
	}
}

func TestPackIsReproducible(t *testing.T) {
	if a, b := pack(t, "1.0.0", "#!/bin/sh\n", nil), pack(t, "1.0.0", "#!/bin/sh\n", nil); !bytes.Equal(a, b) {
		t.Error("the same files make different bundles")
	}
}

func TestKeys(t *testing.T) {
	public, private := newKey(t)
	pem, err := EncodePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePrivateKey(pem); err != nil || !got.Equal(private) {
		t.Errorf("%v", err)
	}
	pubPEM, err := EncodePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePublicKey(pubPEM); err != nil || !got.Equal(public) {
		t.Errorf("%v", err)
	}
	for _, b := range [][]byte{nil, pubPEM, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")} {
		if _, err := ParsePrivateKey(b); err == nil {
			t.Errorf("%q is a private key", b)
		}
	}
	c := open(t, false)
	k, err := c.TrustKey("Me", public, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.TrustKey("Me again", public, "ann"); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("%v", err)
	}
	if err := c.ForgetKey(k.Fingerprint, "ann"); err != nil {
		t.Error(err)
	}
	if err := c.ForgetKey(k.Fingerprint, "ann"); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(archive(f, file(ManifestName, manifestText), file("bin/tell", "#!/bin/sh\n")))
	f.Add(archive(f, tar.Header{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "/tmp"}, file("bin/tell", "x")))
	f.Add(archive(f, file("../x", "x")))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_, _ = readBundle(bytes.NewReader(b), root)
		if got, err := os.ReadDir(top); err != nil || len(got) != 1 {
			t.Errorf("wrote outside of its folder: %v, %v", got, err)
		}
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !d.Type().IsRegular() {
				t.Errorf("made %s, which is no regular file", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestLeftoversOfAKilledInstallation are removed by the next one; one that is under way is not.
func TestLeftoversOfAKilledInstallation(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir(), Core: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(c.dir, ".unpack-1"), filepath.Join(c.dir, ".unpack-2")
	for _, dir := range []string{old, young} {
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Install(strings.NewReader("no bundle"), "ann"); err == nil {
		t.Error("installed")
	}
	if left, _ := filepath.Glob(filepath.Join(c.dir, ".unpack-*")); len(left) != 1 || left[0] != young {
		t.Errorf("left: %v", left)
	}
}
