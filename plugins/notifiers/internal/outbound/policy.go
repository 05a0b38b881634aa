// Package outbound is how the first-party notifiers reach the world: which addresses they may dial, how much of an
// answer they read, and what the usual failures and answers of HTTP mean for a delivery. It sends nothing by itself
// and knows no channel.
package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Refusals of a dial. They name no address, because an address may come from a stranger.
var (
	ErrLinkLocal = errors.New("address is link-local or a cloud's metadata service; allow_link_local permits it where a notifier has that setting")
	ErrPrivate   = errors.New("address is in a private network; allow_private permits it")
)

// Policy says which addresses may be dialled beyond the public Internet. The zero value is the strict one, for
// addresses that somebody else than the administrator chose.
type Policy struct {
	Private   bool // loopback, private and carrier-grade networks: where the servers of a home are
	LinkLocal bool // link-local, multicast and the metadata services of clouds
}

// Check tells whether ip may be dialled.
func (p Policy) Check(ip netip.Addr) error {
	ip = embedded(ip.Unmap()).WithZone("")
	if !p.LinkLocal && linkLocal(ip) {
		return ErrLinkLocal
	}
	if !p.Private && private(ip) {
		return ErrPrivate
	}
	return nil
}

// Dialer returns a dialer that asks policy about each address after name resolution, so that no name can lead where
// an address may not, and no redirect either.
func Dialer(policy func() Policy) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("parse address: %w", err)
		}
		return policy().Check(ap.Addr())
	}}
}

// embedded returns the IPv4 address that a NAT64 address (RFC 6052 §2.1, well-known prefix) leads to, else ip.
func embedded(ip netip.Addr) netip.Addr {
	if netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

func linkLocal(ip netip.Addr) bool {
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return true
	}
	switch ip.String() {
	case "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192": // metadata services outside the link-local range
		return true
	}
	return false
}

func private(ip netip.Addr) bool {
	return ip.IsLoopback() || ip.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(ip) ||
		netip.MustParsePrefix("0.0.0.0/8").Contains(ip)
}
