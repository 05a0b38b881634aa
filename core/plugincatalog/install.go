package plugincatalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Review is what a person decides on: a version that waits, and how it differs from the one that runs.
type Review struct {
	Package Package
	Version Version
	Trust   Trust
	// Added and Removed are permissions, compared with the active version; of a first installation all are added.
	Added, Removed []string
	// From is the version that runs now; empty: none does.
	From string
	// SignerChanged: the version that runs was signed by another key, or by one at all.
	SignerChanged bool
}

// Install checks a bundle and keeps it until somebody approves it. The same version again is refused, unless it is the
// very same program that waits or was rolled back.
func (c *Catalog) Install(r io.Reader, by string) (Review, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return Review{}, fmt.Errorf("make plugin directory: %w", err)
	}
	c.clearUnpacked()
	dir, err := os.MkdirTemp(c.dir, ".unpack-*")
	if err != nil {
		return Review{}, fmt.Errorf("make folder to unpack the plugin: %w", err)
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Review{}, fmt.Errorf("make folder to unpack the plugin: %w", err)
	}
	defer func() { _ = root.Close() }() // only a descriptor
	b, err := readBundle(r, root)
	if err == nil {
		err = b.manifest.fits(c.core)
	}
	if err != nil {
		return Review{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "this plugin cannot be installed: " + err.Error()}
	}
	program, err := b.manifest.For(Platform())
	if err != nil {
		return Review{}, err
	}
	v := Version{
		Manifest: b.manifest, State: VersionPending, SHA256: program.SHA256, BundleSHA256: b.sha256,
		InstalledAt: time.Now().UTC().Truncate(time.Second), InstalledBy: by,
	}
	if b.signer != nil {
		v.Signer = Fingerprint(b.signer)
	}
	if v.Signer == "" && !c.allowUnsigned {
		return Review{}, errUnsigned(v)
	}
	var review Review
	line := &audit{By: by, Action: "install", Plugin: v.Manifest.ID, Version: v.Manifest.Version, SHA256: v.SHA256, Signer: v.Signer, Permissions: v.Manifest.Permissions}
	err = c.change(line, func(s *State) error {
		if err := s.add(v); err != nil {
			return err
		}
		line.Trust = s.Trust(v)
		review = s.review(v.Manifest.ID, v.Manifest.Version)
		waiting := filepath.Join(c.dir, pendingDir, v.SHA256)
		if err := copyProgram(filepath.Join(dir, program.Path), waiting, v.SHA256, 0o400); err != nil {
			return err
		}
		c.give(waiting)
		return nil
	})
	return review, err
}

// clearUnpacked removes what an installation that was killed left. One that is under way is younger.
func (c *Catalog) clearUnpacked() {
	left, _ := filepath.Glob(filepath.Join(c.dir, ".unpack-*")) // the pattern is a good one
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir) // tried again by the next installation
		}
	}
}

func errUnsigned(v Version) error {
	return &nvr.Error{Code: nvr.CodeForbidden, Message: fmt.Sprintf(
		"%s %s is not signed: ask its author for a signed bundle, or set plugins.allow_unsigned: true", v.Manifest.ID, v.Manifest.Version)}
}

// add puts a version into the state.
func (s *State) add(v Version) error {
	p := s.find(v.Manifest.ID)
	if p == nil {
		s.Packages = append(s.Packages, Package{ID: v.Manifest.ID})
		slices.SortFunc(s.Packages, func(a, b Package) int { return cmp.Compare(a.ID, b.ID) })
		p = s.find(v.Manifest.ID)
	}
	if old := p.Version(v.Manifest.Version); old != nil {
		if old.State == VersionApproved {
			return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf(
				"%s %s is installed and approved; a changed plugin needs a new version, or remove this one first", p.ID, v.Manifest.Version)}
		}
		*old = v
		return nil
	}
	p.Versions = append(p.Versions, v)
	slices.SortFunc(p.Versions, func(a, b Version) int {
		x, _ := parseVersion(a.Manifest.Version)
		y, _ := parseVersion(b.Manifest.Version)
		return y.compare(x)
	})
	return nil
}

// Review says what there is to decide about a version.
func (c *Catalog) Review(id, version string) (Review, error) {
	s, err := c.Load()
	if err != nil {
		return Review{}, err
	}
	if p := s.find(id); p == nil || p.Version(version) == nil {
		return Review{}, noVersion(id, version)
	}
	return s.review(id, version), nil
}

func (s *State) review(id, version string) Review {
	p := s.find(id)
	v := p.Version(version)
	r := Review{Package: *p, Version: *v, Trust: s.Trust(*v), Added: v.Manifest.Permissions}
	active := p.Version(p.Active)
	if active == nil || p.Active == version {
		return r
	}
	r.From, r.SignerChanged = p.Active, active.Signer != v.Signer
	r.Added = without(v.Manifest.Permissions, active.Manifest.Permissions)
	r.Removed = without(active.Manifest.Permissions, v.Manifest.Permissions)
	return r
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

func noVersion(id, version string) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("plugin %s has no version %s that waits; install it first", clip(id), clip(version))}
}

// Approve lets exactly the program with this SHA-256 run, and makes it the active version. What was active becomes the
// one to go back to.
func (c *Catalog) Approve(id, version, sum, by string) (Package, error) {
	var out Package
	line := &audit{By: by, Action: "approve", Plugin: id, Version: version, SHA256: sum}
	err := c.change(line, func(s *State) error {
		p := s.find(id)
		if p == nil {
			return notInstalled(id)
		}
		v := p.Version(version)
		switch {
		case v == nil:
			return noVersion(id, version)
		case v.SHA256 != sum:
			return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf(
				"%s %s has another SHA-256 than the one approved: it is %s; look at it again", id, version, v.SHA256)}
		case v.Signer == "" && !c.allowUnsigned:
			return errUnsigned(*v)
		case p.Active == version:
			return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("%s %s is approved already", id, version)}
		}
		if err := c.admit(sum); err != nil {
			return err
		}
		line.Signer, line.Trust, line.Permissions = v.Signer, s.Trust(*v), v.Manifest.Permissions
		v.State, v.Reason, v.Proved = VersionApproved, "", false
		v.ApprovedAt, v.ApprovedBy = time.Now().UTC().Truncate(time.Second), by
		p.Previous, p.Active = p.Active, version
		out = *p
		return nil
	})
	return out, err
}

// admit moves a waiting program into the store. One that is there is checked.
func (c *Catalog) admit(sum string) error {
	to := c.program(sum)
	if checkProgram(to, sum) == nil {
		return nil
	}
	_ = os.Remove(to) // what is there is not the program
	from := filepath.Join(c.dir, pendingDir, sum)
	if err := copyProgram(from, to, sum, 0o555); err != nil {
		return err
	}
	_ = os.Remove(from)
	return nil
}

func (c *Catalog) program(sum string) string { return filepath.Join(c.dir, storeDir, sum) }

// copyProgram copies a file and makes sure of its content on the way: what is checked is what was written.
func copyProgram(from, to, sum string, mode fs.FileMode) error {
	src, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &nvr.Error{Code: nvr.CodeConflict, Message: "the plugin's program is gone from the plugin directory: install the bundle again"}
	}
	if err != nil {
		return fmt.Errorf("copy plugin program: %w", err)
	}
	defer src.Close()
	err = replaceFile(to, mode, func(w io.Writer) error {
		h := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, h), src); err != nil {
			return err
		}
		if hex.EncodeToString(h.Sum(nil)) != sum {
			return &nvr.Error{Code: nvr.CodeConflict, Message: "the plugin's program was modified after it was installed: install the bundle again"}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy plugin program: %w", err)
	}
	return nil
}

// checkProgram reports whether the file in the store is what was approved: ours or root's, writable by nobody, and of
// the right content.
func checkProgram(path, sum string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("is missing: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("belongs to another account")
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != 0o555 {
		return errors.New("has other permissions than it was given")
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return errors.New("has another content")
	}
	return nil
}
