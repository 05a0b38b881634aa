package httpapi

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

var statusOf = map[nvr.Code]int{
	nvr.CodeInvalid: 422, nvr.CodeNotFound: 404, nvr.CodeConflict: 409, nvr.CodeUnauthorized: 401,
	nvr.CodeForbidden: 403, nvr.CodeTooMany: 429, nvr.CodeUnavailable: 503, nvr.CodeInternal: 500,
}

// problem is RFC 9457's document. Causes stay in our log.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// problemOf maps an error to what the caller may read of it.
func problemOf(err error) problem {
	var domain *nvr.Error
	var fe *fiber.Error
	switch {
	case errors.As(err, &domain):
		status := statusOf[domain.Code]
		if status == 0 {
			status = 500
		}
		return problem{Type: "about:blank", Title: string(domain.Code), Status: status, Detail: domain.Message}
	case errors.Is(err, fiber.ErrRequestEntityTooLarge):
		return problem{Type: "about:blank", Title: string(nvr.CodeInvalid), Status: 413, Detail: "what was sent is larger than is taken here; send a smaller file"}
	case errors.As(err, &fe):
		return problem{Type: "about:blank", Title: "http", Status: fe.Code, Detail: fe.Message}
	case errors.Is(err, context.DeadlineExceeded):
		return problem{Type: "about:blank", Title: string(nvr.CodeUnavailable), Status: 503, Detail: "this took too long; the database may be busy or away, try again"}
	}
	return problem{Type: "about:blank", Title: string(nvr.CodeInternal), Status: 500, Detail: "something went wrong on the server; its log says what"}
}

// fiberError answers for raw handlers.
func (s *Server) fiberError(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	if p.Status >= 500 {
		s.deps.Log.Error("request failed", "method", c.Method(), "path", c.Path(), "err", err)
	}
	body, merr := json.Marshal(p)
	if merr != nil {
		return merr
	}
	c.Status(p.Status).Response().SetBodyRaw(body)
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return nil
}

// writeProblem answers for huma middleware.
func writeProblem(ctx huma.Context, err error) {
	p := problemOf(err)
	body, _ := json.Marshal(p) // strings and an int cannot fail
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	_, _ = ctx.BodyWriter().Write(body)
}

// fail turns an error of a dependency into huma's, logging what the caller must not see.
func (s *Server) fail(op string, err error) error {
	p := problemOf(err)
	if p.Status >= 500 {
		s.deps.Log.Error("operation failed", "operation", op, "err", err)
	}
	return huma.NewError(p.Status, p.Detail, fieldsOf(err)...)
}

// FormError is an error of a form: what is wrong with which field.
type FormError struct {
	Cause  *nvr.Error
	Fields []FieldError
}

// Error implements error.
func (e *FormError) Error() string { return e.Cause.Error() }

// Unwrap makes the domain error found.
func (e *FormError) Unwrap() error { return e.Cause }

// FieldError is one field.
type FieldError struct {
	Path    string // below the body, as settings.url
	Message string // one sentence for a person
}

func fieldsOf(err error) []error {
	var fe *FormError
	if !errors.As(err, &fe) {
		return nil
	}
	out := make([]error, len(fe.Fields))
	for i, f := range fe.Fields {
		out[i] = &huma.ErrorDetail{Location: "body." + f.Path, Message: f.Message}
	}
	return out
}
