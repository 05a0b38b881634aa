package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

// Config describes the demo camera.
type Config struct {
	// Listen is where RTSP is served. Without a user name and password only loopback addresses are accepted.
	Listen             string
	Username, Password string
	// Main and Sub are MP4 files to loop. Main alone serves both roles; without any the street scene is drawn, for
	// which ffmpeg must be installed.
	Main, Sub string
	Log       *slog.Logger
}

// Server is the demo camera.
type Server struct {
	cfg       Config
	ffmpeg    string
	main, sub *media.Hub
	rtsp      *rtsp.Server
	ready     chan struct{}
	pictures  sync.Once
}

// New checks cfg: the files can be played, or ffmpeg is there to encode the drawn scene. It starts nothing.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, main: media.NewHub(), ready: make(chan struct{})}
	s.sub = s.main
	switch {
	case cfg.Main == "" && cfg.Sub != "":
		return nil, errors.New("demo: a file for the sub stream needs one for the main stream")
	case cfg.Main == "":
		path, err := exec.LookPath("ffmpeg")
		if err != nil {
			return nil, errors.New("demo: the drawn scene needs ffmpeg: install the ffmpeg package, or name a video file")
		}
		s.ffmpeg, s.sub = path, media.NewHub()
	default:
		for _, f := range []string{cfg.Main, cfg.Sub} {
			if f == "" {
				continue
			}
			c, err := OpenClip(f)
			if err != nil {
				return nil, fmt.Errorf("demo: %w", err)
			}
			_ = c.Close()
		}
		if cfg.Sub != "" && cfg.Sub != cfg.Main {
			s.sub = media.NewHub()
		}
	}
	server, err := rtsp.NewServer(rtsp.ServerConfig{
		Listen: cfg.Listen, ConfigKey: "demo", Username: cfg.Username, Password: cfg.Password, Hub: s.hub, Log: cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare demo camera: %w", err)
	}
	s.rtsp = server
	return s, nil
}

func (s *Server) hub(path string) *media.Hub {
	switch path {
	case "main":
		return s.main
	case "sub":
		return s.sub
	}
	return nil
}

// Ready is closed when the camera can be reached and both streams have a picture: before that it answers "no stream".
func (s *Server) Ready() <-chan struct{} { return s.ready }

// await closes ready once the server listens and each stream has begun.
func (s *Server) await(ctx context.Context) {
	for _, hub := range []*media.Hub{s.main, s.sub} {
		r := hub.Subscribe(media.ReaderOptions{Capacity: 64, Burst: true})
		_, err := r.Read(ctx)
		r.Close()
		if err != nil {
			return
		}
	}
	select {
	case <-ctx.Done():
	case <-s.rtsp.Ready():
		s.pictures.Do(func() { close(s.ready) })
	}
}

// URLs returns the addresses of the two streams, without credentials. With port 0 they are known once ready.
func (s *Server) URLs() (main, sub string) {
	address := s.cfg.Listen
	if _, port, _ := net.SplitHostPort(address); port == "0" && s.rtsp.Addr() != nil {
		address = s.rtsp.Addr().String()
	}
	base := "rtsp://" + address
	return base + "/main", base + "/sub"
}

// Run serves until ctx ends or the address cannot be listened on. A source that breaks is started again.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		backoff := lifecycle.Backoff{Min: time.Second, Max: 30 * time.Second, Factor: 2, Jitter: 0.2, Reset: 30 * time.Second}
		_ = lifecycle.Keepalive(ctx, backoff, s.feed, func(f lifecycle.Failure) {
			s.main.End("the demo source broke")
			s.sub.End("the demo source broke")
			s.cfg.Log.Warn("demo source restarts", "err", f.Err, "retry_in", f.Pause)
		})
	})
	wg.Go(func() { s.await(ctx) })
	return s.rtsp.Run(ctx)
}

// feed is one attempt at filling the hubs.
func (s *Server) feed(ctx context.Context) error {
	if s.ffmpeg != "" {
		return s.drawn(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now()
	files := map[string]*media.Hub{s.cfg.Main: s.main}
	if s.cfg.Sub != "" && s.cfg.Sub != s.cfg.Main {
		files[s.cfg.Sub] = s.sub
	}
	ended := make(chan error, len(files))
	var wg sync.WaitGroup
	defer wg.Wait()
	for path, hub := range files {
		wg.Go(func() { ended <- playFile(ctx, path, begin, hub) })
	}
	err := <-ended
	cancel()
	return err
}

func playFile(ctx context.Context, path string, begin time.Time, hub *media.Hub) error {
	c, err := OpenClip(path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Play(ctx, begin, hub.Publish)
}
