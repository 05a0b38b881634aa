// Package migrations holds the database schema as numbered goose files, compiled into the binary.
package migrations

import "embed"

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS
