// Package manifest holds the manifests of the first-party notifiers: what each is and which permissions it asks for.
// It holds nothing else, so that Nightjar can read them without linking the notifiers.
package manifest

import (
	"embed"
	"fmt"
	"slices"
)

//go:embed *.json
var files embed.FS

// Names returns the notifiers, sorted.
func Names() []string { return []string{"email", "mqtt", "push", "telegram", "webhook"} }

// Read returns the manifest of a notifier as JSON (plugin.json of a bundle; the executable is the program notifiers).
func Read(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no first-party notifier %q; there are %v", name, Names())
	}
	raw, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("read the manifest of %s: %w", name, err)
	}
	return raw, nil
}
