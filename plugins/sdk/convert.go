package sdk

import (
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

func (k AttachmentKind) proto() pluginv1.AttachmentKind {
	if k == AttachmentClip {
		return pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP
	}
	return pluginv1.AttachmentKind_ATTACHMENT_KIND_SNAPSHOT
}

func toCapabilities(list []Capability) []pluginv1.Capability {
	var out []pluginv1.Capability
	for _, c := range list {
		out = append(out, map[Capability]pluginv1.Capability{
			CapabilityUpdate: pluginv1.Capability_CAPABILITY_UPDATE, CapabilityActions: pluginv1.Capability_CAPABILITY_ACTIONS,
			CapabilityClip: pluginv1.Capability_CAPABILITY_CLIP, CapabilitySilent: pluginv1.Capability_CAPABILITY_SILENT,
			CapabilityCommands: pluginv1.Capability_CAPABILITY_COMMANDS,
		}[c])
	}
	return out
}

func (c class) proto() pluginv1.DeliveryClass {
	switch c {
	case classOK:
		return pluginv1.DeliveryClass_DELIVERY_CLASS_OK
	case classPermanent:
		return pluginv1.DeliveryClass_DELIVERY_CLASS_PERMANENT
	case classBadConfig:
		return pluginv1.DeliveryClass_DELIVERY_CLASS_BAD_CONFIG
	case classRetry:
	}
	return pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER
}

func (r Result) response() *pluginv1.NotifyResponse {
	out := &pluginv1.NotifyResponse{DeliveryClass: r.class.proto(), Detail: r.detail}
	if r.class == classOK {
		out.Message = r.message
	}
	if r.class == classRetry && r.after > 0 {
		out.RetryAfter = durationpb.New(r.after)
	}
	return out
}

func toAlert(req *pluginv1.NotifyRequest) Alert {
	a := Alert{
		DeliveryID: req.GetDeliveryId(), Attempt: int(req.GetAttempt()), Recipient: req.GetRecipient(),
		Event: toEvent(req.GetEvent()), Snapshot: req.GetSnapshot(), Title: req.GetTitle(), Text: req.GetText(),
		Silent: req.GetSilent(), Link: req.GetLink(), Previous: req.GetPreviousMessage(), Test: req.GetTest(),
	}
	if req.GetExpiresAt() != nil {
		a.ExpiresAt = req.GetExpiresAt().AsTime()
	}
	switch req.GetPhase() {
	case pluginv1.Phase_PHASE_NEW:
		a.Phase = PhaseNew
	case pluginv1.Phase_PHASE_END:
		a.Phase = PhaseEnd
	case pluginv1.Phase_PHASE_UPDATE, pluginv1.Phase_PHASE_UNSPECIFIED:
		a.Phase = PhaseUpdate
	}
	for _, m := range req.GetAttachments() {
		kind := AttachmentSnapshot
		switch m.GetKind() {
		case pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP:
			kind = AttachmentClip
		case pluginv1.AttachmentKind_ATTACHMENT_KIND_SNAPSHOT:
		case pluginv1.AttachmentKind_ATTACHMENT_KIND_UNSPECIFIED:
			continue
		default: // of a newer host
			continue
		}
		a.Attachments = append(a.Attachments, Attachment{Kind: kind, Ref: m.GetRef(), ContentType: m.GetContentType(), Bytes: int64(m.GetBytes())}) //nolint:gosec // a file's size
	}
	for _, act := range req.GetActions() {
		kind := ActionKind("")
		switch act.GetKind() {
		case pluginv1.ActionKind_ACTION_KIND_ACKNOWLEDGE:
			kind = ActionAcknowledge
		case pluginv1.ActionKind_ACTION_KIND_SNOOZE:
			kind = ActionSnooze
		case pluginv1.ActionKind_ACTION_KIND_UNSPECIFIED:
		}
		if kind != "" { // else of a newer host
			a.Actions = append(a.Actions, Action{Kind: kind, Token: act.GetToken(), Label: act.GetLabel()})
		}
	}
	for _, e := range req.GetDigest() {
		a.Digest = append(a.Digest, toEvent(e))
	}
	return a
}

func toEvent(e *pluginv1.Event) Event {
	box := e.GetBox()
	out := Event{
		ID: e.GetId(), Camera: e.GetCamera(), CameraName: e.GetCameraName(), Kind: e.GetKind(), Label: e.GetLabel(),
		Score: e.GetScore(), TopScore: e.GetTopScore(), Stationary: e.GetStationary(),
		Box:      Box{X: box.GetX(), Y: box.GetY(), W: box.GetWidth(), H: box.GetHeight()},
		Severity: e.GetSeverity(), Rules: e.GetRules(), Zones: e.GetZones(), Attributes: e.GetAttributes(),
	}
	if e.GetStart() != nil {
		out.Start = e.GetStart().AsTime()
	}
	if e.GetEnd() != nil {
		out.End = e.GetEnd().AsTime()
	}
	if id := e.GetIdentity(); id != nil {
		out.Identity = &Identity{PersonID: id.GetPersonId(), Name: id.GetName(), Similarity: id.GetSimilarity()}
	}
	return out
}
