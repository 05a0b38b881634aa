package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// suite is the contract as tests, whatever is behind the client.
type suite struct {
	client pluginv1.NotifierClient
	desk   *Desk
	c      Case
	hasSDK bool // its promises hold too
}

// canary stands for a secret in settings that are refused: no answer may repeat it.
const canary = "canary-7d1f"

var semver = regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)

func (s suite) run(t *testing.T) {
	t.Helper()
	t.Run("describe", s.describe)
	t.Run("settings", s.settings)
	if t.Failed() {
		return // nothing else can work
	}
	t.Run("health", s.health)
	t.Run("notify", s.notify)
	t.Run("concurrent", s.concurrent)
	t.Run("test", s.test)
	t.Run("deadline", s.deadline)
	t.Run("strange", s.strange)
	t.Run("large", s.large)
	t.Run("stop", s.stop)
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience*d)
	t.Cleanup(cancel)
	return ctx
}

func (s suite) describe(t *testing.T) {
	d, err := s.client.Describe(within(t, startTime), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	if n := utf8.RuneCountInString(d.GetName()); n < 1 || n > 64 {
		t.Errorf("name %q: want 1 to 64 characters", d.GetName())
	}
	if !semver.MatchString(d.GetVersion()) {
		t.Errorf("version %q: want a semantic one, as 1.0.0", d.GetVersion())
	}
	if d.GetMaxSnapshotBytes() > api.MaxSnapshotBytes {
		t.Errorf("max_snapshot_bytes is %d, at most %d are sent", d.GetMaxSnapshotBytes(), api.MaxSnapshotBytes)
	}
	for _, c := range d.GetCapabilities() {
		if _, known := pluginv1.Capability_name[int32(c)]; !known || c == 0 {
			t.Errorf("capability %d is none", c)
		}
	}
	var schema struct {
		Type       string                     `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal([]byte(d.GetSettingsSchema()), &schema); err != nil || schema.Type != "object" {
		t.Fatalf("settings_schema must be a JSON Schema of an object: %v\n%s", err, d.GetSettingsSchema())
	}
	for name := range s.c.Settings {
		if schema.Properties[name] == nil {
			t.Errorf("the schema has no property %q, which the settings of the test have", name)
		}
	}
	again, err := s.client.Describe(within(t, startTime), &pluginv1.DescribeRequest{})
	if err != nil || !proto.Equal(d, again) {
		t.Errorf("a second answer differs: %v, %v", again, err)
	}
}

// settings are refused with what is wrong about them, and without their values; then good ones are taken, also after
// refused ones.
func (s suite) settings(t *testing.T) {
	refused := map[string]map[string]any{}
	for name, set := range s.c.Refused {
		refused[name] = set
	}
	unknown := map[string]any{"no_such_setting_of_this_plugin": canary}
	for k, v := range s.c.Settings {
		unknown[k] = v
	}
	refused["an unknown setting"] = unknown
	for name, set := range refused {
		resp, err := s.client.Configure(within(t, startTime), configuration(t, s.desk, set))
		if err != nil || len(resp.GetDiagnostics()) == 0 {
			t.Errorf("%s: want diagnostics, got %v, %v", name, resp, err)
		}
		for _, d := range resp.GetDiagnostics() {
			if d.GetMessage() == "" || strings.Contains(d.GetMessage(), canary) {
				t.Errorf("%s: a diagnostic needs a sentence without the setting's value, got %q", name, d.GetMessage())
			}
		}
	}
	broken := configuration(t, s.desk, nil)
	broken.SettingsJson = `{"` + canary
	if resp, err := s.client.Configure(within(t, startTime), broken); err == nil && len(resp.GetDiagnostics()) == 0 || strings.Contains(fmt.Sprint(resp, err), canary) {
		t.Errorf("settings that are not JSON: %v, %v", resp, err)
	}
	resp, err := s.client.Configure(within(t, startTime), configuration(t, s.desk, s.c.Settings))
	if err != nil || len(resp.GetDiagnostics()) > 0 {
		t.Fatalf("good settings: %v, %v", resp, err)
	}
}

func (s suite) health(t *testing.T) {
	resp, err := s.client.CheckHealth(within(t, healthTime), &pluginv1.CheckHealthRequest{})
	if err != nil {
		t.Fatalf("check health: %v", err)
	}
	if resp.GetHealthy() == (resp.GetReason() != "") {
		t.Errorf("healthy %v with the reason %q: there is a reason where it is not healthy, and only there", resp.GetHealthy(), resp.GetReason())
	}
}

// Example returns an alert as the host makes it, for tests of the author's own too.
func Example() *pluginv1.NotifyRequest {
	now := time.Now()
	e := &pluginv1.Event{
		Id: "01980000-0000-7000-8000-000000000001", Camera: "front", CameraName: "Front door <&> ÄÖÜ 🦉", Kind: "object", Label: "person",
		Start: timestamppb.New(now.Add(-3 * time.Second)), Score: .8, TopScore: .9, Box: &pluginv1.Box{X: .1, Y: .2, Width: .3, Height: .4},
		Severity: "normal", Rules: []string{"porch"}, Zones: []string{"steps", "door"},
		Identity: &pluginv1.Identity{PersonId: "p1", Name: "Anna", Similarity: .7}, Attributes: []string{"package"},
	}
	return &pluginv1.NotifyRequest{
		DeliveryId: "01980000-0000-7000-8000-0000000000d1", Attempt: 1, Phase: pluginv1.Phase_PHASE_NEW, Event: e,
		Title: "Person at Front door", Text: "A person was seen at the front door. <b>Not bold.</b>", Link: "https://nightjar.example/review?event=1",
	}
}

// Picture returns a JPEG of about 100 KB at most.
func Picture() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 320, 180))
	for y := range 180 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255}) //nolint:gosec // any picture will do
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // never fails in memory
	return b.Bytes()
}

// alerts are what a host may send, by what is special about them.
func (s suite) alerts(t *testing.T) map[string]*pluginv1.NotifyRequest {
	t.Helper()
	d, err := s.client.Describe(within(t, startTime), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	can := map[pluginv1.Capability]bool{}
	for _, c := range d.GetCapabilities() {
		can[c] = true
	}
	s.desk.SetMedia("snapshot-1", Picture())
	s.desk.SetMedia("clip-1", bytes.Repeat([]byte("mp4 "), 50_000))
	out := map[string]*pluginv1.NotifyRequest{}
	add := func(name string, change func(*pluginv1.NotifyRequest)) {
		req := Example()
		req.DeliveryId, req.Recipient = "d-"+strings.ReplaceAll(name, " ", "-"), s.c.Recipient
		change(req)
		out[name] = req
	}
	add("plain", func(*pluginv1.NotifyRequest) {})
	add("with a picture", func(r *pluginv1.NotifyRequest) {
		if p := Picture(); uint32(len(p)) <= d.GetMaxSnapshotBytes() { //nolint:gosec // small
			r.Snapshot = p
		}
	})
	add("second attempt", func(r *pluginv1.NotifyRequest) { r.Attempt = 2 })
	add("update", func(r *pluginv1.NotifyRequest) { r.Phase = pluginv1.Phase_PHASE_UPDATE })
	add("end", func(r *pluginv1.NotifyRequest) {
		r.Phase, r.Event.End = pluginv1.Phase_PHASE_END, timestamppb.Now()
	})
	add("bare", func(r *pluginv1.NotifyRequest) {
		r.Link, r.Event = "", &pluginv1.Event{Id: "e", Camera: "c", CameraName: "c", Kind: "motion", Label: "motion", Start: timestamppb.Now()}
	})
	add("example", func(r *pluginv1.NotifyRequest) { r.Test = true })
	add("long", func(r *pluginv1.NotifyRequest) {
		r.Title, r.Text = strings.Repeat("Tür 🦉 ", 60), strings.Repeat("A long paragraph, äöü 🦉. ", 400)
	})
	add("silent", func(r *pluginv1.NotifyRequest) { r.Silent = true })
	add("digest", func(r *pluginv1.NotifyRequest) {
		for range 50 {
			r.Digest = append(r.Digest, Example().GetEvent())
		}
	})
	if can[pluginv1.Capability_CAPABILITY_ACTIONS] {
		add("with actions", func(r *pluginv1.NotifyRequest) {
			r.Actions = []*pluginv1.Action{
				{Kind: pluginv1.ActionKind_ACTION_KIND_ACKNOWLEDGE, Token: "ack-1", Label: "Seen"},
				{Kind: pluginv1.ActionKind_ACTION_KIND_SNOOZE, Token: "snooze-1", Label: "Snooze 1 h"},
			}
		})
	}
	if can[pluginv1.Capability_CAPABILITY_CLIP] {
		add("with a clip", func(r *pluginv1.NotifyRequest) {
			r.Attachments = []*pluginv1.Attachment{
				{Kind: pluginv1.AttachmentKind_ATTACHMENT_KIND_SNAPSHOT, Ref: "snapshot-1", ContentType: "image/jpeg"},
				{Kind: pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP, Ref: "clip-1", ContentType: "video/mp4"},
			}
		})
		add("with a clip that is gone", func(r *pluginv1.NotifyRequest) {
			r.Attachments = []*pluginv1.Attachment{{Kind: pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP, Ref: "gone", ContentType: "video/mp4"}}
		})
	}
	return out
}

func (s suite) notify(t *testing.T) {
	for name, req := range s.alerts(t) {
		resp, err := s.client.Notify(within(t, notifyTime), req)
		s.verdict(t, name, resp, err)
	}
	// A change of what was sent, with what the plugin itself said of it.
	first, err := s.client.Notify(within(t, notifyTime), s.alerts(t)["plain"])
	if err != nil || first.GetMessage() == "" {
		return
	}
	next := s.alerts(t)["update"]
	next.PreviousMessage = first.GetMessage()
	resp, err := s.client.Notify(within(t, notifyTime), next)
	s.verdict(t, "update of "+first.GetMessage(), resp, err)
}

// verdict checks an answer to an alert that should have been delivered.
func (s suite) verdict(t *testing.T, name string, resp *pluginv1.NotifyResponse, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: an alert must be answered by a delivery class, not by an error: %v", name, err)
		return
	}
	class := resp.GetDeliveryClass()
	if _, known := pluginv1.DeliveryClass_name[int32(class)]; !known || class == pluginv1.DeliveryClass_DELIVERY_CLASS_UNSPECIFIED {
		t.Errorf("%s: delivery class %v is none", name, class)
	}
	delivered := class == pluginv1.DeliveryClass_DELIVERY_CLASS_OK
	if !delivered && !s.c.Offline {
		t.Errorf("%s: %v: %s", name, class, resp.GetDetail())
	}
	if !delivered && strings.TrimSpace(resp.GetDetail()) == "" {
		t.Errorf("%s: %v without a sentence that says why", name, class)
	}
	if delivered && resp.GetDetail() != "" {
		t.Errorf("%s: delivered, and yet %q", name, resp.GetDetail())
	}
	if len(resp.GetMessage()) > 512 {
		t.Errorf("%s: message has %d bytes, want at most 512", name, len(resp.GetMessage()))
	}
	if d := resp.GetRetryAfter(); d != nil && (!d.IsValid() || d.AsDuration() < 0) {
		t.Errorf("%s: retry after %v", name, d)
	}
}

func (s suite) concurrent(t *testing.T) {
	ctx := within(t, notifyTime)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			req := Example()
			req.DeliveryId, req.Recipient = fmt.Sprintf("c-%d", i), s.c.Recipient
			resp, err := s.client.Notify(ctx, req)
			s.verdict(t, fmt.Sprintf("alert %d of 16 at once", i), resp, err)
		})
	}
	wg.Wait()
}

func (s suite) test(t *testing.T) {
	resp, err := s.client.Test(within(t, notifyTime), &pluginv1.TestRequest{Recipient: s.c.Recipient})
	if status.Code(err) == codes.Unimplemented {
		return // the host sends an example instead, which was tried
	}
	s.verdict(t, "test", &pluginv1.NotifyResponse{DeliveryClass: resp.GetDeliveryClass(), Detail: detailOf(resp)}, err)
}

// detailOf leaves out what a test message may say when it was delivered.
func detailOf(r *pluginv1.TestResponse) string {
	if r.GetDeliveryClass() == pluginv1.DeliveryClass_DELIVERY_CLASS_OK {
		return ""
	}
	return r.GetDetail()
}

// deadline gives up on an alert at once, and then asks whether the plugin still serves.
func (s suite) deadline(t *testing.T) {
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		req := Example()
		req.DeliveryId, req.Recipient = "given-up", s.c.Recipient
		_, _ = s.client.Notify(ctx, req) // whatever comes of it
		cancel()
	}
	s.health(t)
	req := Example()
	req.DeliveryId, req.Recipient = "after", s.c.Recipient
	resp, err := s.client.Notify(within(t, notifyTime), req)
	s.verdict(t, "after alerts that were given up", resp, err)
}

// strange sends what no host of this version would; a later one may. One call may fail, the plugin may not.
func (s suite) strange(t *testing.T) {
	for name, req := range map[string]*pluginv1.NotifyRequest{
		"an empty request": {Recipient: s.c.Recipient},
		"unknown kinds": {
			DeliveryId: "s", Recipient: s.c.Recipient, Phase: 99, Title: "t", Text: "t", Event: Example().GetEvent(),
			Attachments: []*pluginv1.Attachment{{Kind: 99, Ref: "x"}}, Actions: []*pluginv1.Action{{Kind: 99, Token: "x"}},
		},
	} {
		resp, err := s.client.Notify(within(t, notifyTime), req)
		if s.hasSDK && err != nil && status.Code(err) != codes.Internal {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	s.health(t)
}

func (s suite) stop(t *testing.T) {
	if _, err := s.client.Stop(within(t, stopTime), &pluginv1.StopRequest{}); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// large sends the largest request there is: a picture of the size that the plugin asked for, and a long digest.
func (s suite) large(t *testing.T) {
	d, err := s.client.Describe(within(t, startTime), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	req := s.alerts(t)["digest"]
	if most := int(min(d.GetMaxSnapshotBytes(), api.MaxSnapshotBytes)); most > len(Picture()) {
		req.Snapshot = append(Picture(), make([]byte, most-len(Picture()))...)
	}
	if _, err := s.client.Notify(within(t, notifyTime), req); err != nil {
		t.Errorf("a picture of the size it asked for: %v", err)
	}
}
