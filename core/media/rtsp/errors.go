package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
)

// Kind classifies why a session could not start or had to end. Its text is a metric label.
type Kind string

// The kinds of failure.
const (
	KindRefused     Kind = "refused"     // nothing listens at the port
	KindUnreachable Kind = "unreachable" // no route, no such host
	KindTimeout     Kind = "timeout"     // the camera did not answer
	KindAuth        Kind = "auth"        // wrong or missing user name or password
	KindNotFound    Kind = "not_found"   // no such path on the camera
	KindBusy        Kind = "busy"        // the camera's session limit
	KindNoVideo     Kind = "no_video"    // nothing in it that we can record
	KindNoKeyFrame  Kind = "no_key_frame"
	KindStalled     Kind = "stalled" // the connection lives, pictures stopped
	KindClosed      Kind = "closed"  // the camera ended the session
	KindClock       Kind = "clock"   // camera time and our time went apart
	KindProtocol    Kind = "protocol"
)

// Settled reports whether trying again soon is pointless, because a person has to change something first or because
// the camera may lock us out. Every other failure heals by itself.
func (k Kind) Settled() bool {
	switch k {
	case KindAuth, KindNotFound, KindNoVideo, KindBusy:
		return true
	default:
		return false
	}
}

// Error is why a session failed. Message is one sentence for a person, with the next step where there is one; it and
// the cause never hold credentials.
type Error struct {
	Kind    Kind
	Message string
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, KindProtocol when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindProtocol
}

// Reason returns the sentence for a person of the first *Error in err's chain, or err's own text.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// explain turns what gortsplib and the network say into an Error. It does not touch an Error that is one already.
func (s *Source) explain(err error) error {
	var ours *Error
	if errors.As(err, &ours) {
		return err
	}
	var status liberrors.ErrClientBadStatusCode
	if errors.As(err, &status) {
		return s.explainStatus(status)
	}
	kind, message := s.explainNetwork(err)
	if kind == "" {
		kind, message = s.explainProtocol(err)
	}
	return &Error{Kind: kind, Message: message, Err: err}
}

func (s *Source) explainStatus(err liberrors.ErrClientBadStatusCode) error {
	e := &Error{Err: err}
	switch err.Code {
	case base.StatusUnauthorized, base.StatusForbidden:
		e.Kind = KindAuth
		if s.cfg.Username == "" {
			e.Message = fmt.Sprintf("the camera asks for a user name and password: set %s.username and password", s.key())
		} else {
			e.Message = fmt.Sprintf("the camera refused the user name or password: check %s.username and password", s.key())
		}
	case base.StatusNotFound, base.StatusSessionNotFound, base.StatusBadRequest, base.StatusNotAcceptable:
		e.Kind = KindNotFound
		e.Message = fmt.Sprintf("the camera has no stream at %q: check the path in %s.url", s.url.Path, s.key())
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		e.Kind = KindBusy
		e.Message = "the camera serves as many viewers as it can: close other connections to it"
	case base.StatusUnsupportedTransport:
		e.Kind = KindProtocol
		e.Message = fmt.Sprintf("the camera refuses this transport: change %s.transport to tcp or udp", s.key())
	default:
		e.Kind = KindProtocol
		e.Message = fmt.Sprintf("the camera answered with status %d", err.Code)
	}
	return e
}

func (s *Source) explainNetwork(err error) (Kind, string) {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return KindUnreachable, fmt.Sprintf("the host name %s is unknown: check %s.url", s.url.Hostname(), s.key())
	case errors.Is(err, syscall.ECONNREFUSED):
		return KindRefused, fmt.Sprintf("connection refused at %s: is RTSP switched on in the camera, and is the port right?", s.address())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTDOWN):
		return KindUnreachable, fmt.Sprintf("no route to %s: is the camera on and in this network?", s.address())
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return KindTimeout, fmt.Sprintf("no answer from %s: is the camera on?", s.address())
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return KindClosed, "the camera closed the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return KindTimeout, fmt.Sprintf("no answer from %s: is the camera on?", s.address())
	}
	return "", ""
}

func (s *Source) explainProtocol(err error) (Kind, string) {
	var (
		timedOut  liberrors.ErrClientRequestTimedOut
		tcpStall  liberrors.ErrClientTCPTimeout
		udpStall  liberrors.ErrClientUDPTimeout
		sdp       liberrors.ErrClientSDPInvalid
		authSetup liberrors.ErrClientAuthSetup
		cert      *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &timedOut):
		return KindTimeout, s.address() + " accepts connections but does not answer RTSP: restart the camera, or check the port"
	case errors.As(err, &tcpStall), errors.As(err, &udpStall):
		return KindStalled, "the camera stopped sending pictures"
	case errors.As(err, &sdp):
		return KindProtocol, "the camera describes its stream in a way that cannot be read"
	case errors.As(err, &authSetup):
		return KindAuth, "the camera offers no way to log in that is supported"
	case errors.As(err, &cert):
		return KindProtocol, "the camera's TLS certificate is not valid"
	}
	return KindProtocol, "the camera does not speak RTSP as expected"
}

// key names the place in the configuration where this stream is described.
func (s *Source) key() string {
	if s.cfg.ConfigKey == "" {
		return "the camera"
	}
	return s.cfg.ConfigKey
}

func (s *Source) address() string {
	port := s.url.Port()
	if port == "" {
		port = "554"
		if s.url.Scheme == "rtsps" {
			port = "322"
		}
	}
	return net.JoinHostPort(s.url.Hostname(), port)
}
