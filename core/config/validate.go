package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

var (
	prefixPattern   = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)*$`)
	topicPattern    = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)
	rulePattern     = regexp.MustCompile(`^[a-z0-9_]{1,48}$`)
	notifierPattern = regexp.MustCompile(`^[a-z0-9_-]{1,48}$`)
)

type validator struct{ errs []FieldError }

func (v *validator) add(path, format string, args ...any) {
	v.errs = append(v.errs, FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (v *validator) oneOf(path, got string, want ...string) {
	if !slices.Contains(want, got) {
		v.add(path, "%q is not one of %s", got, strings.Join(want, ", "))
	}
}

func (v *validator) within(path string, got, low, high float64) {
	if !(got >= low && got <= high) {
		v.add(path, "%v is out of range, want %v to %v", got, low, high)
	}
}

func (v *validator) address(path, got string) {
	_, port, err := net.SplitHostPort(got)
	if err != nil || port == "" {
		v.add(path, "%q is not an address, want host:port, for example 127.0.0.1:8420", got)
	}
}

// walk finds values that could not be read and reports them under their path.
func (v *validator) walk(path string, x reflect.Value) {
	if x.CanInterface() {
		if bad, ok := x.Interface().(interface{ invalid() string }); ok {
			if msg := bad.invalid(); msg != "" {
				v.add(path, "%s", msg)
			}
			return
		}
	}
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch x.Kind() {
	case reflect.Struct:
		for i := range x.NumField() {
			if tag := x.Type().Field(i).Tag.Get("yaml"); tag != "" {
				v.walk(join(tag), x.Field(i))
			}
		}
	case reflect.Map:
		keys := x.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			v.walk(join(k.String()), x.MapIndex(k))
		}
	case reflect.Slice:
		for i := range x.Len() {
			v.walk(fmt.Sprintf("%s[%d]", path, i), x.Index(i))
		}
	default: // a value without a check of its own
	}
}

func (c *Config) validate(v *validator) {
	if c.DataDir == "" {
		v.add("data_dir", "must not be empty")
	}
	v.oneOf("log_level", c.LogLevel, "debug", "info", "warn", "error")
	v.address("http.listen", c.HTTP.Listen)
	if !prefixPattern.MatchString(c.HTTP.PathPrefix) {
		v.add("http.path_prefix", "%q: want nothing, or a path such as /nvr without a slash at the end", c.HTTP.PathPrefix)
	}
	for i, p := range c.HTTP.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			v.add(fmt.Sprintf("http.trusted_proxies[%d]", i), "%q is not a network, want one such as 172.30.32.2/32", p)
		}
	}
	c.validatePublicURL(v)
	if u := c.Database.URL.Reveal(); u != "" && !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
		v.add("database.url", "want postgres://user:password@host/database, or nothing for the built-in PostgreSQL")
	}
	c.validateMQTT(v)
	c.validateRTSP(v)
	c.validateDetect(v)
	c.validateFaces(v)
	c.validateHealth(v)
	c.validateAudio(v)
	c.validateRecord(v)
	c.validateArchive(v)
	for _, id := range c.order {
		c.validateCamera(v, id)
	}
	c.validateRules(v)
	c.validateNotifiers(v)
}

func (c *Config) validateMQTT(v *validator) {
	if !c.MQTT.Enabled {
		return
	}
	u, err := url.Parse(c.MQTT.Broker)
	if err != nil || u.Host == "" || !slices.Contains([]string{"mqtt", "mqtts", "tcp", "ssl"}, u.Scheme) {
		v.add("mqtt.broker", "want mqtt://host:1883 or mqtts://host:8883")
	} else if u.User != nil {
		v.add("mqtt.broker", "holds a user name or password; put them into mqtt.username and mqtt.password")
	}
	if !topicPattern.MatchString(c.MQTT.Prefix) {
		v.add("mqtt.prefix", "%q: want letters, digits, _ and -, with / between levels", c.MQTT.Prefix)
	}
	if !topicPattern.MatchString(c.MQTT.DiscoveryPrefix) {
		v.add("mqtt.discovery_prefix", "%q: want letters, digits, _ and -, with / between levels", c.MQTT.DiscoveryPrefix)
	}
}

func (c *Config) validateRTSP(v *validator) {
	if c.Demo.Enabled {
		v.address("demo.listen", c.Demo.Listen)
	}
	if !c.RTSP.Enabled {
		return
	}
	v.address("rtsp.listen", c.RTSP.Listen)
	host, _, _ := net.SplitHostPort(c.RTSP.Listen)
	ip := net.ParseIP(host)
	if loopback := host == "localhost" || (ip != nil && ip.IsLoopback()); !loopback && c.RTSP.Password.Reveal() == "" {
		v.add("rtsp.password", "is needed because rtsp.listen %s can be reached from other machines", c.RTSP.Listen)
	}
}

func (c *Config) validateDetect(v *validator) {
	v.within("detect.fps", c.Detect.FPS, 0.2, 30)
	v.within("detect.min_score", c.Detect.MinScore, 0.05, 0.99)
	v.within("detect.threshold", c.Detect.Threshold, 0.05, 0.99)
	v.within("detect.workers", float64(c.Detect.Workers), 0, 64)
	v.oneOf("detect.decode", c.Detect.Decode, "auto", "cpu", "vaapi", "cuda", "qsv")
	v.oneOf("detect.provider", c.Detect.Provider, "cpu", "cuda", "tensorrt", "openvino", "coreml")
	c.validateBatch(v)
	if r := c.Detect.Remote; r.URL != "" {
		u, err := url.Parse(r.URL)
		if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "grpc" && u.Scheme != "grpcs") {
			v.add("detect.remote.url", "want grpc://host:8001 or grpcs://host:8001")
		}
		if r.Model == "" {
			v.add("detect.remote.model", "name the model on the server")
		}
		v.within("detect.remote.timeout", r.Timeout.D.Seconds(), 0.05, 2.5) // the watchdog gives an answer 5 s, the fall-back included
	}
	if c.Detect.Enabled && c.Detect.Model == "" && c.Detect.Remote.URL == "" {
		v.add("detect.model", "name a model (see `nightjar models list`), or an inference server by detect.remote, or set detect.enabled: false")
	}
	if c.Detect.Remote.Labels != "" && c.Detect.Model != "" {
		v.add("detect.remote.labels", "is for a model without a local copy; the local one, detect.model, has its names with it")
	}
}

func (c *Config) validateRecord(v *validator) {
	if d := c.Record.FileDuration.D; c.Record.FileDuration.bad == "" && (d < 10*time.Second || d > time.Hour) {
		v.add("record.file_duration", "%s is out of range, want 10s to 1h", d)
	}
	v.oneOf("record.sync", c.Record.Sync, "part", "file", "off")
	days := func(path string, n int) { v.within(path, float64(n), 0, 3650) }
	days("record.retain_days", c.Record.RetainDays)
	days("record.motion_days", c.Record.MotionDays)
	days("record.event_days", c.Record.EventDays)
	days("record.export_days", c.Record.ExportDays)
	v.within("record.pre_capture", c.Record.PreCapture.D.Seconds(), 0, 300)
	v.within("record.post_capture", c.Record.PostCapture.D.Seconds(), 0, 300)
	seen := map[string]bool{filepath.Clean(c.RecordingsPath()): true}
	for i, dir := range c.Record.Volumes {
		path := fmt.Sprintf("record.volumes[%d]", i)
		switch dir = filepath.Clean(dir); {
		case c.Record.Volumes[i] == "":
			v.add(path, "must not be empty")
		case seen[dir]:
			v.add(path, "%s is listed already", dir)
		}
		seen[dir] = true
	}
}

var windowPattern = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$`)

func (c *Config) validateArchive(v *validator) {
	a := c.Archive
	v.oneOf("archive.only", a.Only, "all", "motion", "events")
	v.within("archive.retain_days", float64(a.RetainDays), 0, 36500)
	start, end, _ := strings.Cut(a.Window, "-")
	if a.Window != "" && (!windowPattern.MatchString(a.Window) || start == end) {
		v.add("archive.window", "%q is not a time of day window, want one such as 01:00-06:00", a.Window)
	}
	if !a.Enabled {
		return
	}
	u, err := url.Parse(a.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		v.add("archive.endpoint", "want the address of an S3 server, for example https://s3.eu-central-1.amazonaws.com or http://minio:9000")
	} else if u.User != nil {
		v.add("archive.endpoint", "must not hold a user or a password; use archive.access_key and archive.secret_key")
	}
	if !bucketPattern.MatchString(a.Bucket) {
		v.add("archive.bucket", "%q is not a bucket name, want 3 to 63 characters of a-z, 0-9, . and -", a.Bucket)
	}
	if kept := c.Record.KeptDays(); a.Evict && a.RetainDays > 0 && (kept == 0 || a.RetainDays < kept) {
		v.add("archive.retain_days", "is shorter than recordings are kept (record.retain_days and its like): with archive.evict, footage would be gone too early; raise it, or set it to 0 for ever")
	}
	if a.AccessKey == "" || a.SecretKey.Reveal() == "" {
		v.add("archive.access_key", "access_key and secret_key are needed, the server refuses anonymous writing")
	}
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (c *Config) validateCamera(v *validator, id nvr.CameraID) {
	path, cam := "cameras."+string(id), c.Cameras[id]
	if _, err := nvr.ParseCameraID(string(id)); err != nil {
		v.add(path, "%v", err)
		return
	}
	if len(cam.Name) > 64 {
		v.add(path+".name", "is longer than 64 characters")
	}
	if cam.Main.URL == "" {
		v.add(path+".main.url", "is missing; give the camera's RTSP address, for example rtsp://192.168.1.20/stream1")
	}
	validateStream(v, path+".main", cam.Main)
	validateStream(v, path+".sub", cam.Sub)
	if cam.Detect.FPS != 0 {
		v.within(path+".detect.fps", cam.Detect.FPS, 0.2, 30)
	}
	if cam.Detect.Decode != "" {
		v.oneOf(path+".detect.decode", cam.Detect.Decode, "auto", "cpu", "vaapi", "cuda", "qsv")
	}
	if cam.Detect.Threshold != 0 {
		v.within(path+".detect.threshold", cam.Detect.Threshold, 0.05, 0.99)
	}
	if cam.Detect.MotionThreshold != 0 {
		v.within(path+".detect.motion_threshold", float64(cam.Detect.MotionThreshold), 1, 255)
	}
	v.within(path+".detect.motion_area", float64(cam.Detect.MotionArea), 0, 10000)
	validateFilters(v, path+".detect", cam.Detect)
	c.validateZones(v, path, cam)
	if cam.Record.RetainDays != nil {
		v.within(path+".record.retain_days", float64(*cam.Record.RetainDays), 0, 3650)
	}
}

func validateStream(v *validator, path string, s Stream) {
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		switch {
		case err != nil:
			v.add(path+".url", "is not a URL; characters such as @ or : in a password belong into password, not into the URL")
		case u.Scheme != "rtsp" && u.Scheme != "rtsps":
			v.add(path+".url", "has the scheme %q, want rtsp:// or rtsps://", u.Scheme)
		case u.Host == "":
			v.add(path+".url", "has no host")
		case u.User != nil:
			v.add(path+".url", "holds a user name or password; put them into username and password, which never reach a log")
		}
	}
	v.oneOf(path+".transport", s.Transport, "tcp", "udp")
}
