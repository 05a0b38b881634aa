package pluginhost

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

func toRequest(a nvr.Alert, maxSnapshot int) *pluginv1.NotifyRequest {
	req := &pluginv1.NotifyRequest{
		DeliveryId: a.DeliveryID, Attempt: uint32(max(a.Attempt, 1)), Recipient: a.Recipient, //nolint:gosec // small
		Event: toEvent(a.Event, a.CameraName), Title: a.Title, Text: a.Text, Silent: a.Silent, Link: a.Link,
		PreviousMessage: a.Previous, Test: a.Test,
	}
	if !a.ExpiresAt.IsZero() {
		req.ExpiresAt = timestamppb.New(a.ExpiresAt)
	}
	if req.GetTitle() == "" { // the contract promises one
		req.Title = strings.TrimSpace(a.Event.Label + " at " + req.GetEvent().GetCameraName())
	}
	if req.GetText() == "" {
		req.Text = req.GetTitle()
	}
	if len(a.Snapshot) <= maxSnapshot {
		req.Snapshot = a.Snapshot
	}
	for _, e := range a.Digest {
		req.Digest = append(req.Digest, toEvent(e, cameraName(e, a)))
	}
	for _, m := range a.Attachments {
		req.Attachments = append(req.Attachments, &pluginv1.Attachment{
			Kind: toAttachmentKind(m.Kind), Ref: m.Ref, ContentType: m.ContentType, Bytes: uint64(max(m.Bytes, 0)),
		})
	}
	for _, act := range a.Actions {
		req.Actions = append(req.Actions, &pluginv1.Action{Kind: toActionKind(act.Kind), Token: act.Token, Label: act.Label})
	}
	switch a.Phase {
	case nvr.PhaseNew:
		req.Phase = pluginv1.Phase_PHASE_NEW
	case nvr.PhaseUpdate:
		req.Phase = pluginv1.Phase_PHASE_UPDATE
	case nvr.PhaseEnd:
		req.Phase = pluginv1.Phase_PHASE_END
	}
	return req
}

// cameraName is the name of a digest's event's camera, as far as the alert knows it.
func cameraName(e nvr.Event, a nvr.Alert) string {
	if e.Camera == a.Event.Camera {
		return a.CameraName
	}
	return string(e.Camera)
}

func toEvent(e nvr.Event, cameraName string) *pluginv1.Event {
	if cameraName == "" {
		cameraName = string(e.Camera)
	}
	out := &pluginv1.Event{
		Id: e.ID, Camera: string(e.Camera), CameraName: cameraName, Kind: string(e.Kind), Label: e.Label,
		Start: timestamppb.New(e.Start), Score: e.Score, TopScore: e.TopScore, Stationary: e.Stationary,
		Box:      &pluginv1.Box{X: e.Box.X, Y: e.Box.Y, Width: e.Box.W, Height: e.Box.H},
		Severity: string(e.Severity), Rules: e.Rules, Zones: e.EnteredZones,
	}
	if !e.Ongoing() {
		out.End = timestamppb.New(e.End)
	}
	if id := e.Identity; id.State != nvr.IdentityNone {
		out.Identity = &pluginv1.Identity{PersonId: id.PersonID, Name: id.Name, Similarity: id.Similarity}
	}
	return out
}

func toAttachmentKind(k nvr.AttachmentKind) pluginv1.AttachmentKind {
	if k == nvr.AttachClip {
		return pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP
	}
	return pluginv1.AttachmentKind_ATTACHMENT_KIND_SNAPSHOT
}

func fromAttachmentKind(k pluginv1.AttachmentKind) nvr.AttachmentKind {
	if k == pluginv1.AttachmentKind_ATTACHMENT_KIND_CLIP {
		return nvr.AttachClip
	}
	return nvr.AttachSnapshot
}

func toActionKind(k nvr.AlertActionKind) pluginv1.ActionKind {
	if k == nvr.ActionSnooze {
		return pluginv1.ActionKind_ACTION_KIND_SNOOZE
	}
	return pluginv1.ActionKind_ACTION_KIND_ACKNOWLEDGE
}

// capabilities are a plugin's optional powers by the names that manifests, the API and the pages use. What this
// Nightjar does not know is left out.
func capabilities(list []pluginv1.Capability) []string {
	var out []string
	for _, c := range list {
		name := map[pluginv1.Capability]string{
			pluginv1.Capability_CAPABILITY_UPDATE: "update", pluginv1.Capability_CAPABILITY_ACTIONS: "actions",
			pluginv1.Capability_CAPABILITY_CLIP: "clip", pluginv1.Capability_CAPABILITY_SILENT: "silent",
			pluginv1.Capability_CAPABILITY_COMMANDS: "commands",
		}[c]
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// toResult reads a plugin's verdict. One that makes no sense is a "not now".
func toResult(r *pluginv1.NotifyResponse) nvr.DeliveryResult {
	out := toVerdict(r.GetDeliveryClass(), r.GetDetail())
	if out.Class == nvr.DeliveryOK {
		if m := r.GetMessage(); len(m) <= maxMessageID && utf8.ValidString(m) {
			out.Message = m
		}
	}
	if d := r.GetRetryAfter(); out.Class == nvr.DeliveryRetry && d.IsValid() {
		out.RetryAfter = min(max(d.AsDuration(), 0), 24*time.Hour)
	}
	return out
}

// maxMessageID bounds a channel's own id of a message, in bytes; a longer one is as if there were none.
const maxMessageID = 512

func toVerdict(class pluginv1.DeliveryClass, detail string) nvr.DeliveryResult {
	out := nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: clip(detail, 500)}
	switch class {
	case pluginv1.DeliveryClass_DELIVERY_CLASS_OK:
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}
	case pluginv1.DeliveryClass_DELIVERY_CLASS_PERMANENT:
		out.Class = nvr.DeliveryPermanent
	case pluginv1.DeliveryClass_DELIVERY_CLASS_BAD_CONFIG:
		out.Class = nvr.DeliveryBadConfig
	case pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER, pluginv1.DeliveryClass_DELIVERY_CLASS_UNSPECIFIED:
	}
	if out.Detail == "" {
		out.Detail = "the plugin gave no reason"
	}
	return out
}

// rpcError is a gRPC error as a person should read it.
func rpcError(err error) error {
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch st.Code() {
	case codes.DeadlineExceeded:
		return errors.New("no answer in time")
	case codes.Unavailable:
		return errors.New("the process is gone")
	case codes.Unimplemented:
		return errors.New("the plugin does not implement it")
	default:
		return errors.New(clip(st.Message(), 500))
	}
}

// clip bounds a text that a plugin wrote, and makes it one line of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	s = strings.ToValidUTF8(s, "�")
	return strings.Join(strings.Fields(s), " ")
}
