//go:build !embedui

package ui

import (
	"embed"
	"io/fs"
)

//go:embed stub
var stub embed.FS

// Built reports whether this binary carries the exported user interface.
const Built = false

// FS returns one page that says that the user interface was not built into this binary, and how to build it.
func FS() fs.FS {
	sub, err := fs.Sub(stub, "stub")
	if err != nil {
		panic(err) // "stub" is a valid path, so fs.Sub cannot fail
	}
	return sub
}
