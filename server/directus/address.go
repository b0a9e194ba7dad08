package directus

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// address returns the address that a request comes from. Behind proxies it is the
// one that the outermost of the trusted ones saw: anybody can write into
// X-Forwarded-For, but each proxy appends the address that it was called from.
func (h *Hub) address(r *http.Request) string {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	if h.opts.TrustedProxies > 0 {
		seen := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		at := max(0, len(seen)-h.opts.TrustedProxies)
		if forwarded, err := netip.ParseAddr(strings.TrimSpace(seen[at])); err == nil {
			return forwarded.Unmap().String()
		}
	}
	return ip
}

// network returns what addresses are counted by: an IPv4 address, or the 64 bits
// of an IPv6 one that belong to one customer. It is "" for this machine itself,
// which is not counted: it may be a proxy, behind which everybody is.
func network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return ""
	}
	if addr.Is6() {
		prefix, _ := addr.Prefix(64)
		return prefix.String()
	}
	return addr.String()
}
