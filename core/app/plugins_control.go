package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Control speaks to the Nightjar that runs with a configuration on this machine.
type Control struct {
	dir  string
	http *http.Client
}

// NewControl prepares to speak to the Nightjar that runs with cfg. Whether one does is found by the first call.
func NewControl(cfg *config.Config) *Control {
	c := &Control{dir: cfg.ControlPath()}
	c.http = &http.Client{Timeout: time.Minute, Transport: controlTransport{c.dir}}
	return c
}

// controlTransport sends each request over a connection of its own, with the token that was valid when it was made.
type controlTransport struct{ dir string }

// RoundTrip implements http.RoundTripper.
func (t controlTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	conn, token, err := httpapi.DialControl(req.Context(), t.dir)
	if err != nil {
		return nil, err
	}
	once := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return once.RoundTrip(req)
}

// Running reports whether a Nightjar runs with the configuration.
func (c *Control) Running(ctx context.Context) (bool, error) {
	err := c.Call(ctx, http.MethodGet, "/health", nil, nil)
	if errors.Is(err, httpapi.ErrNotRunning) {
		return false, nil
	}
	return err == nil, err
}

// Call asks the API: path is below /api/v1, in becomes the body unless it is nil, the answer goes into out unless that is
// nil. A refusal is an *nvr.Error with the server's own sentence; httpapi.ErrNotRunning: there is no server.
func (c *Control) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://nightjar/api/v1"+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, httpapi.ErrNotRunning) {
			return httpapi.ErrNotRunning
		}
		return fmt.Errorf("ask the running Nightjar: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("read the running Nightjar's answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return refusal(resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the running Nightjar's answer: %w", err)
	}
	return nil
}

func refusal(status int, answer []byte) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(answer, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the running Nightjar answers with status %d", status)
	}
	if p.Detail == "validation failed" {
		var all []string
		for _, e := range p.Errors {
			all = append(all, strings.TrimPrefix(e.Location, "body.")+": "+e.Message)
		}
		p.Detail = strings.Join(all, "; ")
	}
	code := map[int]nvr.Code{404: nvr.CodeNotFound, 409: nvr.CodeConflict, 422: nvr.CodeInvalid, 403: nvr.CodeForbidden, 401: nvr.CodeUnauthorized, 503: nvr.CodeUnavailable}[status]
	if code == "" {
		code = nvr.CodeInternal
	}
	return &nvr.Error{Code: code, Message: p.Detail}
}
