package pluginhost

import (
	"errors"
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
	e := a.Event
	req := &pluginv1.NotifyRequest{
		DeliveryId: a.DeliveryID, Attempt: uint32(max(a.Attempt, 1)), Recipient: a.Recipient, //nolint:gosec // small
		Event: &pluginv1.Event{
			Id: e.ID, Camera: string(e.Camera), CameraName: a.CameraName, Kind: string(e.Kind), Label: e.Label,
			Start: timestamppb.New(e.Start), Score: e.Score, TopScore: e.TopScore, Stationary: e.Stationary,
			Box: &pluginv1.Box{X: e.Box.X, Y: e.Box.Y, Width: e.Box.W, Height: e.Box.H},
		},
	}
	if !e.Ongoing() {
		req.Event.End = timestamppb.New(e.End)
	}
	if len(a.Snapshot) <= maxSnapshot {
		req.Snapshot = a.Snapshot
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

// toResult reads a plugin's verdict. One that makes no sense is a "not now".
func toResult(r *pluginv1.NotifyResponse) nvr.DeliveryResult {
	out := nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: clip(r.GetDetail(), 500)}
	switch r.GetDeliveryClass() {
	case pluginv1.DeliveryClass_DELIVERY_CLASS_OK:
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}
	case pluginv1.DeliveryClass_DELIVERY_CLASS_PERMANENT:
		out.Class = nvr.DeliveryPermanent
	case pluginv1.DeliveryClass_DELIVERY_CLASS_BAD_CONFIG:
		out.Class = nvr.DeliveryBadConfig
	case pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER, pluginv1.DeliveryClass_DELIVERY_CLASS_UNSPECIFIED:
		if d := r.GetRetryAfter(); d.IsValid() {
			out.RetryAfter = min(max(d.AsDuration(), 0), 24*time.Hour)
		}
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
