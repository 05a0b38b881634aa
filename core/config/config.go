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
	Health        Health                  `yaml:"health"`
	Audio         Audio                   `yaml:"audio"`
	Faces         Faces                   `yaml:"faces"`
	Record        Record                  `yaml:"record"`
	Archive       Archive                 `yaml:"archive"`
	Demo          Demo                    `yaml:"demo"`
	Cameras       map[nvr.CameraID]Camera `yaml:"cameras"`
	Rules         map[string]Rule         `yaml:"rules"`
	Timezone      string                  `yaml:"timezone"` // of schedules; default: the machine's
	Notifiers     map[string]Notifier     `yaml:"notifiers"`
	Plugins       Plugins                 `yaml:"plugins"`
	Redis         Redis                   `yaml:"redis"`
	Queue         string                  `yaml:"queue"` // postgres or redis: what reminds of deliveries
	order         []nvr.CameraID          // as written in the file
}

// HTTP is the listener for the UI and the API.
type HTTP struct {
	Listen         string   `yaml:"listen"`          // host:port
	PathPrefix     string   `yaml:"path_prefix"`     // "" or "/nvr": where a reverse proxy mounts us
	TrustedProxies []string `yaml:"trusted_proxies"` // CIDRs whose X-Ingress-Path and X-Forwarded-* are believed
	PublicURL      string   `yaml:"public_url"`      // where people reach Nightjar, for links in alerts; empty: alerts have none
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
	Provider    string   `yaml:"provider"`    // cpu, cuda, tensorrt, openvino or coreml: what the library runs models on
	Remote      Remote   `yaml:"remote"`      // an inference server that is asked first
	Workers     int      `yaml:"workers"`     // concurrent inferences; 0: one per core
	Batch       string   `yaml:"batch"`       // pictures that one inference may take, or auto: where that is faster
	BatchWait   Duration `yaml:"batch_wait"`  // how long a graphics card waits for a batch to fill
	FPS         float64  `yaml:"fps"`         // frames looked at per second and camera
	Labels      []string `yaml:"labels"`      // what becomes an event
	MinScore    float64  `yaml:"min_score"`   // a detection below this does not exist
	Threshold   float64  `yaml:"threshold"`   // median score that makes a track real
	Decode      string   `yaml:"decode"`      // auto, cpu, vaapi, cuda or qsv: what pictures are decoded on
}

// Remote is an inference server that speaks KServe v2 over gRPC, such as Triton. While it does not answer, the local model does
// its work; both must take and give the same. Without a local model (an empty detect.model) its frames are skipped.
type Remote struct {
	URL     string   `yaml:"url"`     // grpc://host:8001 or grpcs://host:8001; empty: none
	Model   string   `yaml:"model"`   // its name there
	Version string   `yaml:"version"` // empty: the server's choice
	CAFile  string   `yaml:"ca_file"` // of the server's certificate; empty: the system's
	Token   Secret   `yaml:"token"`
	Timeout Duration `yaml:"timeout"` // of one inference
	Labels  string   `yaml:"labels"`  // file of class names, one per line, of a model that is only there; empty: COCO's
}

// Record is how recordings are cut, kept and synced.
type Record struct {
	FileDuration Duration `yaml:"file_duration"`
	Sync         string   `yaml:"sync"`         // part, file or off
	Volumes      []string `yaml:"volumes"`      // further directories, used in this order when recordings_dir cannot be written
	Continuous   bool     `yaml:"continuous"`   // keep footage in which nothing happens
	RetainDays   int      `yaml:"retain_days"`  // of all footage; 0: until space is needed
	MotionDays   int      `yaml:"motion_days"`  // of footage with motion, where longer than RetainDays
	EventDays    int      `yaml:"event_days"`   // of footage with events, where longer than the two above
	PreCapture   Duration `yaml:"pre_capture"`  // kept before motion and events
	PostCapture  Duration `yaml:"post_capture"` // kept after them
	MaxBytes     Bytes    `yaml:"max_bytes"`    // of all recordings; 0: no limit
	MinFree      Bytes    `yaml:"min_free"`     // of each file system; oldest recordings go first
	Previews     bool     `yaml:"previews"`     // small video of each hour for scrubbing
	ExportDays   int      `yaml:"export_days"`  // how long finished exports are kept; 0: until deleted
}

// Archive is the S3 tier: closed recordings are copied there and play from there once the local copy is gone.
type Archive struct {
	Enabled    bool     `yaml:"enabled"`
	Endpoint   string   `yaml:"endpoint"` // https://s3.eu-central-1.amazonaws.com, http://minio:9000
	Region     string   `yaml:"region"`
	Bucket     string   `yaml:"bucket"`
	Prefix     string   `yaml:"prefix"` // of all keys
	AccessKey  string   `yaml:"access_key"`
	SecretKey  Secret   `yaml:"secret_key"`
	Only       string   `yaml:"only"`        // all, motion or events: which footage is copied
	RetainDays int      `yaml:"retain_days"` // in the bucket; 0: for ever
	Bandwidth  Bytes    `yaml:"bandwidth"`   // per second; 0: no limit
	Window     string   `yaml:"window"`      // "01:00-06:00" local time; empty: always
	Evict      bool     `yaml:"evict"`       // local copies older than EvictAfter go once the archive's are verified
	EvictAfter Duration `yaml:"evict_after"`
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
	Name    string          `yaml:"name"`
	Enabled *bool           `yaml:"enabled"` // unset: on
	Main    Stream          `yaml:"main"`
	Sub     Stream          `yaml:"sub"`
	Detect  CameraDetect    `yaml:"detect"`
	Health  CameraHealth    `yaml:"health"`
	Audio   CameraAudio     `yaml:"audio"`
	Record  CameraRecord    `yaml:"record"`
	Zones   map[string]Zone `yaml:"zones"`
	Lines   map[string]Line `yaml:"lines"`
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
	Decode          string   `yaml:"decode"`           // auto, cpu, vaapi, cuda or qsv
	MotionThreshold int      `yaml:"motion_threshold"` // 1..255, grey levels
	MotionArea      int      `yaml:"motion_area"`      // smallest contour, in pixels of a 100-row picture

	Filters map[string]Filter `yaml:"filters"` // by label
	Masks   Masks             `yaml:"masks"`
}

// CameraRecord overrides Record for one camera.
type CameraRecord struct {
	Enabled    *bool `yaml:"enabled"`
	Continuous *bool `yaml:"continuous"`
	RetainDays *int  `yaml:"retain_days"`
	MotionDays *int  `yaml:"motion_days"`
	EventDays  *int  `yaml:"event_days"`
	MaxBytes   Bytes `yaml:"max_bytes"` // of this camera; 0: no limit of its own
}

// Notifier is one configured plugin instance, and the route that says which alerts it tells, to whom, when and how.
type Notifier struct {
	Enabled  *bool          `yaml:"enabled"` // unset: on
	Plugin   string         `yaml:"plugin"`  // name of a plugin beside the binary, or an absolute path
	Settings map[string]any `yaml:"settings"`

	Recipients  []string       `yaml:"recipients"` // in the channel's own terms; empty: the default of the settings
	Cameras     []nvr.CameraID `yaml:"cameras"`
	Labels      []string       `yaml:"labels"`
	Zones       []string       `yaml:"zones"` // it entered one of these
	Rules       []string       `yaml:"rules"` // one of these made it an alert
	MinSeverity string         `yaml:"min_severity"`
	Modes       []string       `yaml:"modes"`
	Identities  []string       `yaml:"identities"` // known, unknown, or names of people
	Updates     bool           `yaml:"updates"`    // tell changes and the end, too
	Quiet       []Quiet        `yaml:"quiet"`
	Rate        Rate           `yaml:"rate"`
	Digest      Duration       `yaml:"digest"` // alerts are collected this long
	Escalate    Escalate       `yaml:"escalate"`
	Silent      bool           `yaml:"silent"`
	Title       string         `yaml:"title"` // template; empty: the default
	Text        string         `yaml:"text"`  // template; empty: the default
	Expire      Duration       `yaml:"expire"`
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
			Enabled: true, Model: "yolox_nano", Provider: "cpu", Batch: "auto", Remote: Remote{Timeout: Duration{D: 2 * time.Second}}, FPS: 5, MinScore: 0.4, Threshold: 0.6, Decode: "cpu",
			Labels: []string{"person", "bicycle", "car", "motorcycle", "bus", "truck", "cat", "dog"},
		},
		Health: defaultHealth(), Audio: defaultAudio(),
		Record: Record{
			FileDuration: Duration{D: 30 * time.Second}, Sync: "file", Continuous: true, RetainDays: 7, MinFree: Bytes{N: 2 << 30},
			PreCapture: Duration{D: 5 * time.Second}, PostCapture: Duration{D: 10 * time.Second}, Previews: true, ExportDays: 7,
		},
		Faces:   defaultFaces(),
		Archive: Archive{Region: "us-east-1", Only: "all", EvictAfter: Duration{D: 24 * time.Hour}},
		Demo:    Demo{Listen: "127.0.0.1:8556"},
		Queue:   QueuePostgres,
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

// VolumePaths returns all directories recordings lie in, in the order in which they are used.
func (c *Config) VolumePaths() []string {
	return append([]string{c.RecordingsPath()}, c.Record.Volumes...)
}

// VolumeMemory returns the file that remembers which disk was in use in which directory.
func (c *Config) VolumeMemory() string { return filepath.Join(c.DataDir, "volumes.json") }

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
	if o.Decode != "" {
		d.Decode = o.Decode
	}
	return d
}

// RecordingFor reports whether the camera records by configuration, and the shared settings with the camera's own laid
// over them. MaxBytes is the camera's own limit, 0 for none.
func (c *Config) RecordingFor(id nvr.CameraID) (enabled bool, r Record) {
	o := c.Cameras[id].Record
	enabled, r = true, c.Record
	r.MaxBytes = o.MaxBytes
	if o.Enabled != nil {
		enabled = *o.Enabled
	}
	if o.Continuous != nil {
		r.Continuous = *o.Continuous
	}
	for _, d := range []struct{ to, from *int }{{&r.RetainDays, o.RetainDays}, {&r.MotionDays, o.MotionDays}, {&r.EventDays, o.EventDays}} {
		if d.from != nil {
			*d.to = *d.from
		}
	}
	return enabled, r
}

// KeptDays returns how long any footage with r is kept: the longest of its limits, 0 for until space is needed.
func (r Record) KeptDays() int {
	if r.RetainDays == 0 && r.Continuous {
		return 0
	}
	return max(r.RetainDays, r.MotionDays, r.EventDays)
}
