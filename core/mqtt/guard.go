package mqtt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

const (
	maxPacket = 256 << 10 // bytes of one packet from the broker; nothing we subscribe to needs as much

	packetConnack = 2
	packetPublish = 3
	packetSuback  = 9
)

// guard is a connection that reads MQTT framing ahead of paho, which would allocate whatever size a packet announces
// (up to 256 MiB), index past its own list for a SUBACK that is too long, and take an unknown CONNACK code for
// success. Oversized messages are skipped and counted; what else is impossible ends the connection.
type guard struct {
	net.Conn
	r       *bufio.Reader
	header  []byte // of the current packet, not yet handed on
	left    int    // body bytes of the current packet, not yet handed on
	skipped *atomic.Uint64
}

func newGuard(c net.Conn, skipped *atomic.Uint64) *guard {
	return &guard{Conn: c, r: bufio.NewReader(c), skipped: skipped}
}

// Read hands on whole, checked packets.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(g.header) == 0 && g.left == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.header) > 0 {
		n := copy(p, g.header)
		g.header = g.header[n:]
		return n, nil
	}
	n, err := g.r.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// next reads the fixed header of the next packet and decides what becomes of it.
func (g *guard) next() error {
	first, err := g.r.ReadByte()
	if err != nil {
		return err
	}
	header := []byte{first}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return errors.New("broker sent a malformed packet length")
		}
		b, err := g.r.ReadByte()
		if err != nil {
			return err
		}
		header = append(header, b)
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
	}
	kind := first >> 4
	if kind == packetPublish && length > maxPacket {
		g.skipped.Add(1)
		_, err := io.CopyN(io.Discard, g.r, int64(length))
		return err
	}
	if err := g.check(kind, length); err != nil {
		return err
	}
	g.header, g.left = header, length
	return nil
}

func (g *guard) check(kind byte, length int) error {
	switch {
	case kind == packetSuback && length != 3: // we subscribe to one topic at a time
		return fmt.Errorf("broker sent a SUBACK of %d bytes for one subscription", length)
	case kind == packetConnack:
		if length != 2 {
			return fmt.Errorf("broker sent a CONNACK of %d bytes", length)
		}
		body, err := g.r.Peek(2)
		if err != nil {
			return err
		}
		if body[1] > 5 {
			return fmt.Errorf("broker refused the connection with code %d", body[1])
		}
	case kind != packetPublish && length > 64:
		return fmt.Errorf("broker sent a packet of type %d with %d bytes", kind, length)
	}
	return nil
}
