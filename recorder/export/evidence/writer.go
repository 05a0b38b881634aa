package evidence

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// Output is what a Writer needs of the file it writes; *os.File has it.
type Output interface {
	io.Writer
	io.WriterAt
}

// Writer writes one package. It is for one goroutine.
type Writer struct {
	out      Output
	key      ed25519.PrivateKey
	manifest Manifest
	entries  []entry
	end      int64
	sums     strings.Builder
	buf      []byte
}

// NewWriter begins a package at the start of out. m says what it is about; its files, key and format are filled in.
func NewWriter(out Output, key ed25519.PrivateKey, m Manifest) (*Writer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, errors.New("write evidence: there is no key to sign with")
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("write evidence: the key is not Ed25519")
	}
	m.Format, m.PublicKey, m.Key, m.Files = Format, hex.EncodeToString(public), Fingerprint(public), nil
	return &Writer{out: out, key: key, manifest: m, buf: make([]byte, 1<<20)}, nil
}

// Add copies size bytes from r into the package as f.Name. f's kind, camera and times go into the manifest as they are;
// crc, when not nil, is the CRC-32C that the bytes should have. It fails where r has fewer bytes.
func (w *Writer) Add(f File, r io.Reader, size int64, crc *uint32) (File, error) {
	if err := checkName(f.Name); err != nil {
		return File{}, err
	}
	e := entry{name: f.Name, size: size, offset: w.end}
	head := localHeader(e, w.manifest.CreatedAt)
	if err := w.write(head); err != nil {
		return File{}, err
	}
	sum, zipCRC, c32 := sha256.New(), crc32.NewIEEE(), crc32.New(crc32.MakeTable(crc32.Castagnoli))
	hashes := io.MultiWriter(sum, zipCRC)
	if crc != nil {
		hashes = io.MultiWriter(sum, zipCRC, c32)
	}
	for left := size; left > 0; {
		n, err := io.ReadFull(r, w.buf[:min(left, int64(len(w.buf)))])
		if err != nil {
			return File{}, fmt.Errorf("read %s: %w", f.Name, err)
		}
		_, _ = hashes.Write(w.buf[:n]) // a hash never fails
		if err := w.write(w.buf[:n]); err != nil {
			return File{}, err
		}
		left -= int64(n)
	}
	e.crc = zipCRC.Sum32()
	if _, err := w.out.WriteAt(localHeader(e, w.manifest.CreatedAt), e.offset); err != nil {
		return File{}, fmt.Errorf("write evidence: %w", err)
	}
	f.Bytes, f.SHA256 = size, hex.EncodeToString(sum.Sum(nil))
	if crc != nil {
		matches := *crc == c32.Sum32()
		f.CRC32C, f.CRCMatches = fmt.Sprintf("%08x", *crc), &matches
	}
	w.entries = append(w.entries, e)
	w.manifest.Files = append(w.manifest.Files, f)
	fmt.Fprintf(&w.sums, "%s  %s\n", f.SHA256, f.Name)
	return f, nil
}

// Gap notes a hole in the manifest.
func (w *Writer) Gap(g Gap) { w.manifest.Gaps = append(w.manifest.Gaps, g) }

// Note adds a sentence to the manifest.
func (w *Writer) Note(s string) { w.manifest.Notes = append(w.manifest.Notes, s) }

// Close completes the package: instructions, sums, key, manifest, signature and directory. It returns its length.
func (w *Writer) Close() (int64, error) {
	public, _ := w.key.Public().(ed25519.PublicKey)
	pem, err := PEM(public)
	if err != nil {
		return 0, err
	}
	if w.manifest.Gaps == nil {
		w.manifest.Gaps = []Gap{}
	}
	for _, f := range []struct{ name, text string }{
		{verifyName, instructions(&w.manifest)}, {keyName, string(pem)}, {sumsName, ""},
	} {
		if f.name == sumsName { // it lists the two before
			f.text = w.sums.String()
		}
		if _, err := w.Add(File{Name: f.name, Kind: About}, strings.NewReader(f.text), int64(len(f.text)), nil); err != nil {
			return 0, err
		}
	}
	manifest, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return 0, fmt.Errorf("write manifest: %w", err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{manifestName, manifest}, {signatureName, ed25519.Sign(w.key, manifest)}} {
		if _, err := w.Add(File{Name: f.name}, strings.NewReader(string(f.data)), int64(len(f.data)), nil); err != nil {
			return 0, err
		}
	}
	if err := w.write(directory(w.entries, w.end, w.manifest.CreatedAt)); err != nil {
		return 0, err
	}
	return w.end, nil
}

func (w *Writer) write(b []byte) error {
	if _, err := w.out.Write(b); err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	w.end += int64(len(b))
	return nil
}

// maxName bounds a name in a package.
const maxName = 512

// checkName refuses names that could lead an unpacking program outside its directory or confuse a person.
func checkName(name string) error {
	bad := name == "" || len(name) > maxName || name[0] == '/'
	for elem := range strings.SplitSeq(name, "/") {
		bad = bad || elem == "" || elem == "." || elem == ".."
	}
	for _, r := range name {
		bad = bad || r < 0x20 || r == 0x7f || r == '\\' || r == ':' || r == 0xfffd
	}
	if bad {
		return fmt.Errorf("file name %q is not allowed in a package", name)
	}
	return nil
}

// instructions are VERIFY.txt.
func instructions(m *Manifest) string {
	var b strings.Builder
	w := bufio.NewWriter(&b)
	fmt.Fprintf(w, verifyText, m.Name, m.CreatedAt.UTC().Format("2006-01-02 15:04:05"), m.CreatedBy, m.Software, m.Key)
	_ = w.Flush() // to a string
	return b.String()
}

const verifyText = `HOW TO VERIFY THIS PACKAGE

  Package      %s
  Created      %s UTC by %s
  Software     %s
  Fingerprint  %s

What is in it

  originals/         The recordings exactly as they were written to disk, byte for byte. They are the evidence.
  the other .mp4     The same pictures cut to the wanted range, one file or more per camera. They are for watching.
  manifest.json      Every file with its size and SHA-256, when it was recorded, and every gap with its reason.
  manifest.json.sig  The signature over manifest.json (Ed25519).
  public_key.pem     The public key of the installation that made this package.
  SHA256SUMS         The same SHA-256 sums in the form that sha256sum reads.

The short way, with Nightjar installed

  nightjar verify FILE.zip

  It names every file that was changed, is missing or was added, and the key that signed. Add
  --key public_key.pem with a key that you received by another way to be sure who signed.

The long way, with common tools (GNU coreutils, OpenSSL 3.0 or newer)

  1. Unpack the package and go into its directory.

  2. Was any file changed or removed since it was packed? Every line must end in "OK":

       sha256sum --check SHA256SUMS

  3. Does the list of sums belong to the manifest? This must print the line with the sum:

       grep "$(sha256sum SHA256SUMS | cut -c 1-64)" manifest.json

  4. Was the manifest signed by the key? This must print "Signature Verified Successfully":

       openssl pkeyutl -verify -pubin -inkey public_key.pem -rawin -in manifest.json -sigfile manifest.json.sig

  5. Whose key is it? Compare the fingerprint above with the one that the owner of the installation tells you, by
     telephone or in person. Anyone can make a package with a key of their own. The fingerprint of the key in this
     package is the first 32 digits of:

       openssl pkey -pubin -in public_key.pem -outform DER | tail -c 32 | sha256sum

  6. Files that manifest.json does not name were added later and prove nothing.

What the CRC means

  crc32c in manifest.json is a sum that the recorder noted when it finished a recording. crc32c_matches says whether
  the bytes still had that sum when they were packed: true means unchanged since they were recorded.
`
