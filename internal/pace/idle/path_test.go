package idle

import (
	"net"
	"net/netip"
	"testing"
)

func TestPlaceOf(t *testing.T) {
	t.Parallel()
	own := []address{
		{1, "lo", netip.MustParsePrefix("127.0.0.1/8")},
		{2, "eth0", netip.MustParsePrefix("192.0.2.7/24")},
		{2, "eth0", netip.MustParsePrefix("2001:db8:1::7/64")},
		{2, "eth0", netip.MustParsePrefix("fe80::7/64")},
		{3, "wlan0", netip.MustParsePrefix("198.51.100.7/24")},
		{4, "tun0", netip.MustParsePrefix("10.8.0.7/32")},
	}
	for _, test := range []struct {
		name, local, remote string
		want                place
		alone               bool
	}{
		{"behind the router", "192.0.2.7", "203.0.113.1", place{index: 2, name: "eth0"}, false},
		{"the same by IPv6", "2001:db8:1::7", "2001:db8:2::1", place{index: 2, name: "eth0"}, false},
		{"in the local network", "192.0.2.7", "192.0.2.200", place{index: 2, name: "eth0", near: true}, false},
		{"in the local network by IPv6", "2001:db8:1::7", "2001:db8:1::200", place{index: 2, name: "eth0", near: true}, false},
		{"by an address of the link", "fe80::7%eth0", "fe80::200%eth0", place{index: 2, name: "eth0", near: true}, false},
		{"another interface", "198.51.100.7", "203.0.113.1", place{index: 3, name: "wlan0"}, false},
		{"a tunnel", "10.8.0.7", "10.8.0.1", place{index: 4, name: "tun0"}, false},
		{"an address that has just gone", "192.0.2.8", "203.0.113.1", place{}, false},
		{"this machine by another of its addresses", "192.0.2.7", "198.51.100.7", place{}, true},
		{"this machine by the same", "192.0.2.7", "192.0.2.7", place{}, true},
	} {
		got, shared := placeOf(netip.MustParseAddr(test.local), netip.MustParseAddr(test.remote), own)
		if got != test.want || shared == test.alone {
			t.Errorf("%s: %+v, shared %t; want %+v", test.name, got, shared, test.want)
		}
	}
}

func TestRouteOf(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	here := netip.MustParseAddr("127.0.0.1")
	if got := routeOf(conn.(*net.TCPConn)); got != (Route{here, here}) {
		t.Errorf("the route is %v", got)
	}
}

func TestLineTellsOthers(t *testing.T) {
	t.Parallel()
	a := newAccount()
	look := func(when string, own, total, want int64) {
		t.Helper()
		a.own, a.read = a.own+own, total
		if a.settle(); a.others != want {
			t.Errorf("%s: %d bytes of others, want %d", when, a.others, want)
		}
	}
	look("nobody can tell", 500, -1, -1)
	look("the first look", 1000, 5_000_000, 0)
	look("only ours", 10_000, 5_010_000, 0)
	look("and others", 10_000, 5_050_000, 30_000)
	look("ours, which the interface has not shown yet", 10_000, 5_050_000, 30_000)
	look("now it has", 0, 5_060_000, 30_000)
	look("others pay the debt off first", 10_000, 5_065_000, 30_000)
	look("then they count", 0, 5_090_000, 50_000)
	look("a debt that is never paid", 10_000_000, 5_090_000, 50_000)
	look("has a bound", 0, 5_090_000, 50_000)
	look("and is paid off soon", 0, 5_090_000+maxDebt+1000, 51_000)
	look("the counter begins anew", 10, 0, 51_000)
	look("and goes on", 0, 700, 51_700)
	look("nobody can tell any more", 0, -1, 51_700)
}
