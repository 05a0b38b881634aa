package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	sockets  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "nvr_http_requests_total", Help: "Requests by status class."}, []string{"status"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "nvr_http_request_seconds", Help: "Time to answer.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 7)}),
		sockets:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "nvr_http_sockets", Help: "Open WebSockets."}),
	}
	r.MustRegister(m.requests, m.seconds, m.sockets)
	return m
}

func (s *Server) countRequest(c *fiber.Ctx) error {
	start := time.Now()
	err := c.Next()
	if err != nil {
		// Answer here, so that the status is known and counted.
		err = s.fiberError(c, err)
	}
	s.metrics.requests.WithLabelValues(strconv.Itoa(c.Response().StatusCode()/100) + "xx").Inc()
	s.metrics.seconds.Observe(time.Since(start).Seconds())
	return err
}

func (s *Server) serveMetrics(c *fiber.Ctx) error {
	h := fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(s.deps.Gatherer, promhttp.HandlerOpts{}))
	h(c.Context())
	return nil
}

// stripPrefix lets a reverse proxy pass the mounted path on as it is.
func (s *Server) stripPrefix(c *fiber.Ctx) error {
	if p := s.opts.PathPrefix; p != "" {
		if rest, ok := strings.CutPrefix(c.Path(), p); ok && (rest == "" || rest[0] == '/') {
			if rest == "" {
				return c.Redirect(p+"/", fiber.StatusPermanentRedirect)
			}
			c.Path(rest)
		}
	}
	return c.Next()
}

func securityHeaders(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(c.Path(), "/api/") {
		c.Set(fiber.HeaderCacheControl, "no-store")
	}
	return c.Next()
}

// compressible tells JSON and playlists from media, sockets and the UI's files, which come compressed.
func compressible(path string) bool {
	return strings.HasPrefix(path, "/api/v1/") && !strings.HasSuffix(path, ".jpg") && !strings.HasSuffix(path, ".m4s") &&
		!strings.HasSuffix(path, ".mp4") && !strings.HasSuffix(path, "/live") && path != "/api/v1/ws"
}
