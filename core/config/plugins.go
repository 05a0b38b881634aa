package config

import "path/filepath"

// Plugins is what installed plugins may do.
type Plugins struct {
	AllowUnsigned bool `yaml:"allow_unsigned"` // approve and run plugins that nobody signed
}

// PluginsPath returns the directory installed plugins lie in.
func (c *Config) PluginsPath() string { return filepath.Join(c.DataDir, "plugins") }

// ControlPath returns the directory of the control socket.
func (c *Config) ControlPath() string { return filepath.Join(c.DataDir, "run") }
