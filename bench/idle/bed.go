//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// path is what the way between the server and the clients is like.
type path struct {
	Rate   int           `json:"mbit"`      // of the bottleneck, in Mbit/s
	Buffer time.Duration `json:"buffer_ns"` // how long the bottleneck takes to send a full queue
	Base   time.Duration `json:"base_ns"`   // round trip of an idle line
	Loss   float64       `json:"loss,omitempty"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	Queue  string        `json:"queue,omitempty"`  // "" is tbf with one queue, first in, first out
	Here   bool          `json:"here,omitempty"`   // the foreground is on the machine of the background
	Far    time.Duration `json:"far_ns,omitempty"` // what the round trip to a second server takes more; 0: there is none
	Up     bool          `json:"up,omitempty"`     // the bottleneck is on the way to the server, and uploads are what matters
}

func (p path) String() string {
	return fmt.Sprintf("%d Mbit/s, buffer %s, base RTT %s", p.Rate, p.Buffer, p.Base) + p.extras()
}

// columns is the path in a table with the head pathHead.
func (p path) columns() string {
	return fmt.Sprintf("%d, %d ms, %d ms", p.Rate, p.Buffer.Milliseconds(), p.Base.Milliseconds())
}

const pathHead = "Mbit/s, buffer, base RTT"

// extras are what most paths do not have.
func (p path) extras() string {
	s := ""
	if p.Loss > 0 {
		s += fmt.Sprintf(", %g %% random loss", 100*p.Loss)
	}
	if p.Jitter > 0 {
		s += fmt.Sprintf(", jitter %s", p.Jitter)
	}
	if p.Queue != "" {
		s += ", " + p.Queue
	}
	if p.Here {
		s += ", foreground on the same machine"
	}
	if p.Up {
		s += ", uploads"
	}
	if p.Far > 0 {
		s += fmt.Sprintf(", a second server %s further away", p.Far)
	}
	return s
}

// capacity is that of the bottleneck in bytes per second, as tbf counts them: with IP, TCP and Ethernet headers.
func (p path) capacity() float64 { return float64(p.Rate) * 1e6 / 8 }

// payload is what of that is left for data when packets are full, in bytes per second.
func (p path) payload() float64 { return p.capacity() * segment / (mtu + 14) }

// room is what fits into the queue of the bottleneck, in bytes.
func (p path) room() int { return max(int(p.capacity()*p.Buffer.Seconds()), 2*1514) }

// burst is how much of the line's time may pass unused and still be caught up: the kernel's timers and a busy machine are not
// more exact than that.
const burst = 2 * time.Millisecond

// The hosts of the bed. Each client has an interface "wan" with the address clientAddr(i).
const (
	machine   = iota // with the background transfer
	neighbor         // with a second one
	person           // who wants the line for something else
	clients          // how many there are
	serverIP  = "198.18.0.2"
	farIP     = "198.18.0.3" // the same server, but further away on paths that have a Far
	tunLength = 10_000       // packets: a server's burst is not to be lost before it comes to the bottleneck
)

var farServer = netip.MustParseAddr(farIP)

// bed is two networks and the way between them:
//
//	machine ─┐
//	neighbor ┼─ lan ─────── router ═══ forwarder ═══ server
//	person  ─┘    ↖ tbf: rate and buffer   ↖ base RTT
//
// All that comes from the server goes through the tbf of the router; the way up has no bottleneck. For uploads it is the other way round.
type bed struct {
	path      path
	clients   [clients]*namespace
	lan       *namespace
	router    *namespace
	server    *namespace
	forwarder *forwarder
	files     []*os.File
}

func newBed(ctx context.Context, p path) (b *bed, err error) {
	b = &bed{path: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	names := map[string]**namespace{
		"machine": &b.clients[machine], "neighbor": &b.clients[neighbor], "person": &b.clients[person],
		"lan": &b.lan, "router": &b.router, "server": &b.server,
	}
	for name, at := range names {
		if *at, err = newNamespace(name); err != nil {
			return b, err
		}
		// Neither what the kernel remembers of an earlier connection nor IPv6's own chatter may matter.
		err := (*at).Set("ipv4/tcp_no_metrics_save 1", "ipv6/conf/all/disable_ipv6 1", "ipv6/conf/default/disable_ipv6 1")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return b, err
		}
	}
	if err := b.home(ctx); err != nil {
		return b, err
	}
	if err := b.away(ctx); err != nil {
		return b, err
	}
	return b, b.bottleneck(ctx)
}

func clientAddr(i int) string { return fmt.Sprintf("198.18.%d.2", i+1) }

// home connects the clients with the router.
func (b *bed) home(ctx context.Context) error {
	lan := []string{"link set lo up", "link add router type veth peer name lan netns " + b.router.Path(), "link set router up", "addr add 198.18.9.2/24 dev router"}
	for i, c := range b.clients {
		lan = append(lan, fmt.Sprintf("link add c%d type veth peer name wan netns %s", i, c.Path()),
			fmt.Sprintf("link set c%d up", i), fmt.Sprintf("addr add 198.18.%d.1/24 dev c%d", i+1, i))
	}
	if err := b.lan.IP(ctx, strings.Join(lan, "\n")); err != nil {
		return err
	}
	router := []string{"link set lo up", "link set lan up", "addr add 198.18.9.1/24 dev lan"}
	for i, c := range b.clients {
		err := c.IP(ctx, fmt.Sprintf("link set lo up\nlink set wan up\naddr add %s/24 dev wan\nroute add default via 198.18.%d.1", clientAddr(i), i+1))
		if err == nil {
			err = errors.Join(c.single("wan"), b.lan.single(fmt.Sprintf("c%d", i)))
		}
		if err != nil {
			return err
		}
		router = append(router, fmt.Sprintf("route add 198.18.%d.0/24 via 198.18.9.2", i+1))
	}
	if err := b.router.IP(ctx, strings.Join(router, "\n")); err != nil {
		return err
	}
	return errors.Join(b.lan.IP(ctx, "route add default via 198.18.9.1"), b.lan.single("router"), b.router.single("lan"),
		b.lan.Set("ipv4/ip_forward 1"), b.router.Set("ipv4/ip_forward 1"))
}

// away connects the router with the server, through the forwarder.
func (b *bed) away(ctx context.Context) error {
	up := fmt.Sprintf("link set wan txqueuelen %d\nlink set wan up\n", tunLength)
	near, err := b.router.tun("wan")
	if err != nil {
		return err
	}
	b.files = append(b.files, near)
	if err := b.router.IP(ctx, up+"route add 198.18.0.0/24 dev wan"); err != nil {
		return err
	}
	far, err := b.server.tun("wan")
	if err != nil {
		return err
	}
	b.files = append(b.files, far)
	if err := b.server.IP(ctx, "link set lo up\n"+up+"addr add "+serverIP+"/24 dev wan\naddr add "+farIP+"/24 dev wan\nroute add default dev wan"); err != nil {
		return err
	}
	b.forwarder, err = startForwarder(ctx, near, far, b.path)
	return err
}

// bottleneck limits what goes to the clients, unless the forwarder does, or what comes from them.
func (b *bed) bottleneck(ctx context.Context) error {
	if b.path.Queue != "" {
		return nil
	}
	host, device := b.router, "lan"
	if b.path.Up {
		host, device = b.lan, "router"
	}
	return host.Run(ctx, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", fmt.Sprintf("%dmbit", b.path.Rate),
		"burst", fmt.Sprint(max(int(b.path.capacity()*burst.Seconds()), 2*1514)), "limit", fmt.Sprint(b.path.room()))
}

// close takes the bed away, and with it whatever still runs in it.
func (b *bed) close() error {
	var err error
	if b.forwarder != nil {
		err = b.forwarder.stop()
	}
	for _, f := range b.files {
		_ = f.Close()
	}
	for _, n := range slices.Concat(b.clients[:], []*namespace{b.lan, b.router, b.server}) {
		if n != nil {
			n.Close()
		}
	}
	return err
}
