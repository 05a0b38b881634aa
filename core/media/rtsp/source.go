package rtsp

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Transport is how RTP travels: inside the RTSP connection, or beside it in UDP packets.
type Transport string

// The transports. TCP loses nothing and passes every router, so it is the default.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

const (
	defaultTimeout     = 9 * time.Second
	defaultDialTimeout = 4 * time.Second
	keyTimeout         = 25 * time.Second // to the first key frame
	watchPeriod        = 250 * time.Millisecond
	udpBuffer          = 2 << 20
)

// SourceConfig describes one session. URL carries no user name or password: those lie beside it, and what the URL has
// all the same is taken over and cut off.
type SourceConfig struct {
	URL       string
	Username  string
	Password  string
	Transport Transport // empty: TCP
	// ConfigKey is where a person finds these settings, "cameras.front.main"; errors name it.
	ConfigKey string
	// Timeout is how long the camera may send no picture, and how long it may take to answer. Zero means 9 s, so that
	// a frozen camera is shown as offline in 10.
	Timeout time.Duration
	// ClockSpeed multiplies the steps of the camera's picture timestamps. It is what an earlier session that ended with
	// KindClock measured (Stats.ClockSpeed); 0 means 1.
	ClockSpeed float64
	// Through, if set, puts something between the session and the hub: it is given where units go and returns where the
	// session shall send them, and what to call at its end. Units may change on the way, in the goroutine that brings them.
	Through func(publish func(*media.AccessUnit)) (through func(*media.AccessUnit), done func())
	// OnOnline, if set, is called once when the first key frame was published. It must not block.
	OnOnline func()
}

// Source is one attempt at one RTSP session. It is used once.
type Source struct {
	cfg SourceConfig
	url *url.URL // without credentials

	mu  sync.Mutex
	asm *assembler
}

// NewSource checks cfg. It connects to nothing.
func NewSource(cfg SourceConfig) (*Source, error) {
	s := &Source{cfg: cfg}
	u, err := url.Parse(cfg.URL)
	// The parser's own error repeats the URL, password included.
	if err != nil || u.Host == "" || u.Scheme != "rtsp" && u.Scheme != "rtsps" {
		return nil, fmt.Errorf("%s.url is not an RTSP address: want rtsp://host:port/path", s.key())
	}
	if u.User != nil {
		if cfg.Username == "" {
			s.cfg.Username = u.User.Username()
			s.cfg.Password, _ = u.User.Password()
		}
		u.User = nil
	}
	switch cfg.Transport {
	case "":
		s.cfg.Transport = TCP
	case TCP, UDP:
	default:
		return nil, fmt.Errorf("%s.transport is %q: want tcp or udp", s.key(), cfg.Transport)
	}
	if cfg.Timeout <= 0 {
		s.cfg.Timeout = defaultTimeout
	}
	s.url = u
	return s, nil
}

// Stats is what a session measured so far.
type Stats struct {
	Online      bool   // a key frame was published
	Pictures    uint64 // received
	Bytes       uint64 // of RTP payload
	Lost        uint64 // RTP packets
	Jumps       uint64 // of the camera's timestamps, corrected
	ClockKnown  bool   // the camera sent a sender report
	ClockOffset time.Duration
	ClockSpeed  float64 // measured when the session ended with KindClock, relative to the configured one; 0: unknown
}

// Stats may be called at any time, from any goroutine. ClockOffset is the camera's wall clock minus ours.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	a := s.asm
	s.mu.Unlock()
	if a == nil {
		return Stats{}
	}
	return Stats{
		Online: a.stats.online.Load(), Pictures: a.stats.pictures.Load(), Bytes: a.stats.bytes.Load(),
		Lost: a.stats.lost.Load(), Jumps: a.stats.jumps.Load(),
		ClockKnown: a.stats.srOffsets.Load(), ClockOffset: time.Duration(a.stats.srOffset.Load()),
		ClockSpeed: math.Float64frombits(a.stats.speed.Load()),
	}
}

// Run holds the session and publishes to hub until ctx ends or the session fails; then it ends the session at the hub
// too. The error is an *Error, or ctx's.
func (s *Source) Run(ctx context.Context, hub *media.Hub) error {
	err := s.run(ctx, hub)
	if ctx.Err() != nil {
		hub.End("stopped")
		return ctx.Err()
	}
	err = s.explain(err)
	hub.End(Reason(err))
	return err
}

func (s *Source) run(ctx context.Context, hub *media.Hub) error {
	client := s.client()
	if err := client.Start2(); err != nil {
		return err
	}
	publish := hub.Publish
	if s.cfg.Through != nil {
		var done func()
		publish, done = s.cfg.Through(publish)
		defer done() // last: nothing publishes any more
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer client.Close()
	stop := make(chan struct{})
	defer close(stop)
	wg.Go(func() {
		select {
		case <-ctx.Done():
			client.Close() // cuts a request that waits for its answer
		case <-stop:
		}
	})

	failed := make(chan *Error, 1)
	if err := s.play(client, publish, failed); err != nil {
		return err
	}
	ended := make(chan error, 1)
	wg.Go(func() { ended <- client.Wait() })
	return s.watch(ctx, failed, ended)
}

// play describes, sets up and starts the session.
func (s *Source) play(client *gortsplib.Client, publish func(*media.AccessUnit), failed chan<- *Error) error {
	target := base.URL(*s.url)
	if s.cfg.Username != "" {
		target.User = url.UserPassword(s.cfg.Username, s.cfg.Password)
	}
	desc, _, err := client.Describe(&target)
	if err != nil {
		return err
	}
	video, audio := choose(desc)
	if video == nil {
		return &Error{Kind: KindNoVideo, Message: "the stream has no H.264, H.265 or AV1 video: change the codec in the camera"}
	}
	a := newAssembler(video, audio, publish, func(e *Error) {
		select {
		case failed <- e:
		default:
		}
	})
	a.tracks[0].line.scale = s.cfg.ClockSpeed
	if s.cfg.OnOnline != nil {
		a.out = onFirst(publish, s.cfg.OnOnline)
	}
	for i, p := range []*pick{video, audio} {
		if p == nil {
			continue
		}
		if _, err := client.Setup(desc.BaseURL, p.media, 0, 0); err != nil {
			return err
		}
		client.OnPacketRTP(p.media, p.format, func(pkt *rtp.Packet) { a.packet(i, pkt) })
	}
	client.OnPacketRTCPAny(func(m *description.Media, pkt rtcp.Packet) {
		if m == video.media {
			a.control(0, pkt)
		} else {
			a.control(1, pkt)
		}
	})
	s.mu.Lock()
	s.asm = a
	s.mu.Unlock()
	_, err = client.Play(nil)
	return err
}

// onFirst calls first once, after the first unit went through publish.
func onFirst(publish func(*media.AccessUnit), first func()) func(*media.AccessUnit) {
	done := false
	return func(u *media.AccessUnit) {
		publish(u)
		if !done {
			done = true
			first()
		}
	}
}

// watch waits for the session's end. RTCP alone keeps a connection alive, so pictures are watched by ourselves.
func (s *Source) watch(ctx context.Context, failed <-chan *Error, ended <-chan error) error {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	a := s.asm
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case err := <-ended:
			return err
		case <-tick.C:
			now := a.since()
			if now-time.Duration(a.stats.lastSeen.Load()) > s.cfg.Timeout {
				if a.stats.pictures.Load() == 0 {
					return &Error{Kind: KindStalled, Message: "the camera accepts the session but sends no picture"}
				}
				return &Error{Kind: KindStalled, Message: fmt.Sprintf("the camera stopped sending pictures %.0f s ago", s.cfg.Timeout.Seconds())}
			}
			if !a.stats.online.Load() && now > max(keyTimeout, s.cfg.Timeout) {
				return &Error{Kind: KindNoKeyFrame, Message: "the camera sends no key frame: shorten its I-frame interval"}
			}
		}
	}
}

func (s *Source) client() *gortsplib.Client {
	transport := gortsplib.TransportTCP
	c := &gortsplib.Client{
		Scheme: s.url.Scheme, Host: s.url.Host,
		ReadTimeout: s.cfg.Timeout + time.Second, // our own watch comes first
		Transport:   &transport,
		UserAgent:   "nightjar",
		DialContext: dial,
		// Loss is counted per track by the assembler; unusable packets show as loss of pictures.
		OnPacketsLost:     func(uint64) {},
		OnDecodeError:     func(error) {},
		OnTransportSwitch: func(error) {},
	}
	if s.cfg.Transport == UDP {
		transport = gortsplib.TransportUDP
		c.UDPReadBufferSize = udpReadBuffer()
	}
	return c
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: defaultDialTimeout}
	return d.DialContext(ctx, network, address)
}

// udpReadBuffer returns the largest receive buffer up to 2 MiB that the kernel grants: asking for more fails, and the
// default loses packets on a busy machine.
func udpReadBuffer() int {
	b, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return 0
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || limit <= 0 {
		return 0
	}
	return min(limit, udpBuffer)
}
