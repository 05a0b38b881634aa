package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	defaultMaxReaders = 64
	maxConnections    = 256
	writeQueue        = 2048 // packets that may wait in one reader's connection
)

// ServerConfig describes the restream.
type ServerConfig struct {
	Listen    string // host:port
	ConfigKey string // the section a person finds these settings in; empty: "rtsp". Errors name it
	// UDPPort is the even port for RTP over UDP; RTCP takes the next. Zero: TCP only.
	UDPPort int
	// Username and Password are asked for by digest. They may be empty only where Listen is a loopback address.
	Username, Password string
	// MaxReaders bounds sessions. Zero means 64.
	MaxReaders int
	// Hub finds the hub for a path without slashes around it, "front/main", or returns nil.
	Hub        func(path string) *media.Hub
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Server re-serves hubs over RTSP. Each reader has its own packets, its own bounded queue and starts at the last key
// frame; one that is slow loses pictures, and no one else does.
type Server struct {
	cfg   ServerConfig
	ready chan struct{}
	once  sync.Once // Run may be called again after it failed
	addr  net.Addr

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // Run's own, for the readers that its callbacks start
	wg      sync.WaitGroup
	readers map[*gortsplib.ServerSession]*reader
	conns   int

	server *gortsplib.Server
	lost   prometheus.Counter
	active prometheus.Gauge
}

// NewServer checks cfg and opens nothing. It refuses to serve without a password on an address others can reach.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.ConfigKey == "" {
		cfg.ConfigKey = "rtsp"
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s.listen %q: want host:port", cfg.ConfigKey, cfg.Listen)
	}
	if (cfg.Password == "" || cfg.Username == "") && !loopback(host) {
		return nil, fmt.Errorf("%s.listen %s can be reached by others: set a user name and a password, or listen on 127.0.0.1", cfg.ConfigKey, cfg.Listen)
	}
	if (cfg.Password == "") != (cfg.Username == "") {
		return nil, errors.New("rtsp: set both username and password, or neither")
	}
	if cfg.UDPPort%2 != 0 {
		return nil, fmt.Errorf("rtsp: UDP port %d must be even", cfg.UDPPort)
	}
	if cfg.MaxReaders <= 0 {
		cfg.MaxReaders = defaultMaxReaders
	}
	s := &Server{
		cfg: cfg, ready: make(chan struct{}), readers: make(map[*gortsplib.ServerSession]*reader),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_rtsp_units_dropped_total", Help: "Pictures and audio frames that RTSP readers were too slow for",
		}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "nvr_rtsp_readers", Help: "RTSP readers now"}),
	}
	if cfg.Registerer != nil {
		for _, c := range []prometheus.Collector{s.lost, s.active} {
			if err := cfg.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("register rtsp metrics: %w", err)
			}
		}
	}
	return s, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Ready is closed when the server listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address listened on, once ready.
func (s *Server) Addr() net.Addr { return s.addr }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	s.server = &gortsplib.Server{
		Handler: (*handler)(s), RTSPAddress: s.cfg.Listen, WriteQueueSize: writeQueue,
		AuthMethods:              []auth.VerifyMethod{auth.VerifyMethodDigestMD5},
		DisableRTCPSenderReports: true, // gortsplib v4 encodes them wrong; see reader.report
		Listen: func(network, address string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
			if err == nil {
				s.addr = l.Addr()
			}
			return l, err
		},
	}
	if s.cfg.UDPPort > 0 {
		host, _, _ := net.SplitHostPort(s.cfg.Listen)
		s.server.UDPRTPAddress = net.JoinHostPort(host, strconv.Itoa(s.cfg.UDPPort))
		s.server.UDPRTCPAddress = net.JoinHostPort(host, strconv.Itoa(s.cfg.UDPPort+1))
	}
	if err := s.server.Start(); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s.listen %s is taken by another program: choose another port: %w", s.cfg.ConfigKey, s.cfg.Listen, err)
		}
		return fmt.Errorf("listen on %s.listen %s: %w", s.cfg.ConfigKey, s.cfg.Listen, err)
	}
	s.once.Do(func() { close(s.ready) })
	ended := make(chan error, 1)
	s.wg.Go(func() { ended <- s.server.Wait() })
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-ended:
		err = fmt.Errorf("serve rtsp: %w", err)
	}
	cancel()
	s.server.Close()
	s.wg.Wait()
	return err
}

// handler is Server as gortsplib calls it.
type handler Server

// OnConnOpen bounds connections, authenticated or not.
func (h *handler) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns++; h.conns > maxConnections {
		ctx.Conn.Close()
	}
}

// OnConnClose is the end of OnConnOpen.
func (h *handler) OnConnClose(*gortsplib.ServerHandlerOnConnCloseCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns--
}

// OnDescribe tells a client what a path carries.
func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	p, _, res, err := h.open(ctx.Conn, ctx.Request, ctx.Path)
	if p == nil {
		return res, nil, err
	}
	sdp, err := p.Session().Marshal(false)
	if err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	return &base.Response{StatusCode: base.StatusOK, Body: sdp}, nil, nil
}

// open checks who asks and finds what a path carries. Without a packetizer, res and err are the answer.
func (h *handler) open(conn *gortsplib.ServerConn, req *base.Request, path string) (p *Packetizer, hub *media.Hub, res *base.Response, err error) {
	if h.cfg.Password != "" && !conn.VerifyCredentials(req, h.cfg.Username, h.cfg.Password) {
		return nil, nil, &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
	}
	if hub = h.cfg.Hub(strings.Trim(path, "/")); hub == nil {
		return nil, nil, &base.Response{StatusCode: base.StatusNotFound}, nil
	}
	desc := hub.Description()
	if desc == nil { // the camera is away
		return nil, nil, &base.Response{StatusCode: base.StatusServiceUnavailable}, nil
	}
	if p, err = NewPacketizer(desc); err != nil {
		return nil, nil, &base.Response{StatusCode: base.StatusInternalServerError}, err
	}
	return p, hub, nil, nil
}

// OnSetup makes the session's reader with its first media.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	h.mu.Lock()
	r, full := h.readers[ctx.Session], len(h.readers) >= h.cfg.MaxReaders
	h.mu.Unlock()
	if r != nil {
		return &base.Response{StatusCode: base.StatusOK}, r.stream, nil
	}
	p, hub, res, err := h.open(ctx.Conn, ctx.Request, ctx.Path)
	if p == nil {
		return res, nil, err
	}
	if full {
		return &base.Response{StatusCode: base.StatusNotEnoughBandwidth}, nil, nil
	}
	r = &reader{
		hub: hub, packets: p, session: ctx.Session, dropped: h.lost, udp: ctx.Transport == gortsplib.TransportUDP,
		log:    h.cfg.Log.With("path", ctx.Path, "client", ctx.Conn.NetConn().RemoteAddr().String()),
		stream: &gortsplib.ServerStream{Server: h.server, Desc: p.Session()},
	}
	if err := r.stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	h.mu.Lock()
	h.readers[ctx.Session] = r
	h.mu.Unlock()
	return &base.Response{StatusCode: base.StatusOK}, r.stream, nil
}

// OnPlay starts the session's reader.
func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.readers[ctx.Session]
	switch {
	case r == nil || h.ctx.Err() != nil:
		return &base.Response{StatusCode: base.StatusBadRequest}, nil
	case r.cancel != nil: // PLAY may be sent twice
		return &base.Response{StatusCode: base.StatusOK}, nil
	}
	r.wanted = ctx.Session.SetuppedMedias()
	var run context.Context
	run, r.cancel = context.WithCancel(h.ctx)
	h.active.Inc()
	h.wg.Go(func() {
		defer h.active.Dec()
		r.run(run)
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose ends the session's reader.
func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	h.mu.Lock()
	r := h.readers[ctx.Session]
	delete(h.readers, ctx.Session)
	if r != nil && r.cancel != nil {
		r.cancel()
	}
	h.mu.Unlock()
	if r != nil {
		r.stream.Close()
	}
}

// OnStreamWriteError hears of a queue that overflowed. The reader itself notices that it is slow; see reader.wait.
func (h *handler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
