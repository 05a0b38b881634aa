package pluginhost

import (
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

func TestRequestHoldsEverything(t *testing.T) {
	e := nvr.Event{
		ID: "e1", Camera: "front", Kind: nvr.EventObject, Label: "person", Start: time.Unix(1, 0), End: time.Unix(2, 0), Severity: nvr.SeverityHigh,
		Rules: []string{"r"}, EnteredZones: []string{"z1", "z2"}, Identity: nvr.Identity{State: nvr.IdentityKnown, PersonID: "p", Name: "Anna", Similarity: .5},
	}
	other := nvr.Event{ID: "e0", Camera: "yard", Start: time.Unix(1, 0)}
	req := toRequest(nvr.Alert{
		DeliveryID: "d", Event: e, CameraName: "Front", Title: "T", Text: "X", Silent: true, Link: "l", Previous: "m", Test: true, ExpiresAt: time.Unix(60, 0), Digest: []nvr.Event{other, e},
		Attachments: []nvr.Attachment{{Kind: nvr.AttachClip, Ref: "ref", ContentType: "video/mp4", Bytes: 7}},
		Actions:     []nvr.AlertAction{{Kind: nvr.ActionSnooze, Token: "t", Label: "L"}},
	}, 0)
	ev := req.GetEvent()
	if ev.GetSeverity() != "high" || ev.GetRules()[0] != "r" || strings.Join(ev.GetZones(), " ") != "z1 z2" || ev.GetIdentity().GetName() != "Anna" || ev.GetEnd() == nil {
		t.Errorf("event %v", ev)
	}
	if req.GetTitle() != "T" || req.GetText() != "X" || !req.GetSilent() || req.GetLink() != "l" || req.GetPreviousMessage() != "m" || !req.GetTest() || req.GetAttempt() != 1 || req.GetExpiresAt().GetSeconds() != 60 {
		t.Errorf("%v", req)
	}
	if d := req.GetDigest(); len(d) != 2 || d[0].GetCameraName() != "yard" || d[1].GetCameraName() != "Front" || d[0].GetIdentity() != nil {
		t.Errorf("digest %v", d)
	}
	if req.GetAttachments()[0].GetKind() != pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP || req.GetActions()[0].GetKind() != pluginv1.ActionKind_ACTION_KIND_SNOOZE {
		t.Errorf("%v %v", req.GetAttachments(), req.GetActions())
	}
	// The contract promises a title and a text, whoever made the alert.
	if req := toRequest(nvr.Alert{Event: e}, 0); req.GetTitle() != "person at front" || req.GetText() == "" || req.GetExpiresAt() != nil {
		t.Errorf("%v", req)
	}
}

func TestResults(t *testing.T) {
	long := strings.Repeat("m", maxMessageID+1)
	for _, tc := range []struct {
		resp *pluginv1.NotifyResponse
		want nvr.DeliveryResult
	}{
		{&pluginv1.NotifyResponse{DeliveryClass: 1, Message: "m", Detail: "ignored"}, nvr.DeliveryResult{Class: nvr.DeliveryOK, Message: "m"}},
		{&pluginv1.NotifyResponse{DeliveryClass: 1, Message: long}, nvr.DeliveryResult{Class: nvr.DeliveryOK}},
		{&pluginv1.NotifyResponse{DeliveryClass: 3, Message: "m"}, nvr.DeliveryResult{Class: nvr.DeliveryPermanent, Detail: "the plugin gave no reason"}},
		{nil, nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: "the plugin gave no reason"}},
	} {
		if got := toResult(tc.resp); got != tc.want {
			t.Errorf("%v: %+v, want %+v", tc.resp, got, tc.want)
		}
	}
}
