// Package config is the machine's configuration: one strict YAML file with defaults, checked whole before anything
// starts. An unknown key, a second document or a bad value is refused with its line and a caret. Values are immutable
// after Load. What people change in the UI lives in the database, not here.
package config

import (
	"path/filepath"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Config is the whole file. Field comments describe the keys; config.example.yaml shows them all.
type Config struct {
	DataDir       string                  `yaml:"data_dir"`       // database, snapshots, models, keys
	RecordingsDir string                  `yaml:"recordings_dir"` // default: recordings below data_dir
	LogLevel      string                  `yaml:"log_level"`      // debug, info, warn, error
	HTTP          HTTP                    `yaml:"http"`
	Database      Database                `yaml:"database"`
	MQTT          MQTT                    `yaml:"mqtt"`
	RTSP          RTSP                    `yaml:"rtsp"`
	Detect        Detect                  `yaml:"detect"`
	Record        Record                  `yaml:"record"`
	Demo          Demo                    `yaml:"demo"`
	Cameras       map[nvr.CameraID]Camera `yaml:"cameras"`
	Notifiers     map[string]Notifier     `yaml:"notifiers"`
	order         []nvr.CameraID          // as written in the file
}

// HTTP is the listener for the UI and the API.
type HTTP struct {
	Listen         string   `yaml:"listen"`          // host:port
	PathPrefix     string   `yaml:"path_prefix"`     // "" or "/nvr": where a reverse proxy mounts us
	TrustedProxies []string `yaml:"trusted_proxies"` // CIDRs whose X-Ingress-Path and X-Forwarded-* are believed
}

// Database names the PostgreSQL to use. Empty URL: a private child process below data_dir.
type Database struct {
	URL Secret `yaml:"url"`
}

// MQTT is the broker Home Assistant listens to.
type MQTT struct {
	Enabled         bool   `yaml:"enabled"`
	Broker          string `yaml:"broker"` // mqtt://host:1883 or mqtts://host:8883
	Username        string `yaml:"username"`
	Password        Secret `yaml:"password"`
	Prefix          string `yaml:"prefix"`
	Discovery       bool   `yaml:"discovery"`
	DiscoveryPrefix string `yaml:"discovery_prefix"`
}

// RTSP is the restream of every camera.
type RTSP struct {
	Enabled  bool   `yaml:"enabled"`
	Listen   string `yaml:"listen"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// Detect is the object detector that all cameras share.
type Detect struct {
	Enabled     bool     `yaml:"enabled"`
	Model       string   `yaml:"model"`       // a name from `nightjar models list`, or a path to an .onnx file
	ModelsDir   string   `yaml:"models_dir"`  // default: models below data_dir
	ONNXRuntime string   `yaml:"onnxruntime"` // path of libonnxruntime.so.1; default: beside the binary
	Workers     int      `yaml:"workers"`     // concurrent inferences; 0: one per core
	FPS         float64  `yaml:"fps"`         // frames looked at per second and camera
	Labels      []string `yaml:"labels"`      // what becomes an event
	MinScore    float64  `yaml:"min_score"`   // a detection below this does not exist
	Threshold   float64  `yaml:"threshold"`   // median score that makes a track real
}

// Record is how recordings are cut, kept and synced.
type Record struct {
	FileDuration Duration `yaml:"file_duration"`
	Sync         string   `yaml:"sync"`        // part, file or off
	RetainDays   int      `yaml:"retain_days"` // 0: until space is needed
	MaxBytes     Bytes    `yaml:"max_bytes"`   // of all recordings; 0: no limit
	MinFree      Bytes    `yaml:"min_free"`    // of the file system; oldest recordings go first
}

// Demo starts a camera of our own, for a first look.
type Demo struct {
	Enabled bool   `yaml:"enabled"`
	Listen  string `yaml:"listen"`
	Main    string `yaml:"main"` // an MP4 file to loop; default: a drawn scene
	Sub     string `yaml:"sub"`
}

// Camera is one camera under its id.
type Camera struct {
	Name    string       `yaml:"name"`
	Enabled *bool        `yaml:"enabled"` // unset: on
	Main    Stream       `yaml:"main"`
	Sub     Stream       `yaml:"sub"`
	Detect  CameraDetect `yaml:"detect"`
	Record  CameraRecord `yaml:"record"`
}

// Stream is one RTSP source.
type Stream struct {
	URL       string `yaml:"url"`
	Username  string `yaml:"username"`
	Password  Secret `yaml:"password"`
	Transport string `yaml:"transport"` // tcp or udp
}

// CameraDetect overrides Detect for one camera. Zero values keep the shared setting.
type CameraDetect struct {
	Enabled         *bool    `yaml:"enabled"`
	FPS             float64  `yaml:"fps"`
	Labels          []string `yaml:"labels"`
	Threshold       float64  `yaml:"threshold"`
	MotionThreshold int      `yaml:"motion_threshold"` // 1..255, grey levels
	MotionArea      int      `yaml:"motion_area"`      // smallest contour, in pixels of a 100-row picture
}

// CameraRecord overrides Record for one camera.
type CameraRecord struct {
	Enabled    *bool `yaml:"enabled"`
	RetainDays *int  `yaml:"retain_days"`
}

// Notifier is one configured plugin instance.
type Notifier struct {
	Enabled  *bool          `yaml:"enabled"` // unset: on
	Plugin   string         `yaml:"plugin"`  // name of a plugin beside the binary, or an absolute path
	Labels   []string       `yaml:"labels"`  // which events it hears of; empty: all
	Settings map[string]any `yaml:"settings"`
}

// Default returns the configuration an empty file means.
func Default() Config {
	return Config{
		DataDir:  "./data",
		LogLevel: "info",
		HTTP:     HTTP{Listen: "127.0.0.1:8420"},
		MQTT:     MQTT{Prefix: "nightjar", Discovery: true, DiscoveryPrefix: "homeassistant"},
		RTSP:     RTSP{Enabled: true, Listen: "127.0.0.1:8554"},
		Detect: Detect{
			Enabled: true, Model: "yolox_nano", FPS: 5, MinScore: 0.4, Threshold: 0.6,
			Labels: []string{"person", "bicycle", "car", "motorcycle", "bus", "truck", "cat", "dog"},
		},
		Record: Record{
			FileDuration: Duration{D: 30 * time.Second}, Sync: "file", RetainDays: 7, MinFree: Bytes{N: 2 << 30},
		},
		Demo: Demo{Listen: "127.0.0.1:8556"},
	}
}

// CameraIDs returns the ids in the order of the file.
func (c *Config) CameraIDs() []nvr.CameraID { return c.order }

// RecordingsPath returns the directory recordings lie in.
func (c *Config) RecordingsPath() string {
	if c.RecordingsDir != "" {
		return c.RecordingsDir
	}
	return filepath.Join(c.DataDir, "recordings")
}

// ModelsPath returns the directory models lie in.
func (c *Config) ModelsPath() string {
	if c.Detect.ModelsDir != "" {
		return c.Detect.ModelsDir
	}
	return filepath.Join(c.DataDir, "models")
}

// DetectFor returns the shared detect settings with the camera's own laid over them.
func (c *Config) DetectFor(id nvr.CameraID) Detect {
	d, o := c.Detect, c.Cameras[id].Detect
	if o.Enabled != nil {
		d.Enabled = *o.Enabled
	}
	if o.FPS > 0 {
		d.FPS = o.FPS
	}
	if o.Threshold > 0 {
		d.Threshold = o.Threshold
	}
	if len(o.Labels) > 0 {
		d.Labels = o.Labels
	}
	return d
}

// RecordingFor reports whether the camera records by configuration, and for how many days.
func (c *Config) RecordingFor(id nvr.CameraID) (enabled bool, days int) {
	o := c.Cameras[id].Record
	enabled, days = true, c.Record.RetainDays
	if o.Enabled != nil {
		enabled = *o.Enabled
	}
	if o.RetainDays != nil {
		days = *o.RetainDays
	}
	return enabled, days
}
