package plugincatalog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Trust says why a plugin may run.
type Trust string

// The levels, best first.
const (
	TrustCore     Trust = "core"     // comes with Nightjar
	TrustKey      Trust = "key"      // signed by a key on the list of trusted keys
	TrustLocal    Trust = "local"    // signed by a key nobody vouched for; an administrator approved this very file
	TrustUnsigned Trust = "unsigned" // not signed; runs only with plugins.allow_unsigned
)

// VersionState is where a version is in its life.
type VersionState string

// The states of a version.
const (
	VersionPending    VersionState = "pending"     // installed, waits for approval
	VersionApproved   VersionState = "approved"    // may run
	VersionRolledBack VersionState = "rolled_back" // approved, then it failed; Reason says how
)

// Package is an installed plugin with its versions.
type Package struct {
	ID       string    `json:"id"`
	Active   string    `json:"active"`   // the version that runs; empty: none is approved yet
	Previous string    `json:"previous"` // what to go back to
	Disabled bool      `json:"disabled"`
	Versions []Version `json:"versions"` // newest version first
}

// Version is one version of a package.
type Version struct {
	Manifest     Manifest     `json:"manifest"`
	State        VersionState `json:"state"`
	Reason       string       `json:"reason,omitempty"`
	SHA256       string       `json:"sha256"`           // of the program for this machine: what is approved
	BundleSHA256 string       `json:"bundle_sha256"`    // of the file that was installed
	Signer       string       `json:"signer,omitempty"` // fingerprint; empty: not signed
	InstalledAt  time.Time    `json:"installed_at"`
	InstalledBy  string       `json:"installed_by"`
	ApprovedAt   time.Time    `json:"approved_at,omitzero"`
	ApprovedBy   string       `json:"approved_by,omitempty"`
	Proved       bool         `json:"proved"` // it was started once and answered
}

// Key is a trusted signer.
type Key struct {
	Fingerprint string    `json:"fingerprint"`
	Name        string    `json:"name"`
	Public      string    `json:"public"` // base64
	AddedAt     time.Time `json:"added_at"`
	AddedBy     string    `json:"added_by"`
}

// State is everything the catalogue remembers.
type State struct {
	Format   int       `json:"format"` // 1
	Keys     []Key     `json:"keys"`
	Packages []Package `json:"packages"` // by id
}

// Catalog is the directory of installed plugins. It is safe for concurrent use, by several processes too.
type Catalog struct {
	dir           string
	core          string
	allowUnsigned bool
}

// Options are what a catalogue needs.
type Options struct {
	Dir           string // made where missing
	Core          string // version of Nightjar; "dev" fits every plugin
	AllowUnsigned bool   // approve and run plugins that nobody signed
}

// Names below the directory.
const (
	stateFile  = "catalog.json"
	lockFile   = "catalog.lock"
	auditFile  = "audit.log"
	storeDir   = "store"   // approved programs, by SHA-256
	pendingDir = "pending" // programs that wait for approval, by SHA-256; not executable
)

// New prepares a catalogue. It makes nothing until something is installed.
func New(opts Options) (*Catalog, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("plugin directory: %w", err)
	}
	return &Catalog{dir: dir, core: opts.Core, allowUnsigned: opts.AllowUnsigned}, nil
}

// Load returns the state as it is now.
func (c *Catalog) Load() (State, error) {
	b, err := os.ReadFile(filepath.Join(c.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return State{Format: 1}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("read list of plugins: %w", err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("read list of plugins %s: %w; restore it from a backup, or remove it and install the plugins again", filepath.Join(c.dir, stateFile), err)
	}
	if s.Format != 1 {
		return State{}, fmt.Errorf("list of plugins %s has format %d: it was written by a later Nightjar", filepath.Join(c.dir, stateFile), s.Format)
	}
	return s, nil
}

// Stamp changes whenever the state was written, by whichever process.
func (c *Catalog) Stamp() string {
	info, err := os.Stat(filepath.Join(c.dir, stateFile))
	if err != nil {
		return ""
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	if st == nil {
		return info.ModTime().String()
	}
	return fmt.Sprint(st.Ino, info.Size(), info.ModTime().UnixNano())
}

// Package returns one package, CodeNotFound where it is not installed.
func (c *Catalog) Package(id string) (Package, error) {
	s, err := c.Load()
	if err != nil {
		return Package{}, err
	}
	p := s.find(id)
	if p == nil {
		return Package{}, notInstalled(id)
	}
	return *p, nil
}

func notInstalled(id string) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("plugin %s is not installed", clip(id))}
}

func (s *State) find(id string) *Package {
	for i := range s.Packages {
		if s.Packages[i].ID == id {
			return &s.Packages[i]
		}
	}
	return nil
}

// Version returns one version, nil where there is none.
func (p *Package) Version(version string) *Version {
	for i := range p.Versions {
		if p.Versions[i].Manifest.Version == version {
			return &p.Versions[i]
		}
	}
	return nil
}

// Trust says how a version is trusted, given the keys that are trusted now.
func (s *State) Trust(v Version) Trust {
	switch {
	case v.Signer == "":
		return TrustUnsigned
	case slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Fingerprint == v.Signer }):
		return TrustKey
	}
	return TrustLocal
}

// change runs f on the state under the lock and writes what it made of it, then the audit line. f's error leaves
// everything as it was.
func (c *Catalog) change(line *audit, f func(*State) error) error {
	for _, d := range []string{"", storeDir, pendingDir} {
		if err := os.MkdirAll(filepath.Join(c.dir, d), 0o755); err != nil {
			return fmt.Errorf("make plugin directory: %w", err)
		}
		c.give(filepath.Join(c.dir, d))
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := c.Load()
	if err != nil {
		return err
	}
	if err := f(&s); err != nil {
		return err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write list of plugins: %w", err)
	}
	if err := writeAtomically(filepath.Join(c.dir, stateFile), b, 0o644); err != nil {
		return fmt.Errorf("write list of plugins: %w", err)
	}
	c.give(filepath.Join(c.dir, stateFile))
	return c.note(line)
}

// give hands what root wrote at the command line to the account the server runs under, which owns what lies around the
// directory. Programs are not given: root's are safe from that account, too.
func (c *Catalog) give(path string) {
	info, err := os.Stat(filepath.Dir(c.dir))
	if err != nil || os.Geteuid() != 0 {
		return
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		_ = os.Lchown(path, int(st.Uid), int(st.Gid)) // where it fails, the server says which file it cannot read
	}
}

// lock waits for the catalogue's lock, which the kernel gives back when its holder ends.
func (c *Catalog) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.dir, lockFile), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock list of plugins: %w", err)
	}
	c.give(f.Name())
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock list of plugins: %w", err)
	}
	return func() { f.Close() }, nil
}

// writeAtomically replaces a file so that a reader, and a machine that loses power, sees the old or the new.
func writeAtomically(path string, b []byte, mode fs.FileMode) error {
	return replaceFile(path, mode, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// replaceFile is writeAtomically of what write writes and finds right.
func replaceFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err = write(tmp); err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// audit is one line of audit.log: who did what.
type audit struct {
	Time        time.Time `json:"time"`
	By          string    `json:"by"`
	Action      string    `json:"action"` // install, approve, enable, disable, remove, roll back, trust key, forget key
	Plugin      string    `json:"plugin,omitempty"`
	Version     string    `json:"version,omitempty"`
	SHA256      string    `json:"sha256,omitempty"`
	Signer      string    `json:"signer,omitempty"`
	Trust       Trust     `json:"trust,omitempty"`
	Permissions []string  `json:"permissions,omitempty"`
	Detail      string    `json:"detail,omitempty"`
}

// AuditLine is one step somebody took with a plugin.
type AuditLine = audit

// note appends a line to audit.log. It is written while the lock is held.
func (c *Catalog) note(line *audit) error {
	line.Time = time.Now().UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.dir, auditFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	defer f.Close()
	c.give(f.Name())
	if _, err := f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return f.Sync()
}

// Audit returns the last n lines of the audit log, oldest first.
func (c *Catalog) Audit(n int) ([]AuditLine, error) {
	b, err := os.ReadFile(filepath.Join(c.dir, auditFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	out := make([]AuditLine, 0, n)
	for _, l := range lines[max(0, len(lines)-n):] {
		var a AuditLine
		if json.Unmarshal([]byte(l), &a) == nil { // a line torn by a crash says nothing
			out = append(out, a)
		}
	}
	return out, nil
}

// TrustKey puts a signer on the list of trusted keys.
func (c *Catalog) TrustKey(name string, key ed25519.PublicKey, by string) (Key, error) {
	if name = strings.TrimSpace(name); name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return Key{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "give the key a name of at most 64 characters: whose is it"}
	}
	k := Key{Fingerprint: Fingerprint(key), Name: name, Public: base64.StdEncoding.EncodeToString(key), AddedAt: time.Now().UTC().Truncate(time.Second), AddedBy: by}
	err := c.change(&audit{By: by, Action: "trust key", Signer: k.Fingerprint, Detail: name}, func(s *State) error {
		for _, old := range s.Keys {
			if old.Fingerprint == k.Fingerprint {
				return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("key %s is trusted already, as %s", k.Fingerprint, old.Name)}
			}
		}
		s.Keys = append(s.Keys, k)
		return nil
	})
	return k, err
}

// ForgetKey takes a key off the list. What it signed and was approved goes on, as locally approved.
func (c *Catalog) ForgetKey(fingerprint, by string) error {
	return c.change(&audit{By: by, Action: "forget key", Signer: fingerprint}, func(s *State) error {
		n := len(s.Keys)
		s.Keys = slices.DeleteFunc(s.Keys, func(k Key) bool { return k.Fingerprint == fingerprint })
		if len(s.Keys) == n {
			return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("key %s is not on the list", clip(fingerprint))}
		}
		return nil
	})
}
