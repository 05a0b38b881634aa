//go:build embedui

package ui

import (
	"embed"
	"io/fs"
)

// The prefix "all:" matters: without it go:embed drops names that begin with "_", which are Next's scripts and page data.
//
//go:embed all:out
var export embed.FS

// Built reports whether this binary carries the exported user interface.
const Built = true

// FS returns the exported user interface, with index.html at its root.
func FS() fs.FS {
	sub, err := fs.Sub(export, "out")
	if err != nil {
		panic(err) // "out" is a valid path, so fs.Sub cannot fail
	}
	return sub
}
