package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const apiBase = "/api/v1"

// operation describes one JSON operation.
type operation struct {
	method, path, id, tag, summary string
	access                         access
	status                         int // success, 200 when 0
}

// register adds a JSON operation with its access, deadline and error mapping.
func register[I, O any](s *Server, op operation, handler func(context.Context, *I) (*O, error)) {
	path := apiBase + op.path
	s.access[op.method+" "+fiberPath(path)] = op.access
	o := huma.Operation{
		OperationID: op.id, Method: op.method, Path: path, Tags: []string{op.tag}, Summary: op.summary,
		DefaultStatus: op.status, MaxBodyBytes: 64 << 10, Middlewares: huma.Middlewares{s.operationAccess},
		Description: "Access: " + string(op.access) + ".",
	}
	if op.access != accessPublic {
		o.Security = []map[string][]string{{"bearer": {}}}
	}
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, handlerTimeout)
		defer cancel()
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.fail(op.id, err)
		}
		return out, nil
	})
}

func identityOf(ctx context.Context) auth.Identity {
	id, _ := ctx.Value(identityKey{}).(auth.Identity)
	return id
}

func (s *Server) registerOperations() {
	cfg := huma.DefaultConfig("Nightjar", s.opts.Version)
	cfg.Info.Description = "Nightjar's API. Log in with POST /api/v1/auth/login and send the access token as a bearer token. Errors are RFC 9457 problem documents."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // served by routes of our own, which declare access
	cfg.CreateHooks = nil                                       // no $schema links
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"}}
	s.api = humafiber.New(s.app, cfg)

	s.registerAuth()
	s.registerCameras()
	s.registerSound()
	s.registerEvents()
	s.registerTimeline()
	s.registerMotion()
	s.registerExports()
	s.registerHolds()
	s.registerAlerts()
	s.registerDeliveries()
	s.registerRoutes()
	s.registerPlugins()
	s.registerNotifiers()
	s.registerPush()
	s.registerFaces()
	s.registerStorage()
	s.registerSystem()
}

type sessionOutput struct {
	Status int // 204 without a body when there is no session to renew
	Body   *Session
}

// Session is the answer to a login or a renewal.
type Session struct {
	AccessToken string    `json:"access_token" doc:"Bearer token for the Authorization header"`
	ExpiresAt   time.Time `json:"expires_at"`
	User        User      `json:"user"`
}

// Credentials are what a person logs in with.
type Credentials struct {
	Username string `json:"username" maxLength:"64"`
	Password string `json:"password" maxLength:"256"`
}

// PasswordChange replaces one's own password.
type PasswordChange struct {
	Current string `json:"current" maxLength:"256"`
	New     string `json:"new" maxLength:"256"`
}

// User is an account as its owner sees it.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role" enum:"admin,viewer"`
}

// clientInfo is what login needs to know of the connection, taken from the request before huma hides it.
type clientInfo struct {
	peer      string
	base      string
	secure    bool
	cookie    string // the refresh token
	setCookie func(*fiber.Cookie)
}

type clientKey struct{}

func (s *Server) withClient(ctx huma.Context, next func(huma.Context)) {
	c := humafiber.Unwrap(ctx)
	secure := c.Secure() || (s.trusted(c) && strings.EqualFold(c.Get("X-Forwarded-Proto"), "https"))
	next(huma.WithValue(ctx, clientKey{}, clientInfo{
		peer: s.peer(c), base: s.base(c), secure: secure, cookie: c.Cookies(refreshCookie),
		setCookie: c.Cookie, // huma would join two cookies into one header
	}))
}

func clientOf(ctx context.Context) clientInfo {
	c, _ := ctx.Value(clientKey{}).(clientInfo)
	return c
}

func (s *Server) registerAuth() {
	s.api.UseMiddleware(s.withClient)
	type loginInput struct{ Body Credentials }
	register(s, operation{method: "POST", path: "/auth/login", id: "login", tag: "auth", summary: "Log in", access: accessPublic},
		func(ctx context.Context, in *loginInput) (*sessionOutput, error) {
			sess, err := s.deps.Auth.Login(ctx, in.Body.Username, in.Body.Password, clientOf(ctx).peer)
			if err != nil {
				return nil, err
			}
			return sessionAnswer(ctx, sess), nil
		})
	// The refresh cookie is SameSite=Strict and bound to this path, and an answer cannot be read across sites.
	register(s, operation{method: "POST", path: "/auth/refresh", id: "refresh", tag: "auth", summary: "Renew the session of the refresh cookie", access: accessPublic},
		func(ctx context.Context, _ *struct{}) (*sessionOutput, error) {
			if clientOf(ctx).cookie == "" {
				return &sessionOutput{Status: 204}, nil // nobody is logged in, which is no fault
			}
			sess, err := s.deps.Auth.Refresh(ctx, clientOf(ctx).cookie)
			if err != nil {
				return nil, err
			}
			return sessionAnswer(ctx, sess), nil
		})
	register(s, operation{method: "POST", path: "/auth/logout", id: "logout", tag: "auth", summary: "End the session", access: accessPublic, status: 204},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if err := s.deps.Auth.Logout(ctx, clientOf(ctx).cookie); err != nil {
				return nil, err
			}
			setSessionCookies(clientOf(ctx), "", "", time.Unix(0, 0))
			return nil, nil
		})
	type passwordInput struct{ Body PasswordChange }
	register(s, operation{method: "POST", path: "/auth/password", id: "changePassword", tag: "auth", summary: "Change one's own password and end all sessions", access: accessViewer, status: 204},
		func(ctx context.Context, in *passwordInput) (*struct{}, error) {
			return nil, s.deps.Auth.ChangePassword(ctx, identityOf(ctx), in.Body.Current, in.Body.New)
		})
}

func sessionAnswer(ctx context.Context, sess auth.Session) *sessionOutput {
	setSessionCookies(clientOf(ctx), sess.AccessToken, sess.RefreshToken, sess.RefreshExpires)
	return &sessionOutput{Status: 200, Body: &Session{
		AccessToken: sess.AccessToken, ExpiresAt: sess.AccessExpires.UTC(),
		User: User{ID: sess.UserID, Name: sess.Name, Role: sess.Role},
	}}
}

func setSessionCookies(c clientInfo, access, refresh string, expires time.Time) {
	for _, k := range [][3]string{{accessCookie, access, apiBase}, {refreshCookie, refresh, apiBase + "/auth"}} {
		c.setCookie(&fiber.Cookie{
			Name: k[0], Value: k[1], Path: c.base + k[2], Expires: expires,
			HTTPOnly: true, Secure: c.secure, SameSite: fiber.CookieSameSiteStrictMode,
		})
	}
}

func parseCamera(s string) (nvr.CameraID, error) {
	id, err := nvr.ParseCameraID(s)
	if err != nil {
		return "", &nvr.Error{Code: nvr.CodeNotFound, Message: "camera " + s + " does not exist"}
	}
	return id, nil
}
