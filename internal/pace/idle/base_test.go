package idle

import (
	"net/netip"
	"testing"
	"time"
)

func TestBase(t *testing.T) {
	t.Parallel()
	var b base
	if got := b.min(); got != 0 {
		t.Errorf("%s before anything was measured", got)
	}
	for _, step := range []struct {
		at, rtt, want time.Duration
	}{
		{0, ms(30), ms(30)},
		{30 * time.Second, ms(20), ms(20)},
		{5 * time.Minute, ms(40), ms(20)},
		{9*time.Minute + 59*time.Second, ms(50), ms(20)}, // ten buckets: the first minute is still there
		{10 * time.Minute, ms(50), ms(40)},
		{10 * time.Minute, 0, ms(40)},
		{14*time.Minute + 59*time.Second, ms(60), ms(40)},
		{15 * time.Minute, ms(60), ms(50)},
		{8 * time.Hour, ms(70), ms(70)},
	} {
		b.add(step.at, step.rtt)
		if got := b.min(); got != step.want {
			t.Errorf("at %s after %s: %s, want %s", step.at, step.rtt, got, step.want)
		}
	}
	b.restart(8*time.Hour, ms(90))
	if got := b.min(); got != ms(90) {
		t.Errorf("%s after the restart, want 90ms", got)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddr("192.0.2.7")
	server := func(i int) Route { return Route{local, netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})} }
	var r routes
	r.base(0, Route{}).add(0, ms(10))
	if got := r.base(0, Route{}).min(); got != 0 || len(r) != 0 {
		t.Errorf("%s is remembered for no route", got)
	}
	r.base(0, server(1)).add(0, ms(20))
	for _, test := range []struct {
		name  string
		at    time.Duration
		route Route
		want  time.Duration
	}{
		{"the same", 9 * time.Minute, server(1), ms(20)},
		{"another server", 9 * time.Minute, server(2), 0},
		{"the same from another network", 9 * time.Minute, Route{netip.MustParseAddr("198.51.100.7"), server(1).Remote}, 0},
		{"the same after ten minutes", 10 * time.Minute, server(1), 0},
	} {
		if got := r.base(test.at, test.route).min(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}

	for i := range maxRoutes {
		r.base(11*time.Minute, server(100+i)).add(11*time.Minute, ms(30))
		r.base(11*time.Minute, server(1)).add(11*time.Minute, ms(40))
	}
	if len(r) != maxRoutes {
		t.Errorf("%d routes are remembered, want %d", len(r), maxRoutes)
	}
	if got := r.base(11*time.Minute, server(1)).min(); got != ms(40) {
		t.Errorf("%s for a route in use, want 40ms", got)
	}
}
