package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxExportSpan bounds one export; the exporter checks the rest.
const maxExportSpan = 24 * time.Hour

// exporter makes files of recorded video, in the background.
type exporter interface {
	Estimate(ctx context.Context, r ExportRequest) (ExportEstimate, error)
	Create(ctx context.Context, r ExportRequest, by string) (Export, error)
	List() []Export
	Get(id string) (Export, error)
	Delete(ctx context.Context, id string) error
	// OpenFile opens a finished file.
	OpenFile(id, name string) (io.ReadSeekCloser, int64, error)
	// Link returns a token that opens one file until it expires; Resolve checks one.
	Link(id, name string, expires time.Time) (string, error)
	Resolve(token string) (id, name string, err error)
}

// ExportRequest says what to export.
type ExportRequest struct {
	Name     string   `json:"name,omitempty" maxLength:"120" doc:"For people"`
	Cameras  []string `json:"cameras" minItems:"1" maxItems:"16" nullable:"false"`
	Stream   string   `json:"stream,omitempty" enum:"main,sub" default:"main"`
	From     int64    `json:"from" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
	To       int64    `json:"to" doc:"UTC milliseconds" minimum:"0" maximum:"253402300799999"`
	Mode     string   `json:"mode" enum:"copy,exact,timelapse" doc:"copy cuts at key frames, exact to the frame, timelapse is sped up"`
	Speed    int      `json:"speed,omitempty" minimum:"2" maximum:"3600" doc:"Of a timelapse, times"`
	Evidence bool     `json:"evidence,omitempty" doc:"A signed package with the original recordings"`
}

// ExportEstimate is what an export would be, before it is made.
type ExportEstimate struct {
	Bytes      int64            `json:"bytes"`
	DurationMS int64            `json:"duration_ms"`
	Cameras    []CameraEstimate `json:"cameras" nullable:"false"`
}

// CameraEstimate is one camera's part of an ExportEstimate.
type CameraEstimate struct {
	ID         string `json:"id"`
	Bytes      int64  `json:"bytes"`
	DurationMS int64  `json:"duration_ms"`
	Gaps       int    `json:"gaps" doc:"Holes within the range"`
}

// Export is one export with its state.
type Export struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Cameras   []string     `json:"cameras" nullable:"false"`
	Stream    string       `json:"stream"`
	From      int64        `json:"from" doc:"UTC milliseconds"`
	To        int64        `json:"to" doc:"UTC milliseconds"`
	Mode      string       `json:"mode"`
	Speed     int          `json:"speed,omitempty"`
	Evidence  bool         `json:"evidence"`
	State     string       `json:"state" enum:"queued,running,done,failed,cancelled"`
	Progress  float64      `json:"progress" doc:"0 to 1"`
	ETAMS     int64        `json:"eta_ms" doc:"Milliseconds that are left, by what it took so far; 0 when unknown"`
	Bytes     int64        `json:"bytes"`
	Error     string       `json:"error,omitempty" doc:"Why it failed, for a person"`
	Notes     []string     `json:"notes,omitempty" doc:"What a person should know of the result"`
	CreatedAt int64        `json:"created_at" doc:"UTC milliseconds"`
	CreatedBy string       `json:"created_by"`
	ExpiresAt *int64       `json:"expires_at,omitempty" doc:"When it is deleted, UTC milliseconds; absent: never"`
	Files     []ExportFile `json:"files" nullable:"false"`
}

// ExportFile is one finished file of an export.
type ExportFile struct {
	Name   string `json:"name"`
	Camera string `json:"camera,omitempty" doc:"Absent for a package of several"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256" doc:"Hexadecimal"`
	URL    string `json:"url" doc:"Relative to the API's base"`
}

// ExportList is all exports, newest first.
type ExportList struct {
	Exports []Export `json:"exports" nullable:"false"`
}

// LinkRequest asks for a link that works without a login.
type LinkRequest struct {
	File      string `json:"file" maxLength:"255"`
	ExpiresIn int    `json:"expires_in_s" minimum:"60" maximum:"2592000" doc:"Seconds"`
}

// Link is a link that works without a login until it expires.
type Link struct {
	URL       string `json:"url" doc:"Path on this server"`
	ExpiresAt int64  `json:"expires_at" doc:"UTC milliseconds"`
}

// ExportURL returns where a file of an export is, relative to the API's base.
func ExportURL(id, name string) string { return "exports/" + id + "/files/" + url.PathEscape(name) }

func (s *Server) registerExports() {
	type bodyInput struct{ Body ExportRequest }
	type idInput struct {
		ID string `path:"id" maxLength:"64"`
	}
	type output struct{ Body Export }
	type estimate struct{ Body ExportEstimate }
	type list struct{ Body ExportList }
	op := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "exports", summary: summary, access: accessViewer, status: status}
	}
	register(s, op("POST", "/exports/estimate", "estimateExport", "How large an export would be", 0),
		func(ctx context.Context, in *bodyInput) (*estimate, error) {
			if err := s.checkExport(in.Body); err != nil {
				return nil, err
			}
			e, err := s.deps.Exports.Estimate(ctx, in.Body)
			return &estimate{Body: e}, err
		})
	register(s, op("POST", "/exports", "createExport", "Export recorded video, in the background", 202),
		func(ctx context.Context, in *bodyInput) (*output, error) {
			if err := s.checkExport(in.Body); err != nil {
				return nil, err
			}
			e, err := s.deps.Exports.Create(ctx, in.Body, identityOf(ctx).Name)
			return &output{Body: e}, err
		})
	register(s, op("GET", "/exports", "listExports", "All exports, newest first", 0),
		func(context.Context, *struct{}) (*list, error) {
			var out list
			out.Body.Exports = append([]Export{}, s.deps.Exports.List()...)
			return &out, nil
		})
	register(s, op("GET", "/exports/{id}", "getExport", "One export with its progress", 0),
		func(_ context.Context, in *idInput) (*output, error) {
			e, err := s.deps.Exports.Get(in.ID)
			return &output{Body: e}, err
		})
	register(s, op("DELETE", "/exports/{id}", "deleteExport", "Cancel or delete an export; one's own, or any as an administrator", 204),
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			e, err := s.deps.Exports.Get(in.ID)
			if err != nil {
				return nil, err
			}
			if err := mayRemove(ctx, e.CreatedBy, "export"); err != nil {
				return nil, err
			}
			return nil, s.deps.Exports.Delete(ctx, in.ID)
		})
	s.registerLinks()
	s.raw(fiber.MethodGet, apiBase+"/exports/:id/files/:name", accessViewer, func(c *fiber.Ctx) error {
		name, err := url.PathUnescape(c.Params("name"))
		if err != nil {
			return errNoMedia
		}
		return s.sendExport(c, c.Params("id"), name)
	})
	s.registerSharedEvents()
	// The token in the path says which file and until when, and nobody can make one but us.
	s.raw(fiber.MethodGet, apiBase+"/shared/:token/:name", accessPublic, func(c *fiber.Ctx) error {
		id, name, err := s.deps.Exports.Resolve(c.Params("token"))
		if err != nil {
			return err
		}
		c.Set("X-Robots-Tag", "noindex")
		return s.sendExport(c, id, name)
	})
}

func (s *Server) registerLinks() {
	type input struct {
		ID   string `path:"id" maxLength:"64"`
		Body LinkRequest
	}
	type output struct{ Body Link }
	register(s, operation{method: "POST", path: "/exports/{id}/links", id: "shareExport", tag: "exports", summary: "A link to one file that works without a login until it expires", access: accessViewer},
		func(ctx context.Context, in *input) (*output, error) {
			expires := time.Now().Add(time.Duration(in.Body.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
			token, err := s.deps.Exports.Link(in.ID, in.Body.File, expires)
			if err != nil {
				return nil, err
			}
			return &output{Body: Link{
				URL:       clientOf(ctx).base + apiBase + "/shared/" + token + "/" + url.PathEscape(in.Body.File),
				ExpiresAt: expires.UnixMilli(),
			}}, nil
		})
}

func (s *Server) checkExport(r ExportRequest) error {
	for _, c := range r.Cameras {
		if _, err := s.camera(c); err != nil {
			return err
		}
	}
	if r.Mode == "timelapse" && r.Speed == 0 {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "speed is missing: a timelapse needs how many times faster it shall be, 2 to 3600"}
	}
	_, err := spanOf(r.From, r.To, maxExportSpan)
	return err
}

// mayRemove lets people remove what is their own.
func mayRemove(ctx context.Context, owner, what string) error {
	if id := identityOf(ctx); id.Role != auth.RoleAdmin && id.Name != owner {
		return &nvr.Error{Code: nvr.CodeForbidden, Message: "this " + what + " belongs to " + owner + "; only they or an administrator may remove it"}
	}
	return nil
}

func (s *Server) sendExport(c *fiber.Ctx, id, name string) error {
	e, err := s.deps.Exports.Get(id)
	if err != nil {
		return err
	}
	for _, f := range e.Files {
		if f.Name != name {
			continue
		}
		body, size, err := s.deps.Exports.OpenFile(id, name)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(name))
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
		return sendContent(c, content{body: body, size: size, mime: exportMIME(name), etag: fmt.Sprintf("%q", f.SHA256)})
	}
	return errNoMedia
}

func exportMIME(name string) string {
	if len(name) > 4 && name[len(name)-4:] == ".zip" {
		return "application/zip"
	}
	return "video/mp4"
}
