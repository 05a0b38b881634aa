package app

import (
	"context"
	"io"
	"time"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

// exports is the exporter as the API sees it.
type exports struct{ record *recording }

func (e exports) exporter() (*export.Exporter, error) {
	x, err := e.record.get()
	if err != nil {
		return nil, err
	}
	return x.exports, nil
}

func exportRequest(r httpapi.ExportRequest, by string) export.Request {
	out := export.Request{
		Name: r.Name, Role: nvr.Role(r.Stream), Mode: export.Mode(r.Mode), Speed: r.Speed, Evidence: r.Evidence, By: by,
		Range: nvr.TimeRange{Start: time.UnixMilli(r.From).UTC(), End: time.UnixMilli(r.To).UTC()},
		Zone:  zoneName(),
	}
	for _, c := range r.Cameras {
		out.Cameras = append(out.Cameras, nvr.CameraID(c))
	}
	return out
}

// zoneName is the machine's time zone by its IANA name, "" where it has none that another program would know.
func zoneName() string {
	if name := time.Local.String(); name != "Local" { //nolint:gosmopolitan // people name files by their own clock
		return name
	}
	return ""
}

// Estimate implements the API's exporter.
func (e exports) Estimate(ctx context.Context, r httpapi.ExportRequest) (httpapi.ExportEstimate, error) {
	x, err := e.exporter()
	if err != nil {
		return httpapi.ExportEstimate{}, err
	}
	est, err := x.Estimate(ctx, exportRequest(r, ""))
	out := httpapi.ExportEstimate{Bytes: est.Bytes, DurationMS: est.Duration.Milliseconds(), Cameras: []httpapi.CameraEstimate{}}
	for _, c := range est.Cameras {
		out.Cameras = append(out.Cameras, httpapi.CameraEstimate{
			ID: string(c.Camera), Bytes: c.Bytes, DurationMS: c.Duration.Milliseconds(), Gaps: len(c.Gaps),
		})
	}
	return out, err
}

// Create implements the API's exporter.
func (e exports) Create(ctx context.Context, r httpapi.ExportRequest, by string) (httpapi.Export, error) {
	x, err := e.exporter()
	if err != nil {
		return httpapi.Export{}, err
	}
	got, err := x.Create(ctx, exportRequest(r, by))
	return exportOf(got), err
}

// List implements the API's exporter. While the exporter is not there, there are no exports to show.
func (e exports) List() []httpapi.Export {
	x, err := e.exporter()
	if err != nil {
		return nil
	}
	list := x.List()
	out := make([]httpapi.Export, len(list))
	for i, one := range list {
		out[i] = exportOf(one)
	}
	return out
}

// Get implements the API's exporter.
func (e exports) Get(id string) (httpapi.Export, error) {
	x, err := e.exporter()
	if err != nil {
		return httpapi.Export{}, err
	}
	got, err := x.Get(id)
	return exportOf(got), err
}

// Delete implements the API's exporter.
func (e exports) Delete(ctx context.Context, id string) error {
	x, err := e.exporter()
	if err != nil {
		return err
	}
	return x.Delete(ctx, id)
}

// OpenFile implements the API's exporter.
func (e exports) OpenFile(id, name string) (io.ReadSeekCloser, int64, error) {
	x, err := e.exporter()
	if err != nil {
		return nil, 0, err
	}
	f, info, err := x.OpenFile(id, name)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Bytes, nil
}

// Link implements the API's exporter.
func (e exports) Link(id, name string, expires time.Time) (string, error) {
	got, err := e.Get(id)
	if err != nil {
		return "", err
	}
	for _, f := range got.Files {
		if f.Name == name {
			return e.record.links.Sign(id, name, expires), nil
		}
	}
	return "", &nvr.Error{Code: nvr.CodeNotFound, Message: "this export has no file of that name; it may not be finished yet"}
}

// Resolve implements the API's exporter.
func (e exports) Resolve(token string) (id, name string, err error) {
	return e.record.links.Check(token, time.Now())
}

func exportOf(e export.Export) httpapi.Export {
	out := httpapi.Export{
		ID: e.ID, Name: e.Name, Cameras: make([]string, len(e.Cameras)), Stream: string(e.Role), From: e.From.UnixMilli(), To: e.To.UnixMilli(),
		Mode: string(e.Mode), Speed: e.Speed, Evidence: e.Evidence, State: string(e.State), Progress: e.Progress, ETAMS: e.ETA.Milliseconds(),
		Bytes: e.Bytes, Error: e.Error, Notes: e.Notes, CreatedAt: e.CreatedAt.UnixMilli(), CreatedBy: e.CreatedBy, Files: []httpapi.ExportFile{},
	}
	for i, c := range e.Cameras {
		out.Cameras[i] = string(c)
	}
	out.ExpiresAt = millis(e.ExpiresAt)
	for _, f := range e.Files {
		out.Files = append(out.Files, httpapi.ExportFile{
			Name: f.Name, Camera: string(f.Camera), Bytes: f.Bytes, SHA256: f.SHA256, URL: httpapi.ExportURL(e.ID, f.Name),
		})
	}
	return out
}
