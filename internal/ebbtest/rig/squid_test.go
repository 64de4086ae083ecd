//go:build integration

package rig

import (
	"slices"
	"strings"
	"testing"
)

// toProxy returns the client that gives its credentials to the proxy.
func (c client) toProxy() client {
	args := slices.Clone(c.args)
	for i, arg := range args {
		if arg == "-u" {
			args[i] = "-U"
		} else if scheme, ok := strings.CutPrefix(arg, "--"); ok {
			args[i] = "--proxy-" + scheme
		}
	}
	return client{c.name, c.env, args}
}

func TestSquidAll(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	realm := KDC(t)
	origin, proxy, as := Apache(t, files), SquidAll(t, realm), newClients(t, realm)
	samba := SambaNTLM(t, origin)
	basic, digest := as.with("basic", Alice), as.with("digest", Alice)
	for name, addresses := range map[string]ProxyAddresses{"http": proxy.ProxyAddresses, "https": proxy.TLS} {
		for _, tt := range []struct {
			name, address, offer string
			in, out              []client
		}{
			{"open", addresses.Open, "", []client{as.none}, nil},
			{"basic", addresses.Basic, "Basic", []client{basic}, []client{as.none, as.with("basic", NTLMAlice)}},
			// squid 5.7 takes a wrong password of a user whose right one it checks at the same moment: Bob never has that here.
			{"digest", addresses.Digest, "Digest", []client{digest}, []client{as.none, as.with("digest", User{Bob.Name, "nope"})}},
			{"ntlm", addresses.NTLM, "NTLM", []client{as.ntlm}, []client{as.none, as.ntlmWrong}},
			{"negotiate", addresses.Negotiate, "Negotiate", []client{as.ticket}, []client{as.none, as.noTicket, as.spnego}},
			{"all", addresses.All, "Negotiate NTLM Digest Basic", []client{basic, digest, as.ntlm, as.ticket}, []client{as.none, as.ntlmWrong}},
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				for _, url := range []string{origin.URL("/pub/file.bin"), origin.HTTPS("/pub/file.bin")} {
					trust := []string{"-x", Named(tt.address), "--proxy-cacert", proxy.CAFile, "--cacert", origin.CAFile}
					wantOffer(t, tt.offer, append(trust, url)...)
					for _, c := range tt.in {
						c.toProxy().expect(t, 0, url, content, trust...)
					}
					for _, c := range tt.out {
						c.toProxy().expect(t, 407, url, content, trust...)
					}
				}
			})
		}
	}

	// A proxy and the server behind it each have their own credentials.
	for _, tt := range []struct {
		name     string
		address  string
		toProxy  client
		server   *Server
		url      string
		toServer client
	}{
		{"digest, then NTLM", proxy.Digest, digest, samba, samba.URL("/pub/file.bin"), as.ntlm},
		{"digest, then NTLM in a tunnel", proxy.Digest, digest, samba, samba.HTTPS("/pub/file.bin"), as.ntlm},
		{"NTLM, then digest", proxy.NTLM, as.ntlm, origin, origin.URL("/digest/file.bin"), digest},
		{"NTLM, then digest in a tunnel", proxy.TLS.NTLM, as.ntlm, origin, origin.HTTPS("/digest/file.bin"), digest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			extra := []string{"-x", tt.address, "--proxy-cacert", proxy.CAFile, "--cacert", tt.server.CAFile}
			tt.toServer.expect(t, 0, tt.url, content, append(extra, tt.toProxy.toProxy().args...)...)
		})
	}
}

func TestAccelerators(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	realm := KDC(t)
	origin, as := Nginx(t, files), newClients(t, realm)
	samba, negotiate := SambaNTLM(t, origin), SquidNegotiate(t, origin, realm)
	for _, tt := range []struct {
		name    string
		server  *Server
		in, out []client
	}{
		{"NTLM", samba, []client{as.ntlm}, []client{as.none, as.ntlmWrong}},
		// The refusal of NTLM in SPNEGO is one of negotiate_wrapper_auth.
		{"Negotiate", negotiate, []client{as.ticket}, []client{as.none, as.noTicket, as.spnego}},
	} {
		for name, address := range map[string]func(string) string{"http": tt.server.URL, "https": tt.server.HTTPS} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				wantOffer(t, tt.name, address("/pub/file.bin"), "--cacert", tt.server.CAFile)
				for _, c := range tt.in {
					c.expect(t, 0, Named(address("/pub/file.bin")), content, "--cacert", tt.server.CAFile)
				}
				for _, c := range tt.out {
					c.expect(t, 401, Named(address("/pub/file.bin")), content, "--cacert", tt.server.CAFile)
				}
			})
		}
	}
}
