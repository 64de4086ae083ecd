//go:build integration

package rig

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The logs say who was let in, in which scheme, for what.
func TestAccessLogOfUsers(t *testing.T) {
	t.Parallel()
	files, _ := sample(t, 1000)
	realm := KDC(t)
	apache, epa, proxy, as := ApacheGSSAPI(t, files, realm), EPA(t, files, realm), SquidAll(t, realm), newClients(t, realm)
	samba, negotiate := SambaNTLM(t, apache), SquidNegotiate(t, apache, realm)
	ticket, ntlm := "alice@"+realm.Name, NTLMDomain+`\alice`
	through := func(address string) []string { return []string{"-x", Named(address)} }
	for _, tt := range []struct {
		name     string
		server   *process
		client   client
		url      string
		extra    []string
		requests int
		user     string
	}{
		{"Apache, ticket", apache.process, as.ticket, apache.URL("/negotiate/file.bin?a=b"), nil, 1, ticket},
		{"Apache, NTLM", apache.process, as.ntlm, apache.URL("/ntlm/file.bin?a=b"), nil, 2, ntlm},
		{"Apache, Basic", apache.process, as.with("basic", Juergen), apache.URL("/multi/file.bin?a=b"), nil, 1, "jürgen@" + realm.Name},
		{"EPA, ticket", epa.process, as.ticket, epa.URL("/epa-allow/file.bin?a=b"), nil, 1, ticket},
		{"EPA, NTLM", epa.process, as.spnego, epa.URL("/epa-allow/file.bin?a=b"), nil, 2, ntlm},
		{"Samba", samba.process, as.ntlm, samba.URL("/pub/file.bin?a=b"), nil, 2, ntlm},
		{"squid, ticket", negotiate.process, as.ticket, negotiate.URL("/pub/file.bin?a=b"), nil, 1, ticket},
		{"proxy, NTLM", proxy.process, as.ntlm.toProxy(), apache.URL("/pub/file.bin?a=b"), through(proxy.NTLM), 2, ntlm},
		{"proxy, ticket", proxy.process, as.ticket.toProxy(), apache.URL("/pub/file.bin?a=b"), through(proxy.Negotiate), 1, ticket},
		{"proxy, Basic", proxy.process, as.with("basic", Juergen).toProxy(), apache.URL("/pub/file.bin?a=b"), through(proxy.Basic), 1, "jürgen"},
	} {
		before := len(tt.server.AccessLog())
		curlWith(t, tt.client.env, slices.Concat(tt.extra, tt.client.args, []string{"-r", "0-9", Named(tt.url)})...)
		got := tt.server.AwaitLog(before + tt.requests)[before+tt.requests-1]
		if scheme, _, ok := strings.Cut(got.Auth, " "); !ok || !slices.Contains([]string{"Negotiate", "NTLM", "Basic"}, scheme) {
			t.Errorf("%s: Auth = %q, want a scheme and what it says", tt.name, got.Auth)
		}
		if got.Bytes < 10 || got.Port == 0 {
			t.Errorf("%s: %d bytes, port %d, want 10 or more and a port", tt.name, got.Bytes, got.Port)
		}
		got.Auth, got.Bytes, got.Port = "", 0, 0
		path := Named(tt.url)
		if u, err := url.Parse(path); err != nil {
			t.Fatal(err)
		} else if tt.extra == nil { // not through a proxy
			path = u.RequestURI()
		}
		want := Request{Method: "GET", Path: path, Status: 206, Range: "bytes=0-9", User: tt.user}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}
