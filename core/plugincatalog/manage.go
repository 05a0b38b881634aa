package plugincatalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Program is what to start for a package.
type Program struct {
	Path     string
	Args     []string
	SHA256   string
	Trust    Trust
	Manifest Manifest
	Proved   bool
}

// Resolve returns the program of a package's active version. CodeNotFound: it is not installed; CodeConflict: it is
// there and must not run, and the message says why. A program that was modified is told apart here, and the host checks
// it again at each start.
func (c *Catalog) Resolve(id string) (Program, error) {
	s, err := c.Load()
	if err != nil {
		return Program{}, err
	}
	p := s.find(id)
	if p == nil {
		return Program{}, notInstalled(id)
	}
	refuse := func(format string, args ...any) (Program, error) {
		return Program{}, &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf(format, args...)}
	}
	v := p.Version(p.Active)
	switch {
	case p.Disabled:
		return refuse("plugin %s is disabled", id)
	case v == nil:
		return refuse("plugin %s is installed, but no version of it is approved", id)
	case v.Signer == "" && !c.allowUnsigned:
		return Program{}, errUnsigned(*v)
	}
	if err := v.Manifest.fits(c.core); err != nil {
		return refuse("%v", err)
	}
	if err := c.Modified(*v); err != nil {
		return refuse("%v", err)
	}
	e, err := v.Manifest.For(Platform())
	if err != nil {
		return refuse("%v", err)
	}
	return Program{Path: c.program(v.SHA256), Args: e.Args, SHA256: v.SHA256, Trust: s.Trust(*v), Manifest: v.Manifest, Proved: v.Proved}, nil
}

// Modified returns an error when an approved program is not what was approved any more.
func (c *Catalog) Modified(v Version) error {
	if v.State != VersionApproved {
		return nil
	}
	if err := checkProgram(c.program(v.SHA256), v.SHA256); err != nil {
		return fmt.Errorf("the program of %s %s was modified since it was approved: it %w; remove the plugin and install it again", v.Manifest.ID, v.Manifest.Version, err)
	}
	return nil
}

// Prove notes that a version was started and answered as it should.
func (c *Catalog) Prove(id, version string) error {
	return c.change(&audit{By: "nightjar", Action: "prove", Plugin: id, Version: version}, func(s *State) error {
		p := s.find(id)
		if p == nil || p.Version(version) == nil {
			return noVersion(id, version)
		}
		p.Version(version).Proved = true
		return nil
	})
}

// RollBack gives up the active version for the one before it and keeps the reason. Without one before, nothing runs.
func (c *Catalog) RollBack(id, reason, by string) (Package, error) {
	var out Package
	line := &audit{By: by, Action: "roll back", Plugin: id, Detail: reason}
	err := c.change(line, func(s *State) error {
		p := s.find(id)
		if p == nil {
			return notInstalled(id)
		}
		v := p.Version(p.Active)
		if v == nil {
			return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("plugin %s has no active version to roll back", id)}
		}
		line.Version, line.SHA256 = v.Manifest.Version, v.SHA256
		v.State, v.Reason = VersionRolledBack, reason
		p.Active, p.Previous = p.Previous, ""
		out = *p
		return nil
	})
	return out, err
}

// SetEnabled lets a package run, or not.
func (c *Catalog) SetEnabled(id string, enabled bool, by string) (Package, error) {
	var out Package
	action := map[bool]string{true: "enable", false: "disable"}[enabled]
	err := c.change(&audit{By: by, Action: action, Plugin: id}, func(s *State) error {
		p := s.find(id)
		if p == nil {
			return notInstalled(id)
		}
		p.Disabled = !enabled
		out = *p
		return nil
	})
	return out, err
}

// RemoveVersion forgets a version that is not active.
func (c *Catalog) RemoveVersion(id, version, by string) error {
	return c.change(&audit{By: by, Action: "remove", Plugin: id, Version: version}, func(s *State) error {
		p := s.find(id)
		if p == nil {
			return notInstalled(id)
		}
		switch {
		case p.Version(version) == nil:
			return noVersion(id, version)
		case p.Active == version:
			return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("%s %s is the active version: roll back or remove the plugin", id, version)}
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v Version) bool { return v.Manifest.Version == version })
		if p.Previous == version {
			p.Previous = ""
		}
		s.Packages = slices.DeleteFunc(s.Packages, func(p Package) bool { return len(p.Versions) == 0 })
		return c.sweep(s)
	})
}

// Remove forgets a package and deletes its programs. Processes that run from them go on until the host stops them.
func (c *Catalog) Remove(id, by string) error {
	return c.change(&audit{By: by, Action: "remove", Plugin: id}, func(s *State) error {
		if s.find(id) == nil {
			return notInstalled(id)
		}
		s.Packages = slices.DeleteFunc(s.Packages, func(p Package) bool { return p.ID == id })
		return c.sweep(s)
	})
}

// sweep deletes programs that no version names.
func (c *Catalog) sweep(s *State) error {
	used := map[string]bool{}
	for _, p := range s.Packages {
		for _, v := range p.Versions {
			used[v.SHA256] = true
		}
	}
	for _, d := range []string{storeDir, pendingDir} {
		entries, err := os.ReadDir(filepath.Join(c.dir, d))
		if err != nil {
			return fmt.Errorf("look for programs nobody uses: %w", err)
		}
		for _, e := range entries {
			if used[e.Name()] {
				continue
			}
			if err := os.Remove(filepath.Join(c.dir, d, e.Name())); err != nil {
				return fmt.Errorf("delete program nobody uses: %w", err)
			}
		}
	}
	return nil
}
