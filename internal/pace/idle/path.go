package idle

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"
)

// place is where a bottleneck may be: connections with the same one may share it.
type place struct {
	index int    // of the interface
	name  string // of the interface, for people
	near  bool   // on the networks of the interface itself, not behind a router
	up    bool   // away from here: uploads
}

func (p place) String() string {
	name := p.name
	if p.near {
		name += ", local network"
	}
	if p.up {
		name += ", uploads"
	}
	return name
}

// locate finds the place of a connection; false for one that no other machine sees. What lies behind the interface nobody knows: all
// that leaves by it is taken to share one bottleneck. A proxy on this machine hides all of that.
func locate(conn *net.TCPConn) (place, bool) {
	local, remote := addrOf(conn.LocalAddr()), addrOf(conn.RemoteAddr())
	if !local.IsValid() || remote.IsLoopback() {
		return place{}, false // before anything is asked for: most often it is a test, or a proxy
	}
	return placeOf(local, remote, addresses())
}

// address is one of this machine's, with its network.
type address struct {
	index int    // of the interface
	name  string // of the interface
	netip.Prefix
}

// addresses are those of this machine, as many as can be read.
func addresses() []address {
	all, _ := net.Interfaces() // all in one place is the careful guess
	var out []address
	for _, i := range all {
		nets, _ := i.Addrs() // it is just going away
		for _, n := range nets {
			if prefix, err := netip.ParsePrefix(n.String()); err == nil {
				out = append(out, address{i.Index, i.Name, prefix})
			}
		}
	}
	return out
}

func placeOf(local, remote netip.Addr, own []address) (at place, shared bool) {
	local, remote = local.WithZone(""), remote.WithZone("")
	for _, a := range own {
		switch a.Addr() {
		case remote:
			return place{}, false
		case local:
			at = place{index: a.index, name: a.name, near: a.Contains(remote)}
		}
	}
	return at, true
}

func routeOf(conn *net.TCPConn) Route {
	return Route{addrOf(conn.LocalAddr()), addrOf(conn.RemoteAddr())}
}

func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// path is all background connections of a place.
type path struct {
	place
	control controller
	prober  *prober // where windows cannot be held
	*tally
	links   []*link       // in the order in which they came
	used    time.Duration // when it had some for the last time
	samples []Sample
}

// step has the controller set the windows, and returns in what time it is to be asked again.
func (p *path) step(now time.Duration, log *slog.Logger) time.Duration {
	before, elapsed := p.control.Status().State, now-p.used
	p.used = now
	p.samples = p.samples[:0]
	for _, l := range p.links {
		p.samples = append(p.samples, l.sample)
	}
	windows, again := p.control.Step(now, p.samples, Surroundings{Others: p.links[0].line.account(p.up).others})
	for i, l := range p.links {
		l.hold(windows[i])
	}
	is := p.control.Status()
	p.count(elapsed, before, is)
	if (is.State == Yielding) != (before == Yielding) {
		log.Debug("background transfers", "line", p.place, "state", is.State, "signal", is.Signal,
			"delay", is.Delay, "base", is.Base, "window", is.Window, "rate", is.Rate, "capacity", is.Capacity)
	}
	return again
}

func (p *path) remove(l *link) {
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
}

// maxDebt bounds how much of what the background connections had the interface may still have to show.
const maxDebt = 64 << 10

// line is an interface, and what goes over it beside our background connections.
type line struct {
	index   int
	links   int // background connections
	in, out account
}

func newLine(index int) *line { return &line{index: index, in: newAccount(), out: newAccount()} }

// account is that of the direction of a path.
func (l *line) account(up bool) *account {
	if up {
		return &l.out
	}
	return &l.in
}

// account tells what an interface carries in one direction apart: ours, and that of others.
type account struct {
	own    int64 // bytes of the background connections since it was settled
	read   int64 // of the interface in total; −1 when nobody can tell
	total  int64 // of the interface, when it was settled; −1 before
	debt   int64 // bytes that they had but the interface has not shown: the looks at both are not of one moment
	others int64 // see Surroundings.Others
}

func newAccount() account { return account{total: -1, others: -1} }

// settle takes note of what the interface has carried since the last time.
func (a *account) settle() {
	own, before, total := a.own, a.total, a.read
	a.own, a.total = 0, total
	switch {
	case total < 0:
	case before < 0:
		a.others = max(a.others, 0)
	case total >= before: // or it began anew
		a.debt += own - (total - before)
		a.others += max(-a.debt, 0)
		a.debt = min(max(a.debt, 0), max(maxDebt, own))
	}
}
