// Package camera keeps every camera's streams connected. It holds one RTSP session per stream however many readers
// there are, hands out the hubs, and knows each stream's state as a person should read it. A session that failed is
// thrown away and tried again after a growing, jittered pause; cameras never wait for each other.
package camera

import (
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Config is one camera as configured.
type Config struct {
	ID       nvr.CameraID
	Name     string
	Disabled bool
	Streams  []StreamConfig // main, and sub if the camera has one
	// Recording and Detecting are the switches' first positions.
	Recording, Detecting bool
	// ClockTolerance is how far the camera's wall clock may be from ours; 0: it is not looked at.
	ClockTolerance time.Duration
}

// StreamConfig is one RTSP source of a camera.
type StreamConfig struct {
	Role      nvr.Role
	URL       string // without credentials
	Username  string
	Password  string
	Transport string // "tcp" or "udp"; empty: tcp
}

// validate finds what would fail later, and names the configuration's key.
func (c Config) validate() error {
	roles := make(map[nvr.Role]bool)
	for _, s := range c.Streams {
		if roles[s.Role] {
			return fmt.Errorf("camera %s has two %s streams", c.ID, s.Role)
		}
		roles[s.Role] = true
		if _, err := rtsp.NewSource(c.source(s)); err != nil {
			return fmt.Errorf("camera %s: %w", c.ID, err)
		}
	}
	if !roles[nvr.Main] {
		return fmt.Errorf("camera %s has no main stream", c.ID)
	}
	return nil
}

func (c Config) source(s StreamConfig) rtsp.SourceConfig {
	return rtsp.SourceConfig{
		URL: s.URL, Username: s.Username, Password: s.Password, Transport: rtsp.Transport(s.Transport),
		ConfigKey: fmt.Sprintf("cameras.%s.%s", c.ID, s.Role),
	}
}
