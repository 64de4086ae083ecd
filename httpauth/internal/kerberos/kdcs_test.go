package kerberos

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

// newResolver returns one whose answers come from records: a name's service records.
func newResolver(t *testing.T, records map[string][]dnsmessage.SRVResource) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() { // ends when the test closes conn
		query := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(query[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			found := records[m.Questions[0].Name.String()]
			if found == nil {
				m.RCode = dnsmessage.RCodeNameError
			}
			for _, r := range found {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, Type: dnsmessage.TypeSRV},
					Body:   &r,
				})
			}
			answer, _ := m.Pack()
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestKDCs(t *testing.T) {
	t.Parallel()
	c, err := folder{"c": "[realms]\nLISTED.TEST = {\nkdc = a\nkdc = b\nkdc = c\n}\nEMPTY.TEST = {\n}\n"}.load("c")
	if err != nil {
		t.Fatal(err)
	}
	srv := func(host string, priority uint16) dnsmessage.SRVResource {
		return dnsmessage.SRVResource{Priority: priority, Port: 1088, Target: dnsmessage.MustNewName(host)}
	}
	c.resolver = newResolver(t, map[string][]dnsmessage.SRVResource{
		"_kerberos._tcp.EMPTY.TEST.":  {srv("second.test.", 2), srv("first.test.", 1)},
		"_kerberos._udp.OLD.TEST.":    {srv("old.test.", 1)},
		"_kerberos._tcp.CLOSED.TEST.": {srv(".", 0)},
	})
	c.answered = map[string]string{"LISTED.TEST": "b:88"}
	for realm, want := range map[string][]string{
		"LISTED.TEST": {"b:88", "a:88", "c:88"},
		"EMPTY.TEST":  {"first.test:1088", "second.test:1088"},
		"OLD.TEST":    {"old.test:1088"},
	} {
		got, err := c.kdcsOf(t.Context(), realm)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", realm, err, diff)
		}
	}
	for _, realm := range []string{"CLOSED.TEST", "NONE.TEST"} {
		_, err := c.kdcsOf(t.Context(), realm)
		if !errors.Is(err, ErrNoTicket) || !strings.Contains(err.Error(), realm) {
			t.Errorf("%s: %v", realm, err)
		}
	}
	c.lookupKDC = false
	if _, err := c.kdcsOf(t.Context(), "EMPTY.TEST"); err == nil {
		t.Error("DNS is asked though dns_lookup_kdc = false")
	}
}
