package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/recorder/archive"
	"github.com/nightjar-nvr/nightjar/recorder/retention"
)

// Storage implements the API's storage service.
func (r *recording) Storage(ctx context.Context) (httpapi.StorageReport, error) {
	x, err := r.get()
	if err != nil {
		return httpapi.StorageReport{}, err
	}
	got, err := x.keeper.Storage(ctx)
	if err != nil {
		return httpapi.StorageReport{}, err
	}
	out := httpapi.StorageReport{
		Volumes: []httpapi.Volume{}, Cameras: []httpapi.CameraStorage{}, HeldBytes: got.HeldBytes, Message: storageMessage(x),
		Forecast: httpapi.Forecast{Days: daysOf(got.Forecast), Limit: string(got.Forecast.Limit)},
		Archive:  archiveStatus(x.archive),
	}
	for i, st := range x.volumes.Status() {
		v := httpapi.Volume{Path: st.Dir, State: string(st.State), Reason: st.Reason, Active: st.Active}
		if i < len(got.Volumes) {
			v.Total, v.Free, v.RecordingsBytes = got.Volumes[i].Total, got.Volumes[i].Free, got.Volumes[i].RecordingBytes
		}
		out.Volumes = append(out.Volumes, v)
	}
	for _, c := range got.Cameras {
		out.Cameras = append(out.Cameras, httpapi.CameraStorage{
			ID: string(c.Camera), Bytes: c.Bytes, BytesPerDay: c.BytesPerDay, Oldest: millis(c.Oldest), Newest: millis(c.Newest), ForecastDays: daysOf(c.Forecast),
		})
	}
	return out, nil
}

// storageMessage says what a person should act on, in sentences.
func storageMessage(x *running) string {
	said := x.keeper.Status().Reason
	if n := x.holds.Damaged(); n > 0 {
		said = strings.TrimSpace(fmt.Sprintf("%s %d lines of .holds.jsonl cannot be read; restore the file from a backup to be sure that all holds are kept.", said, n))
	}
	return said
}

func daysOf(f retention.Forecast) *float64 {
	if f.Limit == retention.LimitNone {
		return nil
	}
	return &f.Days
}

func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func archiveStatus(a *archive.Archive) httpapi.ArchiveStatus {
	st := a.Status()
	return httpapi.ArchiveStatus{
		Enabled: a != nil, State: string(st.State), Reason: st.Reason, BacklogFiles: int64(st.BacklogFiles), BacklogBytes: st.BacklogBytes,
		UploadedBytes: st.UploadedBytes, LastUploadAt: millis(st.LastUpload),
	}
}

// DeletionPlan implements the API's storage service.
func (r *recording) DeletionPlan(ctx context.Context) (httpapi.DeletionPlan, error) {
	x, err := r.get()
	if err != nil {
		return httpapi.DeletionPlan{}, err
	}
	p, err := x.keeper.Plan(ctx)
	if err != nil {
		return httpapi.DeletionPlan{}, err
	}
	out := httpapi.DeletionPlan{At: p.At.UnixMilli(), Deletions: []httpapi.Deletion{}, Bytes: p.Bytes, HeldBytes: p.HeldBytes, Notes: p.Notes}
	for _, d := range p.Deletions {
		out.Deletions = append(out.Deletions, httpapi.Deletion{
			Camera: string(d.Stream.Camera), Stream: string(d.Stream.Role), From: d.From.UnixMilli(), To: d.To.UnixMilli(),
			Files: d.Files, Bytes: d.Bytes, Reason: string(d.Reason), Detail: d.Detail,
		})
	}
	return out, nil
}
