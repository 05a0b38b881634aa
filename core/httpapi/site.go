package httpapi

import (
	"crypto/rand"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// serveSite serves the UI's files. Pages get the path prefix of this request and a nonce for their inline scripts.
func (s *Server) serveSite(c *fiber.Ctx) error {
	path := c.Path()
	if strings.HasPrefix(path, "/api/") {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "no such operation: " + c.Method() + " " + path}
	}
	if m := c.Method(); m != fiber.MethodGet && m != fiber.MethodHead {
		return fiber.ErrMethodNotAllowed
	}
	f, ok := s.deps.Site.Lookup(path)
	if !ok {
		return fiber.ErrNotFound
	}
	if f.NotFound {
		c.Status(fiber.StatusNotFound)
	}
	c.Set(fiber.HeaderContentType, f.ContentType)
	switch {
	case f.Immutable:
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	case f.Templated():
		c.Set(fiber.HeaderCacheControl, "no-store") // differs by prefix and nonce
	default:
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if !f.Templated() {
		c.Set(fiber.HeaderETag, f.ETag)
		if c.Get(fiber.HeaderIfNoneMatch) == f.ETag {
			return c.SendStatus(fiber.StatusNotModified)
		}
		if f.Gzip != nil && strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
			return c.Send(f.Gzip)
		}
	}
	nonce := rand.Text()
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'self'; script-src 'self' 'nonce-"+nonce+"'; style-src 'self' 'unsafe-inline'; "+
		"img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; "+
		"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'")
	return c.Send(f.Body(s.base(c), nonce))
}
