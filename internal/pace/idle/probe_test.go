package idle

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

func TestConnectTime(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := net.Dial("tcp4", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accept := func() net.Conn {
		s, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	defer accept().Close()

	if rtt := connectTime(t.Context(), c.(*net.TCPConn)); rtt <= 0 || rtt > probeTimeout {
		t.Errorf("the round trip is %v", rtt)
	}
	s := accept()
	defer s.Close()
	if from, want := addrOf(s.RemoteAddr()), addrOf(c.LocalAddr()); from != want {
		t.Errorf("the probe comes from %v, want the connection's own %v", from, want)
	}
	if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the server reads %d bytes of the probe (%v), want it to be reset", n, err)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if rtt := connectTime(ended, c.(*net.TCPConn)); rtt != 0 {
		t.Errorf("after the end of ctx the round trip is %v", rtt)
	}
	server.Close()
	if rtt := connectTime(t.Context(), c.(*net.TCPConn)); rtt != 0 {
		t.Errorf("of a server that does not listen any more the round trip is %v", rtt)
	}
}

// TestProber: one probe at a time, one in each period, in turn to all servers, and none without connections.
func TestProber(t *testing.T) {
	t.Parallel()
	var p prober
	a, b := &link{}, &link{}
	links := []*link{a, b}
	if p.begin(0, nil) != nil {
		t.Error("a probe without connections")
	}
	first := p.begin(0, links)
	if first == nil || p.due() != never || p.begin(probePeriod, links) != nil {
		t.Error("there is not one probe while one is under way")
	}
	p.end(ms(20))
	if p.due() != probePeriod || p.begin(probePeriod-1, links) != nil {
		t.Errorf("the next probe is due at %v, want %v", p.due(), probePeriod)
	}
	if second := p.begin(probePeriod, links); second == nil || second == first {
		t.Error("the second probe is not to the other server")
	}
}

func TestProberIsDeaf(t *testing.T) {
	t.Parallel()
	var never, once prober
	once.end(ms(1))
	for range patience {
		if never.deaf() {
			t.Fatalf("patience ends after %d probes, want %d", never.failed, patience)
		}
		never.end(0)
		once.end(0)
	}
	if !never.deaf() || once.deaf() {
		t.Errorf("deaf: %v without an answer, %v after one", never.deaf(), once.deaf())
	}
}
