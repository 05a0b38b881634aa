package nvr

import "time"

// PluginState is where a plugin is in its life, as the host shows it.
type PluginState string

// The states of a plugin.
const (
	PluginDisabled    PluginState = "disabled"
	PluginStarting    PluginState = "starting"
	PluginRunning     PluginState = "running"
	PluginBackoff     PluginState = "backoff"     // crashed; the next start is at RetryAt
	PluginQuarantined PluginState = "quarantined" // crashed too often
	PluginBadConfig   PluginState = "bad_config"  // it refused its configuration
	PluginIncompat    PluginState = "incompatible"
)

// PluginStatus is a plugin's state for display.
type PluginStatus struct {
	ID        string // as configured, `[a-z0-9_-]{1,48}`
	Name      string // as the plugin describes itself
	Version   string
	State     PluginState
	Reason    string // one sentence for a person
	Since     time.Time
	RetryAt   time.Time
	Restarts  int
	Delivered uint64
	Failed    uint64

	Capabilities []string // what it can do beyond sending: update, actions, clip, silent, commands
	Memory       int64    // resident, in bytes, as last measured; 0 while it does not run
	Limits       []string // the limits that apply to its process, one phrase each; empty while it does not run
}
