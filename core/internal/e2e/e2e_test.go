package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/recorder/archive/s3test"
)

// site is one running Nightjar with everything around it.
type site struct {
	t        *testing.T
	dir      string
	config   string
	url      string
	real     bool // real footage, so that objects can be expected
	nightjar *process
	api      *client
	broker   *broker
	hook     *hook
	s3       *s3test.Server
	started  time.Time
}

// TestEndToEnd is the main job on a real stream: camera, disk, detector, event, Home Assistant and a notifier,
// timeline, browser, and a kill.
func TestEndToEnd(t *testing.T) {
	if os.Getenv("NIGHTJAR_E2E") == "" {
		t.Skip("SKIP TestEndToEnd: run it with `make e2e`, which builds the binary first")
	}
	s := newSite(t)
	s.start()
	// The parts run in order on one recording: what an earlier one waited for, a later one reads.
	t.Run("Events", s.testEvents)
	t.Run("Discovery", s.testDiscovery)
	t.Run("Recording", s.testRecording)
	t.Run("Timeline", s.testTimeline)
	t.Run("Footage", s.testFootage)
	t.Run("Restream", s.testRestream)
	t.Run("Browser", s.testBrowser)
	t.Run("Plugins", s.testPlugins)
	t.Run("Access", s.testAccess)
	t.Run("Kill", s.testKill)
	t.Run("Stop", s.testStop)
	t.Run("Fsck", s.testFsck)
	t.Run("Secrets", s.testSecrets)
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	var err error
	if s.dir, err = os.MkdirTemp("", "nightjar-e2e-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // PostgreSQL may run under another account
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	s.broker, s.hook, s.s3 = startBroker(t), startHook(t), s3test.Start(t)

	args, filmed := footage(t)
	s.real = filmed
	camera := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	demo := start(t, s.binary(), append([]string{"demo", "-listen", camera}, args...)...)
	urls := firstLines(t, demo, "rtsp://", 2)

	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.url = "http://" + listen
	s.config = filepath.Join(s.dir, "config.yaml")
	models := filepath.Join(testkit.DataDir(), "models")
	conf := fmt.Sprintf(`
data_dir: %s
log_level: debug
http: {listen: %q, trusted_proxies: [127.0.0.1/32]}
mqtt: {enabled: true, broker: %q, username: %s, password: %s}
rtsp: {listen: "127.0.0.1:%d", username: viewer, password: restream-canary}
detect: {models_dir: %s}
archive: {enabled: true, endpoint: %q, bucket: footage, access_key: %s, secret_key: %s}
cameras:
  front:
    name: Front door
    main: {url: %q, username: nobody, password: %s}
    sub: {url: %q, username: nobody, password: %s}
  gone:
    name: Unplugged
    main: {url: "rtsp://127.0.0.1:1/nothing"}
notifiers:
  hook:
    plugin: webhook
    labels: [%s]
    updates: true
    settings: {url: %q, secret: %s, snapshot: true}
`, s.dir+"/data", listen, s.broker.url, mqttUser, mqttPassword, freePort(t), models,
		s.s3.Endpoint, s.s3.AccessKey, s.s3.SecretKey, urls[0], camPassword, urls[1], camPassword,
		s.label(), s.hook.URL+"/hook", hookSecret)
	if err := os.WriteFile(s.config, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// label is what can be expected of the footage: a person, or on the drawn scene motion at least.
func (s *site) label() string {
	if s.real {
		return "person"
	}
	return ""
}

func (s *site) binary() string { return filepath.Join(testkit.Root(), "build", "nightjar") }

func (s *site) start() {
	s.t.Helper()
	s.started = time.Now()
	s.nightjar = start(s.t, s.binary(), "serve", "-c", s.config)
	waitFor(s.t, "the URL", time.Minute, func() bool { return strings.Contains(s.nightjar.output(), "Nightjar is running:") })
	pw, err := os.ReadFile(filepath.Join(s.dir, "data", "initial-admin-password"))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(s.nightjar.output(), "admin / "+strings.TrimSpace(string(pw))) {
		s.t.Error("the first password was not printed")
	}
	s.api = &client{t: s.t, base: s.url}
	s.api.login(strings.TrimSpace(string(pw)))
}

type apiEvent struct {
	ID, Camera, Kind, Label string
	Start                   time.Time
	End                     *time.Time
	HasSnapshot             bool `json:"has_snapshot"`
	TopScore                float64
}

// testEvents: an event with a JPEG arrives on MQTT, at the webhook and in the API.
func (s *site) testEvents(t *testing.T) {
	type message struct {
		Type  string
		After struct{ ID, Camera, Label string }
	}
	var first message
	waitFor(t, "a new event on MQTT", 90*time.Second, func() bool {
		for _, m := range s.broker.on("nightjar/events") {
			var e message
			if err := json.Unmarshal(m.Payload(), &e); err != nil {
				t.Fatalf("event on MQTT is not JSON: %v: %s", err, m.Payload())
			}
			if m.Retained() {
				t.Error("an event is retained: it would come again after each restart of Home Assistant")
			}
			if e.Type == "new" && e.After.Camera == "front" && (!s.real || e.After.Label == "person") {
				first = e
				return true
			}
		}
		return false
	})
	t.Logf("event %s (%s) after %s", first.After.ID, first.After.Label, time.Since(s.started).Round(100*time.Millisecond))
	var e apiEvent
	waitFor(t, "the event's snapshot in the API", 45*time.Second, func() bool {
		// Events before the first contact with the database reach MQTT at once and the API when they are written.
		resp, b := s.api.do("GET", "events/"+first.After.ID, nil)
		return resp.StatusCode == http.StatusOK && json.Unmarshal(b, &e) == nil && (e.HasSnapshot || !s.real)
	})
	if e.HasSnapshot {
		resp, jpeg := s.api.do("GET", "events/"+e.ID+"/snapshot.jpg", nil)
		if err := isJPEG(jpeg); resp.StatusCode != http.StatusOK || err != nil {
			t.Errorf("snapshot: %s, %v", resp.Status, err)
		}
	}
	if s.real {
		waitFor(t, "a retained snapshot on MQTT", 45*time.Second, func() bool { return len(s.broker.on("nightjar/front/person/snapshot")) > 0 })
		if err := isJPEG(s.broker.on("nightjar/front/person/snapshot")[0].Payload()); err != nil {
			t.Errorf("snapshot on MQTT: %v", err)
		}
	}
	waitFor(t, "the event at the webhook, after it refused the first attempt", 60*time.Second, func() bool { return len(s.hook.events()) > 0 })
	s.checkHook(t)
}

func (s *site) checkHook(t *testing.T) {
	t.Helper()
	s.hook.mu.Lock()
	refused, keys := slices.Clone(s.hook.refused), len(s.hook.keys)
	s.hook.mu.Unlock()
	if len(refused) > 0 {
		t.Errorf("the webhook refused: %v", refused)
	}
	got := s.hook.events()[0]
	body, _ := json.Marshal(got)
	if keys == 0 || !strings.Contains(string(body), `"front"`) || (s.real && !strings.Contains(string(body), `"person"`)) {
		t.Errorf("webhook got %.300s", body)
	}
	if s.real {
		waitFor(t, "a delivery with a snapshot", 60*time.Second, func() bool {
			for _, m := range s.hook.events() {
				if jpeg, err := base64.StdEncoding.DecodeString(snapshotOf(m)); err == nil && len(jpeg) > 0 && isJPEG(jpeg) == nil {
					return true
				}
			}
			return false
		})
	}
}

// snapshotOf finds the base64 picture in a webhook's body, wherever the template puts it.
func snapshotOf(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 1000 {
			return v
		}
	case map[string]any:
		for _, x := range v {
			if s := snapshotOf(x); s != "" {
				return s
			}
		}
	}
	return ""
}

// testDiscovery: what Home Assistant needs is retained, whole and consistent.
func (s *site) testDiscovery(t *testing.T) {
	found := s.broker.retained(t, "homeassistant/#")
	components := map[string]int{}
	ids := map[string]bool{}
	for topic, payload := range found {
		var c map[string]any
		if err := json.Unmarshal(payload, &c); err != nil {
			t.Errorf("%s: %v", topic, err)
			continue
		}
		id, _ := c["unique_id"].(string)
		if id != "" && ids[id] {
			t.Errorf("%s: unique_id %s twice", topic, id)
		}
		ids[id] = true
		if _, ok := c["device"].(map[string]any); !ok {
			t.Errorf("%s has no device", topic)
		}
		if _, ok := c["object_id"]; ok {
			t.Errorf("%s has object_id, which Home Assistant removed", topic)
		}
		components[strings.Split(topic, "/")[1]]++
	}
	for _, want := range []string{"binary_sensor", "sensor", "switch", "image", "event"} {
		if components[want] == 0 {
			t.Errorf("no %s was discovered: %v", want, components)
		}
	}
	state := s.broker.retained(t, "nightjar/#")
	for topic, want := range map[string]string{
		"nightjar/available": "online", "nightjar/front/status": "online", "nightjar/gone/status": "offline", "nightjar/front/recordings/state": "ON",
	} {
		if got := string(state[topic]); got != want {
			t.Errorf("%s is %q, want %q", topic, got, want)
		}
	}
	if _, ok := state["nightjar/front/motion"]; !ok {
		t.Error("motion has no retained state")
	}
}

// testRecording: the playlist of all so far plays without an error and covers the time.
func (s *site) testRecording(t *testing.T) {
	// Two closed files and an open one.
	waitFor(t, "70 s of recording", 90*time.Second, func() bool { return time.Since(s.started) > 75*time.Second })
	from, to := s.started.UnixMilli(), time.Now().Add(time.Hour).UnixMilli()
	asked := time.Now()
	resp, text := s.api.do("GET", fmt.Sprintf("vod/front/%d/%d/index.m3u8?stream=main", from, to), nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("playlist: %s: %s", resp.Status, text)
	}
	if resp, b := s.api.do("GET", fmt.Sprintf("vod/gone/%d/%d/index.m3u8", from, to), nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("playlist of a camera without recordings: %s: %s", resp.Status, b)
	}
	file := filepath.Join(artifacts(t), "recorded.mp4")
	media, seconds := s.download(t, string(text))
	if err := os.WriteFile(file, media, 0o644); err != nil {
		t.Fatal(err)
	}
	last := lastEnd(t, string(text))
	if lag := asked.Sub(last); lag > 3500*time.Millisecond {
		t.Errorf("the playlist ends %s before now, want about 2 s", lag.Round(time.Millisecond))
	}
	if covered := last.Sub(s.started).Seconds() - seconds; covered > 8 {
		t.Errorf("%.1f s are missing of %.1f s", covered, last.Sub(s.started).Seconds())
	}
	probe(t, file, seconds)
	// Each closed file plays alone.
	files, err := filepath.Glob(filepath.Join(s.dir, "data/recordings/front/main/*/*/*.mp4"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files on disk: %v, %v", files, err)
	}
	probe(t, files[0], 0)
}

var segmentLine = regexp.MustCompile(`^#EXTINF:([0-9.]+)`)

// download fetches the init segment and every segment of a playlist, as one file, with the sum of their durations.
func (s *site) download(t *testing.T, playlist string) ([]byte, float64) {
	t.Helper()
	var out bytes.Buffer
	seconds, inits := 0.0, map[string]bool{}
	fetch := func(ref string) {
		ref = strings.TrimPrefix(ref, "../../../../")
		resp, b := s.api.do("GET", ref, nil)
		if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Fatalf("GET %s: %s, %s", ref, resp.Status, resp.Header.Get("Cache-Control"))
		}
		out.Write(b)
	}
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if m := segmentLine.FindStringSubmatch(line); m != nil {
			d, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			seconds += d
		}
		if uri, ok := strings.CutPrefix(line, `#EXT-X-MAP:URI="`); ok {
			// Files of one session share their parameters: one init segment serves them all in a plain concatenation.
			if uri = strings.TrimSuffix(uri, `"`); len(inits) == 0 {
				fetch(uri)
			}
			inits[uri] = true
		}
		if line != "" && line[0] != '#' {
			fetch(line)
		}
	}
	if seconds == 0 {
		t.Fatalf("no segments in\n%s", playlist)
	}
	return out.Bytes(), seconds
}

// lastEnd returns when the last segment of a playlist ends.
func lastEnd(t *testing.T, playlist string) time.Time {
	t.Helper()
	var at time.Time
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
			parsed, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				t.Fatal(err)
			}
			at = parsed
		}
		if m := segmentLine.FindStringSubmatch(line); m != nil {
			d, _ := strconv.ParseFloat(m[1], 64)
			at = at.Add(time.Duration(d * float64(time.Second)))
		}
	}
	return at
}

// probe decodes a file and fails on any complaint. seconds 0 means: any length.
func probe(t *testing.T, file string, seconds float64) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "warning", "-i", file, "-map", "0:v", "-f", "null", "-").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("decode %s: %v: %s", filepath.Base(file), err, tail(string(out), 10))
	}
	b, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-count_packets", "-show_entries", "stream=nb_read_packets,avg_frame_rate", "-of", "json", file).CombinedOutput()
	var p struct {
		Streams []struct {
			Packets string `json:"nb_read_packets"`
		}
	}
	if err != nil || json.Unmarshal(b, &p) != nil || len(p.Streams) != 1 {
		t.Fatalf("ffprobe %s: %v: %s", file, err, b)
	}
	n, _ := strconv.ParseFloat(p.Streams[0].Packets, 64)
	if n == 0 || (seconds > 0 && (n/seconds < 8 || n/seconds > 32)) {
		t.Errorf("%s has %v pictures in %.1f s", filepath.Base(file), n, seconds)
	}
}

// testTimeline: the event and the recorded run are in the columns.
func (s *site) testTimeline(t *testing.T) {
	var tl struct {
		From    int64
		Labels  []string
		Cameras []struct {
			ID         string
			Recordings struct{ Start, Duration []int64 }
			Gaps       struct{ Reason []string }
			Events     struct {
				ID    []string
				Label []int
			}
		}
	}
	waitFor(t, "an event on the timeline", 10*time.Second, func() bool {
		s.api.get(fmt.Sprintf("timeline?cameras=front,gone&from=%d&to=%d", s.started.Add(-time.Minute).UnixMilli(), time.Now().UnixMilli()), &tl)
		return len(tl.Cameras) == 2 && len(tl.Cameras[0].Events.ID) > 0
	})
	front := tl.Cameras[0]
	if s.real && !slices.Contains(tl.Labels, "person") {
		t.Errorf("labels %v", tl.Labels)
	}
	total := int64(0)
	for _, d := range front.Recordings.Duration {
		total += d
	}
	if len(front.Recordings.Start) != 1 || total < 60_000 {
		t.Errorf("recorded runs %+v, want one of more than a minute", front.Recordings)
	}
	if n := len(tl.Cameras[1].Recordings.Start); n != 0 {
		t.Errorf("the unplugged camera has %d recordings", n)
	}
}

// testRestream: the stream can be watched by other programs, with the password only.
func (s *site) testRestream(t *testing.T) {
	conf, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	port := regexp.MustCompile(`rtsp: \{listen: "127\.0\.0\.1:(\d+)"`).FindSubmatch(conf)[1]
	url := func(userinfo string) string { return fmt.Sprintf("rtsp://%s127.0.0.1:%s/front/sub", userinfo, port) }
	out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url("viewer:restream-canary@")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "h264") {
		t.Errorf("restream: %v: %s", err, out)
	}
	if out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", url("viewer:wrong@")).CombinedOutput(); err == nil {
		t.Errorf("restream without the right password: %s", out)
	}
}

// testBrowser runs the browser's half at the root and below an ingress-like prefix.
func (s *site) testBrowser(t *testing.T) {
	pw, err := os.ReadFile(filepath.Join(s.dir, "data", "initial-admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	in := startIngress(t, s.url)
	for name, base := range map[string]string{"root": s.url, "ingress": in.URL + in.prefix} {
		cmd := exec.Command("node", "test/e2e.mjs")
		cmd.Dir = filepath.Join(testkit.Root(), "ui")
		cmd.Env = append(os.Environ(), "E2E_BASE="+base, "E2E_NAME="+name, "E2E_PASSWORD="+strings.TrimSpace(string(pw)),
			"E2E_ARTIFACTS="+artifacts(t), "E2E_CAMERA=front")
		out, err := cmd.CombinedOutput()
		t.Logf("%s:\n%s", name, out)
		if err != nil {
			t.Errorf("browser at %s: %v", name, err)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.outside) > 0 {
		t.Errorf("requests outside the prefix: %v", in.outside)
	}
}

// testAccess: without a login nothing but health, login and the UI's files answers.
func (s *site) testAccess(t *testing.T) {
	stranger := &client{t: t, base: s.url}
	for _, path := range []string{
		"bootstrap", "cameras", "cameras/front", "cameras/front/still.jpg", "events", "timeline?from=0&to=1", "system", "openapi.json", "ws",
		"cameras/front/live", "vod/front/0/1000/index.m3u8", "media/front/main/1/init.mp4",
	} {
		if resp, _ := stranger.do("GET", path, nil); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("GET %s as a stranger: %s", path, resp.Status)
		}
	}
	if resp, _ := stranger.do("GET", "health", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("health: %s", resp.Status)
	}
	if resp, b := stranger.do("POST", "auth/login", map[string]string{"username": "admin", "password": "wrong password"}); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("wrong password: %s: %s", resp.Status, b)
	}
	for _, path := range []string{"media/front/main/..%2f..%2fpostgres.password/init.mp4", "media/front/main/1/0-99999999999.m4s", "events/..%2f..%2fx/snapshot.jpg"} {
		if resp, b := s.api.do("GET", path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s: %.100s", path, resp.Status, b)
		}
	}
}

// testKill: kill -9 leaves no process behind, costs about a second of video, and the next start goes on by itself.
func (s *site) testKill(t *testing.T) {
	pid := s.nightjar.cmd.Process.Pid
	below := children(pid)
	var names []string
	for _, n := range below {
		names = append(names, n)
	}
	if !slices.Contains(names, "postgres") || !slices.Contains(names, "notifiers") {
		t.Errorf("children %v, want postgres and notifiers among them", names)
	}
	killed := time.Now()
	_ = s.nightjar.cmd.Process.Kill()
	<-s.nightjar.done
	waitFor(t, "all children to end", 15*time.Second, func() bool {
		for p := range below {
			if alive(p) {
				return false
			}
		}
		return true
	})
	first := s.started
	s.start()
	again := time.Now()
	var text []byte
	waitFor(t, "recording after the kill", 30*time.Second, func() bool {
		var resp *http.Response
		resp, text = s.api.do("GET", fmt.Sprintf("vod/front/%d/%d/index.m3u8", first.UnixMilli(), time.Now().Add(time.Minute).UnixMilli()), nil)
		return resp.StatusCode == http.StatusOK && lastEnd(t, string(text)).After(again.Add(2*time.Second))
	})
	before, after := aroundKill(t, string(text), killed)
	t.Logf("recorded until %s before the kill, again %s after the restart", killed.Sub(before).Round(time.Millisecond), after.Sub(s.started).Round(time.Millisecond))
	if lost := killed.Sub(before); lost > 2500*time.Millisecond {
		t.Errorf("the kill cost %s of video, want about a second", lost)
	}
	if err := os.WriteFile(filepath.Join(artifacts(t), "killed.m3u8"), fmt.Appendf(text, "# killed at %s\n", killed.UTC().Format(time.RFC3339Nano)), 0o644); err != nil {
		t.Fatal(err)
	}
	media, _ := s.download(t, string(text))
	file := filepath.Join(s.dir, "killed.mp4")
	if err := os.WriteFile(file, media, 0o644); err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "#EXT-X-DISCONTINUITY\n") == 0 {
		t.Error("the gap of the restart is not marked")
	}
}

// aroundKill returns when the recording before t ended and when the one after it began.
func aroundKill(t *testing.T, playlist string, at time.Time) (before, after time.Time) {
	t.Helper()
	var start time.Time
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
			var err error
			if start, err = time.Parse(time.RFC3339Nano, v); err != nil {
				t.Fatal(err)
			}
			if after.IsZero() && start.After(at) {
				after = start
			}
		}
		if m := segmentLine.FindStringSubmatch(line); m != nil {
			d, _ := strconv.ParseFloat(m[1], 64)
			if end := start.Add(time.Duration(d * float64(time.Second))); start.Before(at) {
				before = end
			}
		}
	}
	return before, after
}

// testStop: a stop by signal is clean and quick.
func (s *site) testStop(t *testing.T) {
	below := children(s.nightjar.cmd.Process.Pid)
	began := time.Now()
	s.nightjar.stop(syscall.SIGTERM)
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if code := s.nightjar.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for p, n := range below {
		if alive(p) {
			t.Errorf("%s (%d) is still there", n, p)
		}
	}
	if got := string(s.broker.retained(t, "nightjar/available")["nightjar/available"]); got != "offline" {
		t.Errorf("nightjar/available is %q after a stop", got)
	}
}

// testSecrets: none of the passwords is in the log, in any API answer kept here, or on MQTT.
func (s *site) testSecrets(t *testing.T) {
	where := map[string]string{"log": s.nightjar.output()}
	for _, topic := range s.broker.topics() {
		for _, m := range s.broker.on(topic) {
			if len(m.Payload()) < 64<<10 {
				where["MQTT "+topic] += string(m.Payload())
			}
		}
	}
	for place, text := range where {
		for _, secret := range []string{mqttPassword, hookSecret, camPassword, "restream-canary", s.s3.SecretKey} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret: %s", place, secret)
			}
		}
	}
}
