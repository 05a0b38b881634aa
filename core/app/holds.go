package app

import (
	"context"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
)

// holds is the set of holds as the API sees it.
type holds struct{ record *recording }

// Holds implements the API's holder, newest first.
func (h holds) Holds() ([]httpapi.Hold, error) {
	x, err := h.record.get()
	if err != nil {
		return nil, err
	}
	list := x.holds.List()
	out := make([]httpapi.Hold, 0, len(list))
	for _, one := range slices.Backward(list) {
		out = append(out, holdOf(one))
	}
	return out, nil
}

// AddHold implements the API's holder.
func (h holds) AddHold(_ context.Context, in httpapi.Hold) (httpapi.Hold, error) {
	x, err := h.record.get()
	if err != nil {
		return httpapi.Hold{}, err
	}
	want := hold.Hold{
		Kind: hold.Kind(in.Kind), Note: in.Note, By: in.CreatedBy,
		Range: nvr.TimeRange{Start: time.UnixMilli(in.From).UTC(), End: time.UnixMilli(in.To).UTC()},
	}
	for _, c := range in.Cameras {
		want.Cameras = append(want.Cameras, nvr.CameraID(c))
	}
	got, err := x.holds.Add(want)
	return holdOf(got), err
}

// ReleaseHold implements the API's holder.
func (h holds) ReleaseHold(_ context.Context, id string) error {
	x, err := h.record.get()
	if err != nil {
		return err
	}
	return x.holds.Release(id)
}

func holdOf(h hold.Hold) httpapi.Hold {
	out := httpapi.Hold{
		ID: h.ID, Kind: string(h.Kind), Cameras: make([]string, len(h.Cameras)), From: h.Range.Start.UnixMilli(), To: h.Range.End.UnixMilli(),
		Note: h.Note, CreatedAt: h.Created.UnixMilli(), CreatedBy: h.By,
	}
	for i, c := range h.Cameras {
		out.Cameras[i] = string(c)
	}
	return out
}
