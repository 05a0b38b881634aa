package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// pluginCatalog keeps installed plugins. by is who asks, for the audit log.
type pluginCatalog interface {
	Plugins(ctx context.Context) (PluginList, error)
	InstallPlugin(ctx context.Context, bundle io.Reader, by string) (PluginReview, error)
	ReviewPlugin(ctx context.Context, id, version string) (PluginReview, error)
	// ApprovePlugin lets a version run and starts it once; one that fails is rolled back, which is an error.
	ApprovePlugin(ctx context.Context, id, version, sha256, by string) (Package, error)
	EnablePlugin(ctx context.Context, id string, enabled bool, by string) (Package, error)
	RollBackPlugin(ctx context.Context, id, by string) (Package, error)
	RemovePluginVersion(ctx context.Context, id, version, by string) error
	RemovePlugin(ctx context.Context, id, by string) error
	PluginSchema(ctx context.Context, id string) (PluginSchema, error)
	PluginAudit(ctx context.Context, n int) ([]PluginStep, error)
	AddPluginKey(ctx context.Context, name, publicKey, by string) (PluginKey, error)
	RemovePluginKey(ctx context.Context, fingerprint, by string) error
}

// maxBundle bounds an uploaded bundle, and a little for what a form puts around it.
const maxBundle = 64<<20 + 64<<10

// PluginList is all plugins: those that come with Nightjar and those that were installed.
type PluginList struct {
	Plugins       []Package   `json:"plugins" nullable:"false"`
	Keys          []PluginKey `json:"keys" nullable:"false" doc:"Whose signatures are trusted"`
	AllowUnsigned bool        `json:"allow_unsigned" doc:"plugins.allow_unsigned of the configuration"`
	Platform      string      `json:"platform" doc:"As linux-amd64: which program of a bundle runs here"`
}

// Package is one plugin.
type Package struct {
	ID        string           `json:"id" doc:"As com.example.ntfy, or the name of one that comes with Nightjar"`
	Name      string           `json:"name"`
	Trust     string           `json:"trust" enum:"core,key,local,unsigned" doc:"Of the active version, or of the newest while none is"`
	Enabled   bool             `json:"enabled"`
	Active    string           `json:"active" doc:"The version that runs; empty: none is approved"`
	Previous  string           `json:"previous" doc:"The version to go back to; empty: none"`
	Problem   string           `json:"problem" doc:"Why it does not run, one sentence; empty: it does"`
	Modified  bool             `json:"modified" doc:"Its program is not the one that was approved; it does not start"`
	Notifiers []string         `json:"notifiers" nullable:"false" doc:"Ids of the notifiers that use it"`
	Versions  []PackageVersion `json:"versions" nullable:"false" doc:"Newest first"`
}

// PackageVersion is one version of a plugin.
type PackageVersion struct {
	Version      string             `json:"version"`
	State        string             `json:"state" enum:"pending,approved,rolled_back"`
	Reason       string             `json:"reason" doc:"Why it was rolled back"`
	Trust        string             `json:"trust" enum:"core,key,local,unsigned"`
	SHA256       string             `json:"sha256" doc:"Of the program for this machine: what is approved"`
	BundleSHA256 string             `json:"bundle_sha256"`
	Signer       string             `json:"signer" doc:"Fingerprint of the key; empty: not signed"`
	SignerName   string             `json:"signer_name" doc:"Of a trusted key"`
	Permissions  []PluginPermission `json:"permissions" nullable:"false"`
	Capabilities []string           `json:"capabilities" nullable:"false"`
	MemoryMB     int                `json:"memory_mb" doc:"It asks for; 0: the usual"`
	Platforms    []string           `json:"platforms" nullable:"false"`
	Homepage     string             `json:"homepage"`
	Licence      string             `json:"licence"`
	InstalledAt  int64              `json:"installed_at" doc:"UTC milliseconds; 0: it came with Nightjar"`
	InstalledBy  string             `json:"installed_by"`
	ApprovedAt   int64              `json:"approved_at" doc:"UTC milliseconds; 0: it was not"`
	ApprovedBy   string             `json:"approved_by"`
}

// PluginPermission is one thing a plugin may do.
type PluginPermission struct {
	Name string `json:"name" doc:"As net.outbound:api.example.com"`
	Text string `json:"text" doc:"For people"`
}

// PluginReview is what there is to decide before a version may run.
type PluginReview struct {
	Plugin        Package            `json:"plugin"`
	Version       PackageVersion     `json:"version"`
	From          string             `json:"from" doc:"The version that runs now; empty: none"`
	Added         []PluginPermission `json:"added" nullable:"false" doc:"Permissions it asks for that the running version has not"`
	Removed       []PluginPermission `json:"removed" nullable:"false"`
	SignerChanged bool               `json:"signer_changed" doc:"The running version is signed by another key"`
}

// PluginApproval names the very program that may run.
type PluginApproval struct {
	SHA256 string `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"As the review showed it"`
}

// PluginSwitch lets a plugin run, or not.
type PluginSwitch struct {
	Enabled bool `json:"enabled"`
}

// PluginSchema is what a plugin can be told.
type PluginSchema struct {
	Plugin string          `json:"plugin"`
	Schema json.RawMessage `json:"schema" doc:"JSON Schema 2020-12 of the settings; secrets carry x-secret"`
}

// PluginKey is a trusted signer.
type PluginKey struct {
	Fingerprint string `json:"fingerprint"`
	Name        string `json:"name"`
	AddedAt     int64  `json:"added_at" doc:"UTC milliseconds"`
	AddedBy     string `json:"added_by"`
}

// PluginKeyRequest puts a signer on the list.
type PluginKeyRequest struct {
	Name      string `json:"name" minLength:"1" maxLength:"64" doc:"Whose key it is"`
	PublicKey string `json:"public_key" minLength:"1" maxLength:"4096" doc:"PEM, the .pub file of nightjar plugin keygen"`
}

// PluginStep is one line of the audit log.
type PluginStep struct {
	Time    int64  `json:"time" doc:"UTC milliseconds"`
	By      string `json:"by"`
	Action  string `json:"action"`
	Plugin  string `json:"plugin"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Detail  string `json:"detail"`
}

// PluginSteps are the newest lines of the audit log, oldest first.
type PluginSteps struct {
	Steps []PluginStep `json:"steps" nullable:"false"`
}

type pluginID struct {
	ID string `path:"id" maxLength:"128"`
}

type pluginVersionID struct {
	ID      string `path:"id" maxLength:"128"`
	Version string `path:"version" maxLength:"64"`
}

func (s *Server) registerPlugins() {
	op := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "plugins", summary: summary, access: accessAdmin, status: status}
	}
	type list struct{ Body PluginList }
	register(s, op("GET", "/plugins", "listPlugins", "Plugins, installed and our own", 0),
		func(ctx context.Context, _ *struct{}) (*list, error) {
			out, err := s.deps.Plugins.Plugins(ctx)
			return &list{Body: out}, err
		})
	type review struct{ Body PluginReview }
	register(s, op("GET", "/plugins/{id}/versions/{version}", "reviewPlugin", "What there is to decide about a version", 0),
		func(ctx context.Context, in *pluginVersionID) (*review, error) {
			out, err := s.deps.Plugins.ReviewPlugin(ctx, in.ID, in.Version)
			return &review{Body: out}, err
		})
	register(s, op("DELETE", "/plugins/{id}/versions/{version}", "removePluginVersion", "Forget a version that is not active", 204),
		func(ctx context.Context, in *pluginVersionID) (*struct{}, error) {
			return nil, s.deps.Plugins.RemovePluginVersion(ctx, in.ID, in.Version, identityOf(ctx).Name)
		})
	register(s, op("DELETE", "/plugins/{id}", "removePlugin", "Remove a plugin that no notifier uses", 204),
		func(ctx context.Context, in *pluginID) (*struct{}, error) {
			return nil, s.deps.Plugins.RemovePlugin(ctx, in.ID, identityOf(ctx).Name)
		})
	type schema struct{ Body PluginSchema }
	register(s, op("GET", "/plugins/{id}/schema", "pluginSchema", "What a plugin can be told", 0),
		func(ctx context.Context, in *pluginID) (*schema, error) {
			out, err := s.deps.Plugins.PluginSchema(ctx, in.ID)
			return &schema{Body: out}, err
		})
	s.registerPluginDecisions()
	s.registerPluginKeys()
	s.registerPluginUpload()
}

// registerPluginDecisions are the steps that change what runs.
func (s *Server) registerPluginDecisions() {
	op := func(method, path, id, summary string) operation {
		return operation{method: method, path: path, id: id, tag: "plugins", summary: summary, access: accessAdmin}
	}
	type output struct{ Body Package }
	type approveInput struct {
		ID      string `path:"id" maxLength:"128"`
		Version string `path:"version" maxLength:"64"`
		Body    PluginApproval
	}
	register(s, op("POST", "/plugins/{id}/versions/{version}/approve", "approvePlugin", "Let exactly this program run, and make it the active version"),
		func(ctx context.Context, in *approveInput) (*output, error) {
			out, err := s.deps.Plugins.ApprovePlugin(ctx, in.ID, in.Version, in.Body.SHA256, identityOf(ctx).Name)
			return &output{Body: out}, err
		})
	type switchInput struct {
		ID   string `path:"id" maxLength:"128"`
		Body PluginSwitch
	}
	register(s, op("PUT", "/plugins/{id}/enabled", "enablePlugin", "Let a plugin run, or not"),
		func(ctx context.Context, in *switchInput) (*output, error) {
			out, err := s.deps.Plugins.EnablePlugin(ctx, in.ID, in.Body.Enabled, identityOf(ctx).Name)
			return &output{Body: out}, err
		})
	register(s, op("POST", "/plugins/{id}/rollback", "rollBackPlugin", "Go back to the version before"),
		func(ctx context.Context, in *pluginID) (*output, error) {
			out, err := s.deps.Plugins.RollBackPlugin(ctx, in.ID, identityOf(ctx).Name)
			return &output{Body: out}, err
		})
	type steps struct{ Body PluginSteps }
	register(s, op("GET", "/plugin-audit", "pluginAudit", "Who installed, approved and removed what: the last 200 steps"),
		func(ctx context.Context, _ *struct{}) (*steps, error) {
			out, err := s.deps.Plugins.PluginAudit(ctx, 200)
			return &steps{Body: PluginSteps{Steps: append([]PluginStep{}, out...)}}, err
		})
}

func (s *Server) registerPluginKeys() {
	type keyInput struct{ Body PluginKeyRequest }
	type output struct{ Body PluginKey }
	register(s, operation{method: "POST", path: "/plugin-keys", id: "addPluginKey", tag: "plugins", summary: "Trust a signer of plugins", access: accessAdmin, status: 201},
		func(ctx context.Context, in *keyInput) (*output, error) {
			out, err := s.deps.Plugins.AddPluginKey(ctx, in.Body.Name, in.Body.PublicKey, identityOf(ctx).Name)
			return &output{Body: out}, err
		})
	type idInput struct {
		Fingerprint string `path:"id" maxLength:"64"`
	}
	register(s, operation{method: "DELETE", path: "/plugin-keys/{id}", id: "removePluginKey", tag: "plugins", summary: "Trust a signer no longer", access: accessAdmin, status: 204},
		func(ctx context.Context, in *idInput) (*struct{}, error) {
			return nil, s.deps.Plugins.RemovePluginKey(ctx, in.Fingerprint, identityOf(ctx).Name)
		})
}

// registerPluginUpload takes a bundle, as the file "bundle" of a form or as the body itself.
func (s *Server) registerPluginUpload() {
	const path = apiBase + "/plugins"
	s.limitBodies(s.bodyLimit)
	s.raw(fiber.MethodPost, path, accessAdmin, func(c *fiber.Ctx) error {
		bundle, err := uploaded(c)
		if err != nil {
			return err
		}
		defer bundle.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // fiber's own never ends
		defer cancel()
		id, _ := c.Locals(identityKey{}).(auth.Identity)
		out, err := s.deps.Plugins.InstallPlugin(ctx, bundle, id.Name)
		if err != nil {
			return err
		}
		return c.Status(fiber.StatusCreated).JSON(out)
	})
	binary := &huma.Schema{Type: "string", Format: "binary"}
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "installPlugin", Method: "POST", Path: path, Tags: []string{"plugins"},
		Summary: "Install a bundle; it runs once a person approved it", Description: "Access: admin. At most 64 MB.",
		Security: []map[string][]string{{"bearer": {}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/gzip":    {Schema: binary},
			"multipart/form-data": {Schema: &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"bundle": binary}, Required: []string{"bundle"}}},
		}},
		Responses: map[string]*huma.Response{"201": {Description: "What there is to decide", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/PluginReview"}},
		}}},
	})
}

// limitBodies adds a rule for how large a request may be, asked before its body is read. The zero answer leaves it to
// the other rules, and to what is usual.
func (s *Server) limitBodies(rule func(*fasthttp.RequestHeader) fasthttp.RequestConfig) {
	before := s.app.Server().HeaderReceived
	s.app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		if c := rule(h); before == nil || c != (fasthttp.RequestConfig{}) {
			return c
		}
		return before(h)
	}
}

// bodyLimit lets an administrator send a bundle, and everybody else what is usual: it is asked before the body is read.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	token, bearer := strings.CutPrefix(string(h.Peek(fiber.HeaderAuthorization)), "Bearer ")
	if !bearer || string(h.Method()) != fiber.MethodPost || !strings.HasSuffix(path, apiBase+"/plugins") {
		return fasthttp.RequestConfig{}
	}
	if id, err := s.deps.Auth.Verify(token); err != nil || id.Role != auth.RoleAdmin {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: maxBundle, ReadTimeout: 5 * time.Minute}
}

func uploaded(c *fiber.Ctx) (io.ReadCloser, error) {
	if !strings.HasPrefix(c.Get(fiber.HeaderContentType), fiber.MIMEMultipartForm) {
		if len(c.Body()) == 0 {
			return nil, errNoBundle
		}
		return io.NopCloser(bytes.NewReader(c.Request().Body())), nil
	}
	file, err := c.FormFile("bundle")
	if err != nil {
		return nil, errNoBundle
	}
	f, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("open uploaded file: %w", err)
	}
	return f, nil
}

var errNoBundle = &nvr.Error{Code: nvr.CodeInvalid, Message: "send the bundle as the body, or as the file \"bundle\" of a form"}
