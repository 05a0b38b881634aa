// Package ui holds the exported web interface and knows how to serve it below a path prefix that is only known per request.
//
// Next.js fixes its base path when it builds. The export is therefore built with a placeholder, which this package replaces
// in HTML and in Next's page data (.txt) while serving; scripts were rewritten after the build to read the prefix from a
// variable, so they are the same bytes for everyone and may be cached for ever. The package owns no routes and no headers:
// the HTTP layer asks Lookup for a file, and decides about status, caching and the content security policy by its fields.
package ui
