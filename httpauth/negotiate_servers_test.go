//go:build integration

package httpauth_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// TestRealNegotiateProxies: squid, plain and by CONNECT, reached in the clear and by TLS.
func TestRealNegotiateProxies(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	apache, squid := rig.ApacheGSSAPI(t, files, realm), rig.SquidAll(t, realm)
	roots := apache.Roots.Clone()
	roots.AddCert(certificateOf(t, squid.CAFile))
	kerberos := httpauth.Kerberos{ConfigFile: realm.ConfigFile, CCache: realm.CCache(t, rig.Alice, time.Hour)}
	for _, address := range []string{squid.Negotiate, squid.TLS.Negotiate, squid.All, squid.TLS.All} {
		address := rig.Named(address)
		proxy, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{
			apache.URL("/pub/file.bin"), apache.HTTPS("/pub/file.bin"), apache.URL("/ntlm/file.bin"), apache.HTTPS("/ntlm/file.bin"),
			apache.URL("/digest/file.bin"), apache.HTTPS("/digest/file.bin"),
		} {
			target := rig.Named(target)
			for _, c := range []httpauth.Credentials{
				{Implicit: true}, {User: rig.Bob.Name, Password: rig.Bob.Password}, {User: `RIG\alice`, Password: rig.NTLMAlice.Password},
			} {
				c.Target, c.Scheme, c.Origin = httpauth.Proxy, httpauth.Negotiate, originOf(t, address)
				cfg := httpauth.Config{
					Proxy: http.ProxyURL(proxy), TLS: &tls.Config{RootCAs: roots}, Kerberos: kerberos,
					Credentials: []httpauth.Credentials{
						c,
						{Scheme: httpauth.NTLM, Origin: originOf(t, target), User: rig.Bob.Name, Password: rig.Bob.Password},
						{Scheme: httpauth.Digest, Origin: originOf(t, target), User: rig.Juergen.Name, Password: rig.Juergen.Password},
					},
				}
				tr := mustNew(t, cfg)
				for range 2 {
					if status, got, err := get(t, tr, "GET", target, ""); status != 200 || got != string(content) || err != nil {
						t.Errorf("%s by %s as %q: %d, %d bytes, %v", target, address, c.User, status, len(got), err)
					}
				}
			}
		}
	}
}

// TestRealTickets: what goes wrong with tickets is said, and stops nothing that is weaker but has no refused secret.
func TestRealTickets(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	apache := rig.ApacheGSSAPI(t, files, realm)
	address, multi := rig.Named(apache.URL("/negotiate/file.bin")), rig.Named(apache.URL("/multi/file.bin"))
	short := realm.CCache(t, rig.Alice, time.Second)
	<-time.After(1100 * time.Millisecond)
	implicit := httpauth.Credentials{Scheme: httpauth.Negotiate, Origin: originOf(t, address), Implicit: true}
	basic := httpauth.Credentials{Scheme: httpauth.Basic, Origin: originOf(t, address), User: rig.Alice.Name, Password: rig.Alice.Password}
	for _, tt := range []struct {
		name, address string
		kerberos      httpauth.Kerberos
		reason        error
		says          string
	}{
		{"expired", address, httpauth.Kerberos{CCache: short}, httpauth.ErrExpired, "kinit"},
		{"no cache", address, httpauth.Kerberos{CCache: "/nowhere"}, httpauth.ErrNoIdentity, "/nowhere"},
		{"kernel's cache", address, httpauth.Kerberos{CCache: "KEYRING:persistent:0"}, httpauth.ErrNoIdentity, "KEYRING"},
		{"address", strings.Replace(address, "localhost", "127.0.0.1", 1), httpauth.Kerberos{}, httpauth.ErrNoIdentity, "127.0.0.1 is an address"},
	} {
		tt.kerberos.ConfigFile = realm.ConfigFile
		implicit.Origin = originOf(t, tt.address)
		e, _ := refusal(t, mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{implicit}, Kerberos: tt.kerberos}), newRequest(t, "GET", tt.address, nil))
		if !errors.Is(e, tt.reason) || e.Status != 401 || e.Refused != "" || !strings.Contains(e.Error(), tt.says) {
			t.Errorf("%s: %v, want %q in it", tt.name, e, tt.says)
		}
	}
	implicit.Origin = originOf(t, multi)
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{implicit, basic}, Kerberos: httpauth.Kerberos{ConfigFile: realm.ConfigFile, CCache: short}})
	if status, got, err := get(t, tr, "GET", multi, ""); status != 200 || got != string(content) || err != nil {
		t.Errorf("Basic after a ticket that has expired: %d, %d bytes, %v", status, len(got), err)
	}
	wrong := httpauth.Credentials{Scheme: httpauth.Negotiate, Origin: originOf(t, multi), User: rig.Alice.Name, Password: "wrong"}
	e, _ := refusal(t, mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{wrong, basic}, Kerberos: httpauth.Kerberos{ConfigFile: realm.ConfigFile}}), newRequest(t, "GET", multi, nil))
	if !errors.Is(e, httpauth.ErrRefused) || e.Refused != httpauth.Negotiate {
		t.Errorf("after a password that the KDC refused: %v", e)
	}
}

// TestRealServicePrincipal: a server that is reached by its address, whose name is given.
func TestRealServicePrincipal(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	address := rig.ApacheGSSAPI(t, files, realm).URL("/negotiate/file.bin")
	c := httpauth.Credentials{Scheme: httpauth.Negotiate, Origin: originOf(t, address), Implicit: true, ServicePrincipal: rig.ServiceLocalhost}
	cfg := httpauth.Config{Credentials: []httpauth.Credentials{c}, Kerberos: httpauth.Kerberos{ConfigFile: realm.ConfigFile, Keytab: realm.UserKeytab}}
	if status, got, err := get(t, mustNew(t, cfg), "GET", address, ""); status != 200 || got != string(content) || err != nil {
		t.Errorf("%d, %d bytes, %v", status, len(got), err)
	}
	cfg.Credentials[0].ServicePrincipal = "HTTP/unknown.ebb.test"
	if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrNoIdentity) {
		t.Errorf("an unknown name: %v", e)
	}
}

// TestRealNewKey: the service gets another key while tickets for the old one are kept.
func TestRealNewKey(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	apache := rig.ApacheGSSAPI(t, files, realm)
	address := rig.Named(apache.URL("/negotiate/file.bin"))
	tr := mustNew(t, httpauth.Config{
		Credentials: []httpauth.Credentials{{Scheme: httpauth.Negotiate, Origin: originOf(t, address), User: rig.Bob.Name, Password: rig.Bob.Password}},
		Kerberos:    httpauth.Kerberos{ConfigFile: realm.ConfigFile},
	})
	for range 2 {
		if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
			t.Errorf("%d, %d bytes, %v", status, len(got), err)
		}
		realm.Admin("ktremove", "-k", realm.Keytab, rig.ServiceLocalhost, "all")
		realm.Admin("ktadd", "-k", realm.Keytab, rig.ServiceLocalhost) // makes a new key
		apache.Restart()
	}
}
