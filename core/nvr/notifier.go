package nvr

import "time"

// Notifier is a configured instance of a plugin, as stored.
type Notifier struct {
	ID       string // [a-z0-9_-]{1,48}
	Name     string // for people
	Plugin   string // id of an installed plugin, or the name of one that comes with Nightjar
	Enabled  bool
	Settings []byte // sealed: they hold secrets
	Created  time.Time
	Updated  time.Time
}
