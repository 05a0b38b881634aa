// Package fakecamera is a camera for tests: a real RTSP server on a loopback port that plays a clip in real time and
// misbehaves on request. It shares the clip reader with core/demo and the packets with core/media/rtsp; the server
// side is its own, because a real camera starts viewers in the middle of a group of pictures.
package fakecamera

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

// Config describes a camera.
type Config struct {
	// Streams maps a path without slashes, "main", to an MP4 file.
	Streams map[string]string
	// Username and Password are asked for by digest where set; Basic asks without hashing.
	Username, Password string
	Basic              bool
	// Reports sends a sender report per second and track. ClockOffset is the camera's wall clock minus ours.
	Reports     bool
	ClockOffset time.Duration
	// Tone adds a G.711 audio track ("pcma" or "pcmu") to clips without audio.
	Tone media.Codec
	// BareSDP leaves parameter sets out of the session description: they come in the stream only.
	BareSDP bool
	UDP     bool // offers RTP over UDP too
}

// Camera is a running camera. Its methods may be called from any goroutine.
type Camera struct {
	tb   testing.TB
	cfg  Config
	addr string

	mu      sync.Mutex
	server  *gortsplib.Server
	conns   map[*gortsplib.ServerConn]struct{}
	streams map[string]*stream
	cancel  context.CancelFunc
	wg      *sync.WaitGroup

	frozen  bool
	loss    float64
	lose    int
	garbage bool
	jump    time.Duration
	played  int // sessions that reached PLAY
}

type stream struct {
	clip    *demo.Clip
	next    *demo.Clip // to switch to
	packets *rtsp.Packetizer
	out     *gortsplib.ServerStream
	random  *rand.Rand
	seq     []uint16 // of each track, counted here so that lost packets leave holes
	seqSet  []bool
	report  []time.Time
	round   context.CancelFunc
}

// Start runs a camera until the test ends.
func Start(tb testing.TB, cfg Config) *Camera {
	tb.Helper()
	c := &Camera{tb: tb, cfg: cfg, addr: "127.0.0.1:0"}
	c.Restart()
	tb.Cleanup(c.Stop)
	return c
}

// URL returns the address of a stream, without credentials.
func (c *Camera) URL(path string) string { return "rtsp://" + c.addr + "/" + path }

// Stop takes the camera off the network: connections break and new ones are refused.
func (c *Camera) Stop() {
	c.mu.Lock()
	server, cancel, wg := c.server, c.cancel, c.wg
	c.server = nil
	c.mu.Unlock()
	if server == nil {
		return
	}
	cancel()
	wg.Wait()
	server.Close()
	for _, s := range c.streams {
		s.out.Close()
		_ = s.clip.Close()
	}
}

// Restart brings a stopped camera back at the same address.
func (c *Camera) Restart() {
	c.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server := &gortsplib.Server{
		Handler: (*handler)(c), RTSPAddress: c.addr, DisableRTCPSenderReports: true, WriteQueueSize: 4096,
		AuthMethods: []auth.VerifyMethod{auth.VerifyMethodDigestMD5},
		Listen: func(network, address string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
			if err == nil {
				c.addr = l.Addr().String()
			}
			return l, err
		},
	}
	if c.cfg.Basic {
		server.AuthMethods = []auth.VerifyMethod{auth.VerifyMethodBasic}
	}
	c.listen(server)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.cancel, c.wg = server, cancel, &sync.WaitGroup{}
	c.conns = make(map[*gortsplib.ServerConn]struct{})
	c.streams = make(map[string]*stream)
	c.frozen, c.loss, c.lose, c.garbage, c.jump = false, 0, 0, false, 0
	for path, file := range c.cfg.Streams {
		s := c.open(server, file)
		c.streams[path] = s
		c.wg.Go(func() { c.play(ctx, s) })
	}
}

// listen starts the server; for UDP it looks for a free pair of ports.
func (c *Camera) listen(server *gortsplib.Server) {
	c.tb.Helper()
	var err error
	for range 20 {
		if c.cfg.UDP {
			port := 20000 + 2*rand.IntN(10000)
			server.UDPRTPAddress = (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
			server.UDPRTCPAddress = (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1}).String()
		}
		if err = server.Start(); err == nil {
			return
		}
	}
	c.tb.Fatalf("start fake camera: %v", err)
}

func (c *Camera) open(server *gortsplib.Server, file string) *stream {
	c.tb.Helper()
	clip, err := demo.OpenClip(file)
	if err != nil {
		c.tb.Fatal(err)
	}
	desc := *clip.Desc
	if c.cfg.Tone != "" && desc.AudioTrack() < 0 {
		desc.Tracks = append(desc.Tracks[:1:1], media.Track{Codec: c.cfg.Tone, ClockRate: 8000, SampleRate: 8000, Channels: 1})
	}
	described := media.Description{Tracks: append([]media.Track(nil), desc.Tracks...)}
	if c.cfg.BareSDP {
		described.Tracks[0].VPS, described.Tracks[0].SPS, described.Tracks[0].PPS = nil, nil, nil
	}
	p, err := rtsp.NewPacketizer(&described)
	if err != nil {
		c.tb.Fatal(err)
	}
	n := len(desc.Tracks)
	s := &stream{
		clip: clip, packets: p, random: rand.New(rand.NewPCG(1, 2)),
		seq: make([]uint16, n), seqSet: make([]bool, n), report: make([]time.Time, n),
		out: &gortsplib.ServerStream{Server: server, Desc: p.Session()},
	}
	if err := s.out.Initialize(); err != nil {
		c.tb.Fatal(err)
	}
	return s
}

// play sends the clip, and after a Switch the next one, on one timeline.
func (c *Camera) play(ctx context.Context, s *stream) {
	begin := time.Now()
	shift := time.Duration(0)
	for ctx.Err() == nil {
		round, cancel := context.WithCancel(ctx)
		c.mu.Lock()
		if s.next != nil {
			_ = s.clip.Close()
			s.clip, s.next = s.next, nil
		}
		s.round = cancel
		clip := s.clip
		c.mu.Unlock()
		var wg sync.WaitGroup
		if c.cfg.Tone != "" && clip.Desc.AudioTrack() < 0 {
			wg.Go(func() { c.tone(round, s, begin, shift) })
		}
		err := clip.Play(round, begin.Add(shift), func(u *media.AccessUnit) { c.send(s, u, shift) })
		cancel()
		wg.Wait()
		if ctx.Err() == nil && round.Err() == nil {
			c.tb.Errorf("fake camera: %v", err)
			return
		}
		shift = time.Since(begin)
	}
}

// tone plays G.711 silence in packets of 20 ms.
func (c *Camera) tone(ctx context.Context, s *stream, begin time.Time, shift time.Duration) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	frame := make([]byte, 160)
	for i := range frame {
		frame[i] = 0xD5
	}
	for n := int64(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := time.Duration(n) * 20 * time.Millisecond
		c.send(s, &media.AccessUnit{
			Desc: s.clip.Desc, Track: 1, PTS: n * 160, Key: true, Payload: [][]byte{frame}, NTP: begin.Add(shift + at),
		}, shift)
	}
}

// send packetises one unit and does to the packets what the test asked for. shift moves it to its place after clips
// that were played before.
func (c *Camera) send(s *stream, u *media.AccessUnit, shift time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen || c.server == nil {
		return
	}
	rate := int64(90000)
	if u.Track > 0 {
		rate = int64(s.packets.Media(u.Track).Formats[0].ClockRate())
	}
	ticks := int64((shift + c.jump).Seconds() * float64(rate))
	moved := *u
	moved.PTS += ticks
	if moved.Track > 0 && len(moved.Desc.Tracks) < 2 {
		moved.Desc = &media.Description{Tracks: append(moved.Desc.Tracks[:1:1], media.Track{})}
	}
	pkts, err := s.packets.Packets(&moved)
	if err != nil {
		c.tb.Errorf("fake camera: %v", err)
		return
	}
	m := s.packets.Media(u.Track)
	for _, pkt := range pkts {
		if !s.seqSet[u.Track] {
			s.seqSet[u.Track], s.seq[u.Track] = true, pkt.SequenceNumber
		}
		pkt.SequenceNumber = s.seq[u.Track]
		s.seq[u.Track]++
		if c.lost(s) {
			continue
		}
		if c.garbage {
			c.spoil(s, pkt)
		}
		if s.out.WritePacketRTP(m, pkt) != nil {
			return
		}
	}
	c.sendReport(s, u, &moved)
}

func (c *Camera) lost(s *stream) bool {
	if c.lose > 0 {
		c.lose--
		return true
	}
	return c.loss > 0 && s.random.Float64() < c.loss
}

// spoil overwrites a payload with noise of any length.
func (c *Camera) spoil(s *stream, pkt *rtp.Packet) {
	pkt.Payload = make([]byte, s.random.IntN(1200))
	for i := range pkt.Payload {
		pkt.Payload[i] = byte(s.random.Uint32())
	}
}

func (c *Camera) sendReport(s *stream, u, moved *media.AccessUnit) {
	if !c.cfg.Reports || time.Since(s.report[u.Track]) < time.Second {
		return
	}
	s.report[u.Track] = time.Now()
	m := s.packets.Media(u.Track)
	_ = s.out.WritePacketRTCP(m, &rtcp.SenderReport{
		SSRC: s.out.Stats().Medias[m].Formats[m.Formats[0]].LocalSSRC,
		// The time the camera captured this unit, by its own clock.
		NTPTime: rtsp.NTPTimestamp(u.NTP.Add(c.cfg.ClockOffset)), RTPTime: s.packets.RTPTime(moved),
	})
}

func (c *Camera) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// Freeze stops (or resumes) sending while connections stay open.
func (c *Camera) Freeze(on bool) { c.do(func() { c.frozen = on }) }

// Lose drops this share of packets, 0..1.
func (c *Camera) Lose(share float64) { c.do(func() { c.loss = share }) }

// LoseNext drops the next n packets.
func (c *Camera) LoseNext(n int) { c.do(func() { c.lose = n }) }

// Garbage fills packets with noise.
func (c *Camera) Garbage(on bool) { c.do(func() { c.garbage = on }) }

// Jump moves the camera's RTP clock by d from now on.
func (c *Camera) Jump(d time.Duration) { c.do(func() { c.jump += d }) }

// Drop breaks all connections; new ones are accepted.
func (c *Camera) Drop() {
	c.do(func() {
		for conn := range c.conns {
			_ = conn.NetConn().Close()
		}
	})
}

// Switch plays another file on path from now on, in the same sessions: a change of resolution.
func (c *Camera) Switch(path, file string) {
	c.tb.Helper()
	clip, err := demo.OpenClip(file)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.do(func() {
		s := c.streams[path]
		s.next = clip
		s.round()
	})
}

// Sessions returns how many sessions reached PLAY since the camera was made.
func (c *Camera) Sessions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.played
}

type handler Camera

func (h *handler) camera() *Camera { return (*Camera)(h) }

// OnConnOpen keeps the connection for Drop.
func (h *handler) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	h.camera().do(func() { h.conns[ctx.Conn] = struct{}{} })
}

// OnConnClose forgets it.
func (h *handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	h.camera().do(func() { delete(h.conns, ctx.Conn) })
}

// OnDescribe answers DESCRIBE.
func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return h.find(ctx.Conn, ctx.Request, ctx.Path)
}

// OnSetup answers SETUP.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return h.find(ctx.Conn, ctx.Request, ctx.Path)
}

func (h *handler) find(conn *gortsplib.ServerConn, req *base.Request, path string) (*base.Response, *gortsplib.ServerStream, error) {
	if h.cfg.Username != "" && !conn.VerifyCredentials(req, h.cfg.Username, h.cfg.Password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	var s *stream
	h.camera().do(func() { s = h.streams[path[1:]] })
	if s == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, s.out, nil
}

// OnPlay answers PLAY.
func (h *handler) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	h.camera().do(func() { h.played++ })
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnStreamWriteError hears of viewers that are slower than real time.
func (h *handler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
