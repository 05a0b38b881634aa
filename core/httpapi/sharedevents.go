package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// SharedEvents opens what a link in an alert shows.
type SharedEvents interface {
	// OpenShared returns what a token opens, its size in bytes, its MIME type and a name for it. Errors: CodeForbidden
	// where the token is not valid or has expired, CodeNotFound where there is nothing any more.
	OpenShared(ctx context.Context, token string) (body io.ReadSeekCloser, size int64, mime, name string, err error)
}

const (
	sharedTimeout = 30 * time.Second // for the making of a film, and to wait for it
	sharedAtOnce  = 2                // films that are made for links: whoever has one can ask for it as often as they like
)

// registerSharedEvents adds the links that notifiers ask for. The token says which event's picture or film, and until
// when, and nobody can make one but us.
func (s *Server) registerSharedEvents() {
	making := make(chan struct{}, sharedAtOnce)
	s.raw(fiber.MethodGet, apiBase+"/shared-events/:token", accessPublic, func(c *fiber.Ctx) error {
		if s.deps.SharedEvents == nil {
			return errNoMedia
		}
		ctx, cancel := context.WithTimeout(context.Background(), sharedTimeout) // fiber's own never ends
		defer cancel()
		select {
		case making <- struct{}{}:
			defer func() { <-making }()
		case <-ctx.Done():
			return &nvr.Error{Code: nvr.CodeUnavailable, Message: "too many people look at shared alerts, try again in a minute"}
		}
		body, size, mime, name, err := s.deps.SharedEvents.OpenShared(ctx, c.Params("token"))
		if err != nil {
			return err
		}
		c.Set("X-Robots-Tag", "noindex")
		c.Set("Referrer-Policy", "no-referrer")
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
		c.Set(fiber.HeaderContentDisposition, "inline; filename="+name)
		return sendContent(c, content{body: body, size: size, mime: mime})
	})
}
