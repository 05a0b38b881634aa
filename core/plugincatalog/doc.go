// Package plugincatalog keeps the plugins that people install: it reads and checks bundles, remembers which file of
// which plugin an administrator approved, and hands out programs that are exactly that file. Everything lies below
// one directory and is shared by the server and the command line through a lock and atomic writes.
//
// It promises that nothing it hands out was not approved by its SHA-256: an approved executable is copied into a
// store named by content, read-only, and a file that changed there is told apart. A bundle that fails any check
// leaves nothing behind.
//
// It starts no plugin (core/pluginhost does) and knows nothing of notifiers and their settings (core/app does), except
// for how to check settings against a schema.
package plugincatalog
