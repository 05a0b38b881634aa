package httpapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// maxVODSpan bounds one playlist: an hour is 900 to 1,800 segments.
const maxVODSpan = 25 * time.Hour

func (s *Server) registerMedia() {
	get := func(path string, h fiber.Handler) { s.raw(fiber.MethodGet, apiBase+path, accessViewer, h) }
	get("/cameras/:id/still.jpg", s.serveStill)
	get("/events/:id/snapshot.jpg", s.serveSnapshot)
	get("/vod/:camera/:from/:to/index.m3u8", s.servePlaylist)
	get("/media/:camera/:role/:file/:part", s.serveMedia)
}

// mediaStream is the one check of a media request: the camera must be one the caller may see.
func (s *Server) mediaStream(camera, role string) (nvr.StreamID, error) {
	if _, err := s.camera(camera); err != nil {
		return nvr.StreamID{}, err
	}
	r, err := nvr.ParseRole(role)
	if err != nil {
		return nvr.StreamID{}, &nvr.Error{Code: nvr.CodeInvalid, Message: err.Error()}
	}
	return nvr.StreamID{Camera: nvr.CameraID(camera), Role: r}, nil
}

func requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), handlerTimeout)
}

func (s *Server) serveStill(c *fiber.Ctx) error {
	stream, err := s.mediaStream(c.Params("id"), string(nvr.Main))
	if err != nil {
		return err
	}
	ctx, cancel := requestContext()
	defer cancel()
	jpeg, at, err := s.deps.Pictures.Still(ctx, stream.Camera)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLastModified, at.UTC().Format(time.RFC1123))
	return sendJPEG(c, jpeg)
}

func (s *Server) serveSnapshot(c *fiber.Ctx) error {
	ctx, cancel := requestContext()
	defer cancel()
	e, err := s.deps.Events.Event(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	if _, err := s.camera(string(e.Camera)); err != nil {
		return err
	}
	jpeg, err := s.deps.Pictures.Snapshot(ctx, e)
	if err != nil {
		return err
	}
	if !e.Ongoing() {
		c.Set(fiber.HeaderCacheControl, "private, max-age=86400")
	}
	return sendJPEG(c, jpeg)
}

func sendJPEG(c *fiber.Ctx, b []byte) error {
	c.Set(fiber.HeaderContentType, "image/jpeg")
	return c.Send(b)
}

func (s *Server) servePlaylist(c *fiber.Ctx) error {
	role := c.Query("stream", string(nvr.Main))
	stream, err := s.mediaStream(c.Params("camera"), role)
	if err != nil {
		return err
	}
	from, err1 := strconv.ParseInt(c.Params("from"), 10, 64)
	to, err2 := strconv.ParseInt(c.Params("to"), 10, 64)
	r := nvr.TimeRange{Start: time.UnixMilli(from), End: time.UnixMilli(to)}
	if err1 != nil || err2 != nil || r.Duration() <= 0 || r.Duration() > maxVODSpan {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "the range must be two UTC times in milliseconds, in order and at most 25 hours apart"}
	}
	ctx, cancel := requestContext()
	defer cancel()
	// Relative to …/vod/{camera}/{from}/{to}/index.m3u8, so that it holds under any path prefix.
	prefix := "../../../../media/" + stream.String() + "/"
	text, err := s.deps.Playback.Playlist(ctx, stream, r, prefix)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/vnd.apple.mpegurl")
	return c.SendString(text)
}

// serveMedia sends `init.mp4` or `<offset>-<bytes>.m4s` of a file. The bytes under one URL never change.
func (s *Server) serveMedia(c *fiber.Ctx) error {
	stream, err := s.mediaStream(c.Params("camera"), c.Params("role"))
	if err != nil {
		return err
	}
	start, err := strconv.ParseInt(c.Params("file"), 10, 64)
	if err != nil {
		return errNoMedia
	}
	offset, n := int64(0), int64(-1)
	if part := c.Params("part"); part != "init.mp4" {
		span, ok := strings.CutSuffix(part, ".m4s")
		a, b, ok2 := strings.Cut(span, "-")
		var err1, err2 error
		offset, err1 = strconv.ParseInt(a, 10, 64)
		n, err2 = strconv.ParseInt(b, 10, 64)
		if !ok || !ok2 || err1 != nil || err2 != nil || offset < 0 || n <= 0 {
			return errNoMedia
		}
	}
	ctx, cancel := requestContext()
	defer cancel()
	body, size, err := s.deps.Playback.Media(ctx, stream, start, offset, n)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "video/mp4")
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	return c.SendStream(body, int(size)) // closes body
}

var errNoMedia = &nvr.Error{Code: nvr.CodeNotFound, Message: "no such recording"}
