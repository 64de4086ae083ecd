//go:build integration

package httpauth_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// TestRealNTLMProxies: squid with Samba's ntlm_auth, reached in the clear and by TLS, for plain requests and by
// CONNECT, before servers that ask for NTLM, for Digest or for nothing.
func TestRealNTLMProxies(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	apache, squid := rig.ApacheGSSAPI(t, files, realm), rig.SquidAll(t, realm)
	roots := apache.Roots.Clone()
	roots.AddCert(certificateOf(t, squid.CAFile))
	for _, address := range []string{squid.NTLM, squid.TLS.NTLM, squid.All} {
		proxy, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{
			apache.URL("/pub/file.bin"), apache.HTTPS("/pub/file.bin"), apache.URL("/ntlm/file.bin"), apache.HTTPS("/ntlm/file.bin"),
			apache.URL("/digest/file.bin"), apache.HTTPS("/digest/file.bin"),
		} {
			cfg := httpauth.Config{
				Proxy: http.ProxyURL(proxy), TLS: &tls.Config{RootCAs: roots},
				Credentials: []httpauth.Credentials{
					{Target: httpauth.Proxy, Scheme: httpauth.NTLM, Origin: originOf(t, address), User: `RIG\alice`, Password: rig.NTLMAlice.Password},
					{Scheme: httpauth.NTLM, Origin: originOf(t, target), User: rig.Bob.Name, Password: rig.Bob.Password},
					{Scheme: httpauth.Digest, Origin: originOf(t, target), User: rig.Juergen.Name, Password: rig.Juergen.Password},
				},
			}
			tr := mustNew(t, cfg)
			for range 3 {
				if status, got, err := get(t, tr, "GET", target, ""); status != 200 || got != string(content) || err != nil {
					t.Errorf("%s by %s: %d, %d bytes, %v", target, address, status, len(got), err)
				}
			}
			cfg.Credentials[0].Password += "x"
			e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", target, nil))
			if !errors.Is(e, httpauth.ErrRefused) || e.Target != httpauth.Proxy || e.Status != 407 {
				t.Errorf("%s by %s with a wrong password: %v", target, address, e)
			}
		}
	}
}
