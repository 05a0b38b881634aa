package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

type testSettings struct {
	URL     string            `json:"url" required:"true" desc:"Where to."`
	Token   string            `json:"token" secret:"true"`
	Mode    string            `json:"mode" enum:"a,b" default:"a"`
	Timeout int               `json:"timeout_seconds" minimum:"1" maximum:"60" default:"10"`
	Headers map[string]string `json:"headers"`
	To      []string          `json:"to"`
	hidden  int
}

func (s *testSettings) Validate() error {
	if s.URL == "bad" {
		return errors.Join(&SettingError{"url", "is bad"}, errors.New("and so is the rest"))
	}
	return nil
}

type testNotifier struct {
	Base[testSettings]
	got Alert
}

func (n *testNotifier) Notify(_ context.Context, a Alert) Result {
	n.got = a
	switch a.Recipient {
	case "later":
		return Retry(7*time.Second, "busy")
	case "never":
		return Permanent("no")
	case "wrong":
		return BadConfig("key")
	case "panic":
		panic("oops")
	case "zero":
		return Result{}
	}
	return OK()
}

func TestSettings(t *testing.T) {
	for _, tc := range []struct{ json, path, want string }{
		{`{"url":"x"}`, "", ""},
		{`{}`, "url", "is required"},
		{``, "url", "is required"},
		{`{"url":"x","nope":1}`, "nope", "is not a setting"},
		{`{"url":7}`, "url", "must be a string, not a number"},
		{`{"url":"x","mode":"c"}`, "mode", "one of a, b"},
		{`{"url":"x","timeout_seconds":61}`, "timeout_seconds", "at most 60"},
		{`{"url":"x"} {}`, "", "one JSON object"},
		{`{"url":"canary`, "", "not valid JSON"},
		{`{"url":"bad"}`, "url", "is bad"},
		{`{"url":"x","Hidden":1}`, "Hidden", "is not a setting"},
	} {
		n := &testNotifier{}
		s := newServer(Info{Name: "Test"}, n)
		resp, err := s.Configure(t.Context(), &pluginv1.ConfigureRequest{SettingsJson: tc.json})
		if err != nil {
			t.Fatal(err)
		}
		d := resp.GetDiagnostics()
		if tc.want == "" {
			if len(d) != 0 || n.Settings().Timeout != 10 || n.Settings().Mode != "a" || n.Settings().hidden != 0 {
				t.Errorf("%s: %v, %+v", tc.json, d, n.Settings())
			}
			continue
		}
		if len(d) == 0 || d[0].GetPath() != tc.path || !strings.Contains(d[0].GetMessage(), tc.want) || strings.Contains(d[0].GetMessage(), "canary") {
			t.Errorf("%s: %v", tc.json, d)
		}
	}
}

func TestSchema(t *testing.T) {
	var s struct {
		Required   []string
		Properties map[string]struct {
			Type        string
			Default     any
			Description string
			Secret      bool `json:"x-secret"`
			Maximum     float64
		}
		AdditionalProperties bool
	}
	if err := json.Unmarshal([]byte(Schema[testSettings]()), &s); err != nil {
		t.Fatal(err)
	}
	p := s.Properties
	if len(p) != 6 || s.AdditionalProperties || s.Required[0] != "url" || !p["token"].Secret || p["timeout_seconds"].Default != 10.0 ||
		p["timeout_seconds"].Maximum != 60 || p["url"].Description != "Where to." || p["headers"].Type != "object" || p["to"].Type != "array" {
		t.Errorf("%+v", s)
	}
}

func TestNotify(t *testing.T) {
	n := &testNotifier{}
	s := newServer(Info{Name: "Test", MaxSnapshotBytes: 5 << 20}, n)
	if d, _ := s.Describe(t.Context(), nil); d.GetMaxSnapshotBytes() != 1<<20 {
		t.Errorf("snapshot limit %d", d.GetMaxSnapshotBytes())
	}
	start := time.UnixMilli(1_700_000_000_123).UTC()
	for to, want := range map[string]pluginv1.DeliveryClass{
		"": pluginv1.DeliveryClass_DELIVERY_CLASS_OK, "later": pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER,
		"never": pluginv1.DeliveryClass_DELIVERY_CLASS_PERMANENT, "wrong": pluginv1.DeliveryClass_DELIVERY_CLASS_BAD_CONFIG,
		"zero": pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER,
	} {
		resp, err := s.Notify(t.Context(), &pluginv1.NotifyRequest{
			DeliveryId: "d1", Attempt: 2, Recipient: to, Phase: pluginv1.Phase_PHASE_END, Snapshot: []byte("jpg"),
			Event: &pluginv1.Event{Id: "e1", Label: "person", Start: timestamppb.New(start), Box: &pluginv1.Box{Width: .5}},
		})
		if err != nil || resp.GetDeliveryClass() != want {
			t.Errorf("%q: %v, %v", to, resp, err)
		}
		if to == "later" && resp.GetRetryAfter().AsDuration() != 7*time.Second {
			t.Errorf("retry after %v", resp.GetRetryAfter())
		}
	}
	if a := n.got; a.DeliveryID != "d1" || a.Attempt != 2 || a.Phase != PhaseEnd || !a.Event.Start.Equal(start) || !a.Event.End.IsZero() || a.Event.Box.W != .5 {
		t.Errorf("%+v", a)
	}
	if _, err := s.Notify(t.Context(), nil); err != nil {
		t.Errorf("an empty request: %v", err)
	}
}

func TestPanicIsTheCallsError(t *testing.T) {
	s := newServer(Info{}, &testNotifier{})
	var log strings.Builder
	call := recovered(slog.New(slog.NewJSONHandler(&log, nil)))
	_, err := call(t.Context(), &pluginv1.NotifyRequest{Recipient: "panic"}, &grpc.UnaryServerInfo{FullMethod: "/Notify"},
		func(ctx context.Context, req any) (any, error) { return s.Notify(ctx, req.(*pluginv1.NotifyRequest)) })
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "oops") || !strings.Contains(log.String(), "sdk_test.go") {
		t.Errorf("%v\n%s", err, log.String())
	}
}

func TestEverythingOfAnAlertArrives(t *testing.T) {
	n := &testNotifier{}
	s := newServer(Info{Name: "Test", Capabilities: []Capability{CapabilityUpdate, CapabilityCommands}}, n)
	d, err := s.Describe(t.Context(), nil)
	if err != nil || len(d.GetCapabilities()) != 2 || d.GetCapabilities()[1] != pluginv1.Capability_CAPABILITY_COMMANDS {
		t.Errorf("%v, %v", d, err)
	}
	event := &pluginv1.Event{
		Id: "e1", Severity: "high", Rules: []string{"r"}, Zones: []string{"z"}, Attributes: []string{"package"},
		Identity: &pluginv1.Identity{PersonId: "p", Name: "Anna", Similarity: .5},
	}
	_, err = s.Notify(t.Context(), &pluginv1.NotifyRequest{
		Event: event, Digest: []*pluginv1.Event{{Id: "e0"}, event}, Title: "T", Text: "X", Silent: true, Link: "https://x", PreviousMessage: "m", Test: true,
		Attachments: []*pluginv1.Attachment{{Kind: pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP, Ref: "ref", ContentType: "video/mp4", Bytes: 7}, {Kind: 99}},
		Actions:     []*pluginv1.Action{{Kind: pluginv1.ActionKind_ACTION_KIND_SNOOZE, Token: "t", Label: "L"}, {Kind: 99}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := n.got
	if a.Title != "T" || a.Text != "X" || !a.Silent || a.Link != "https://x" || a.Previous != "m" || !a.Test || len(a.Digest) != 2 || a.Digest[1].ID != "e1" {
		t.Errorf("%+v", a)
	}
	if len(a.Attachments) != 1 || a.Attachments[0] != (Attachment{AttachmentClip, "ref", "video/mp4", 7}) || len(a.Actions) != 1 || a.Actions[0] != (Action{ActionSnooze, "t", "L"}) {
		t.Errorf("%+v %+v", a.Attachments, a.Actions)
	}
	if e := a.Event; e.Severity != "high" || e.Rules[0] != "r" || e.Zones[0] != "z" || e.Attributes[0] != "package" || *e.Identity != (Identity{"p", "Anna", .5}) {
		t.Errorf("%+v", e)
	}
	if r := OK().WithMessage("m2").response(); r.GetMessage() != "m2" {
		t.Errorf("%v", r)
	}
	if _, err := s.Test(t.Context(), &pluginv1.TestRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a plugin without a test: %v", err)
	}
}
