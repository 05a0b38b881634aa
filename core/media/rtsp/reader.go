package rtsp

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	readerCapacity = 1024 // units
	reportPeriod   = 5 * time.Second
	pollPeriod     = 5 * time.Millisecond
	activateWithin = 10 * time.Second

	// udpPace spreads a burst over UDP: a client's receive buffer holds some hundred packets.
	udpPace = 150 * time.Microsecond
)

// reader feeds one RTSP session from a hub.
type reader struct {
	hub     *media.Hub
	packets *Packetizer
	session *gortsplib.ServerSession
	stream  *gortsplib.ServerStream
	dropped prometheus.Counter
	udp     bool
	log     *slog.Logger
	cancel  context.CancelFunc   // set by OnPlay, as is
	wanted  []*description.Media // what the client set up

	active   bool
	pushed   uint64 // packets given to gortsplib
	sent     uint64 // of those, known to have left
	sentUDP  time.Time
	reported []time.Time // last sender report of each track
	octets   []uint32
	count    []uint32
}

// run sends until the session ends, the camera does, or what it sends no longer fits the session.
func (r *reader) run(ctx context.Context) {
	n := len(r.packets.Session().Medias)
	r.reported, r.octets, r.count = make([]time.Time, n), make([]uint32, n), make([]uint32, n)
	defer r.session.Close()
	sub := r.hub.Subscribe(media.ReaderOptions{Capacity: readerCapacity, Burst: true, DropQueued: true})
	defer sub.Close()
	var lost uint64
	var said time.Time
	for {
		units, err := sub.Read(ctx)
		if err != nil {
			return
		}
		if d := sub.Dropped(); d > lost {
			r.dropped.Add(float64(d - lost))
			if time.Since(said) >= time.Second {
				said = time.Now()
				r.log.Warn("rtsp reader is slow", "units_dropped", d-lost)
			}
			lost = d
		}
		for _, u := range units {
			if u.End() || !r.packets.Fits(u.Desc) || !r.send(ctx, u) {
				return
			}
		}
	}
}

// send writes one unit. It returns false when the session is over.
func (r *reader) send(ctx context.Context, u *media.AccessUnit) bool {
	m := r.packets.Media(u.Track)
	if m == nil || !slices.Contains(r.wanted, m) {
		return true
	}
	pkts, err := r.packets.Packets(u)
	if err != nil {
		return true // a frame that RTP cannot carry is left out
	}
	if !r.wait(ctx, len(pkts)) {
		return false
	}
	for _, pkt := range pkts {
		if !r.active {
			if !r.activate(ctx, u, pkt) {
				return false
			}
		} else if err := r.stream.WritePacketRTPWithNTP(m, pkt, u.NTP); err != nil {
			return false
		}
		r.pushed++
		r.count[u.Track]++
		r.octets[u.Track] += uint32(len(pkt.Payload))
	}
	return r.report(u) && r.pace(ctx, len(pkts))
}

// activate sends the session's first packet once the client's PLAY is answered: before, packets go nowhere, and the
// first is a key frame's. The only sign of it is that a packet was taken, so it is offered until it is.
func (r *reader) activate(ctx context.Context, u *media.AccessUnit, first *rtp.Packet) bool {
	deadline := time.Now().Add(activateWithin)
	for time.Now().Before(deadline) {
		if err := r.stream.WritePacketRTPWithNTP(r.packets.Media(u.Track), first, u.NTP); err != nil {
			return false
		}
		if r.stream.Stats().RTPPacketsSent > 0 {
			r.active = true
			return true
		}
		if !pause(ctx, pollPeriod) {
			return false
		}
	}
	return false
}

// wait holds until n more packets fit into the connection's queue. Meanwhile units wait at the hub, and what does not
// fit there is lost up to the next key frame: a slow client sees fewer pictures, never broken ones.
func (r *reader) wait(ctx context.Context, n int) bool {
	for r.pushed-r.sent+uint64(n) > writeQueue*3/4 && r.pushed > r.sent {
		r.sent = r.session.Stats().RTPPacketsSent
		if r.pushed-r.sent+uint64(n) <= writeQueue*3/4 {
			break
		}
		if !pause(ctx, pollPeriod) {
			return false
		}
	}
	return true
}

// pace spreads packets over UDP, where the network does not push back.
func (r *reader) pace(ctx context.Context, n int) bool {
	if !r.udp {
		return true
	}
	now := time.Now()
	if r.sentUDP.Before(now) {
		r.sentUDP = now
	}
	r.sentUDP = r.sentUDP.Add(time.Duration(n) * udpPace)
	if ahead := r.sentUDP.Sub(now); ahead > pollPeriod {
		return pause(ctx, ahead)
	}
	return true
}

// report sends a sender report with the unit's wall time at the first unit of a track and every 5 s.
func (r *reader) report(u *media.AccessUnit) bool {
	if time.Since(r.reported[u.Track]) < reportPeriod {
		return true
	}
	r.reported[u.Track] = time.Now()
	m := r.packets.Media(u.Track)
	stats := r.stream.Stats().Medias[m].Formats[m.Formats[0]]
	sr := &rtcp.SenderReport{
		SSRC: stats.LocalSSRC, NTPTime: NTPTimestamp(u.NTP), RTPTime: r.packets.RTPTime(u),
		PacketCount: r.count[u.Track], OctetCount: r.octets[u.Track],
	}
	return r.stream.WritePacketRTCP(m, sr) == nil
}

// NTPTimestamp encodes t as a sender report carries it; the inverse of what Source decodes.
func NTPTimestamp(t time.Time) uint64 {
	seconds, nanos := uint64(t.Unix()+ntpEpoch), uint64(t.Nanosecond())
	return seconds<<32 | (nanos<<32+5e8)/1e9
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
