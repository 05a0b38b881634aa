package httpapi

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/ui"
)

// access says who may call a route. Every route declares one; the zero value is refused at start.
type access string

const (
	accessPublic access = "public"
	accessViewer access = "viewer"
	accessAdmin  access = "admin"
	accessLocal  access = "local" // an administrator on this machine, by the control socket
)

// Cookies of a browser session. The access cookie serves what cannot send a header: pictures and sockets.
const (
	accessCookie  = "nightjar_access"
	refreshCookie = "nightjar_refresh"
)

var (
	errNotLoggedIn = &nvr.Error{Code: nvr.CodeUnauthorized, Message: "not logged in, or the login has expired"}
	errForbidden   = &nvr.Error{Code: nvr.CodeForbidden, Message: "this needs an administrator"}
	errOrigin      = &nvr.Error{Code: nvr.CodeForbidden, Message: "the request comes from another site"}
)

// raw registers a fiber handler for what is not JSON.
func (s *Server) raw(method, path string, a access, h fiber.Handler) {
	s.access[method+" "+path] = a
	s.app.Add(method, path, func(c *fiber.Ctx) error {
		id, err := s.authorize(c, a)
		if err != nil {
			return err
		}
		c.Locals(identityKey{}, id)
		return h(c)
	})
}

// authorize finds out who asks and whether they may.
func (s *Server) authorize(c *fiber.Ctx, a access) (auth.Identity, error) {
	if a == accessPublic {
		return auth.Identity{}, nil
	}
	if conn, ok := c.Context().Conn().(*controlConn); ok {
		return s.localIdentity(c, conn)
	}
	token, bearer := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !bearer {
		// A cookie goes along with requests that other sites cause, so it may only read.
		if m := c.Method(); m != fiber.MethodGet && m != fiber.MethodHead {
			return auth.Identity{}, errNotLoggedIn
		}
		token = c.Cookies(accessCookie)
	}
	if token == "" {
		return auth.Identity{}, errNotLoggedIn
	}
	id, err := s.deps.Auth.Verify(token)
	if err != nil {
		return auth.Identity{}, err
	}
	if a == accessLocal || a == accessAdmin && id.Role != auth.RoleAdmin {
		return auth.Identity{}, errForbidden
	}
	return id, nil
}

type identityKey struct{}

// operationAccess is huma's side of authorize.
func (s *Server) operationAccess(ctx huma.Context, next func(huma.Context)) {
	c := humafiber.Unwrap(ctx)
	id, err := s.authorize(c, s.access[ctx.Operation().Method+" "+fiberPath(ctx.Operation().Path)])
	if err != nil {
		writeProblem(ctx, err)
		return
	}
	next(huma.WithValue(ctx, identityKey{}, id))
}

// checkAccess walks the router: a route that does not say who may call it must not exist.
func (s *Server) checkAccess() error {
	for _, routes := range s.app.Stack() {
		for _, r := range routes {
			if r.Path == "/" || r.Method == fiber.MethodHead {
				continue // middleware, and the HEAD twin of each GET
			}
			a := s.access[r.Method+" "+r.Path]
			if !slices.Contains([]access{accessPublic, accessViewer, accessAdmin, accessLocal}, a) && r.Method != fiber.MethodOptions {
				return fmt.Errorf("route %s %s does not declare who may call it", r.Method, r.Path)
			}
		}
	}
	return nil
}

// fiberPath turns huma's {id} into fiber's :id.
func fiberPath(p string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(p)
}

// trusted reports whether the TCP peer is a proxy whose headers we believe.
func (s *Server) trusted(c *fiber.Ctx) bool {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return false
	}
	return slices.ContainsFunc(s.opts.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(peer.Unmap()) })
}

// peer is the client's address: the TCP peer's, or what a trusted proxy says.
func (s *Server) peer(c *fiber.Ctx) string {
	if s.trusted(c) {
		hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
		if a, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1])); err == nil {
			return a.String()
		}
	}
	return c.Context().RemoteIP().String()
}

// base is the path prefix the browser sees: the ingress path a trusted proxy names, or the configured one.
func (s *Server) base(c *fiber.Ctx) string {
	if s.trusted(c) {
		for _, h := range []string{"X-Ingress-Path", "X-Forwarded-Prefix"} {
			if p := strings.TrimSuffix(c.Get(h), "/"); p != "" && ui.ValidBase(p) {
				return p
			}
		}
	}
	return s.opts.PathPrefix
}

// sameOrigin guards WebSockets: a page of another site could open one with the visitor's cookie.
func (s *Server) sameOrigin(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		if c.Get(fiber.HeaderAuthorization) != "" {
			return nil // a program, not a page
		}
		return errOrigin
	}
	u, err := url.Parse(origin)
	if err != nil {
		return errOrigin
	}
	hosts := []string{string(c.Context().Host())}
	if s.trusted(c) {
		hosts = append(hosts, c.Get(fiber.HeaderXForwardedHost))
	}
	if !slices.Contains(hosts, u.Host) {
		return errOrigin
	}
	return nil
}
