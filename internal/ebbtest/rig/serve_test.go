//go:build integration

package rig

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestServe is `make rig`: it starts every server for a person to try things on,
// and ends on Ctrl-C.
func TestServe(t *testing.T) {
	if os.Getenv("EBB_RIG") != "serve" {
		t.Skip("for `make rig`")
	}
	files, _ := sample(t, 64<<20)
	realm := KDC(t)
	nginx := Nginx(t, files)
	apache, lighttpd, epa := ApacheGSSAPI(t, files, realm), Lighttpd(t, files), EPA(t, files, realm)
	samba, negotiate := SambaNTLM(t, nginx), SquidNegotiate(t, nginx, realm)
	proxy, socks := SquidAll(t, realm), Socks(t)

	printAccounts(realm)
	for _, s := range []struct {
		name   string
		server *Server
		paths  []string
	}{
		{"nginx", nginx, []string{"/pub/", "/slow/", "/basic/"}},
		{"Apache", apache, []string{"/pub/", "/slow/", "/basic/", "/digest/", "/digest-stale/", "/negotiate/", "/negotiate-ntlm/", "/ntlm/", "/multi/"}},
		{"lighttpd", lighttpd, []string{"/pub/", "/digest-md5/", "/digest-sha256/", "/digest-userhash/"}},
		{"squid before nginx, NTLM of Samba", samba, []string{"/pub/"}},
		{"squid before nginx, Negotiate", negotiate, []string{"/pub/"}},
		{"channel binding, Negotiate and NTLM", epa, []string{"/epa-allow/", "/epa-require/"}},
	} {
		fmt.Printf("\n%s (--cacert %s)\n", s.name, s.server.CAFile)
		for _, path := range s.paths {
			fmt.Printf("  %-50s  %s\n", Named(s.server.URL(path+"file.bin")), Named(s.server.HTTPS(path+"file.bin")))
		}
	}
	fmt.Printf("\nApache with HTTP/2\n  %s\n", Named(apache.HTTP2("/pub/file.bin")))
	printProxies(proxy, socks)
	fmt.Println("\nfiles are in", files, "- Ctrl-C stops everything")

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	<-interrupted
}

func printAccounts(realm *Realm) {
	fmt.Println("\nBasic, Digest, Kerberos (name password):")
	for _, u := range Users {
		fmt.Printf("  %s %s\n", u.Name, u.Password)
	}
	fmt.Println("NTLM; Samba and squid know the first alone:")
	for _, u := range NTLMUsers {
		fmt.Printf("  %s\\%s %s\n", NTLMDomain, u.Name, u.Password)
	}
	fmt.Printf("Kerberos, a ticket for curl --negotiate -u : or for ebb:\n"+
		"  export KRB5_CONFIG=%s\n  kinit %s@%s  # or: kinit -k -t %s %s\n",
		realm.ConfigFile, Alice.Name, realm.Name, realm.UserKeytab, Alice.Name)
}

func printProxies(proxy *Proxy, socks *SocksProxy) {
	fmt.Printf("\nsquid, a proxy (--proxy-cacert %s)\n", proxy.CAFile)
	plain, tls := proxy.ProxyAddresses, proxy.TLS
	for _, p := range []struct{ asks, plain, tls string }{
		{"nothing", plain.Open, tls.Open},
		{"Basic", plain.Basic, tls.Basic},
		{"Digest", plain.Digest, tls.Digest},
		{"Negotiate", plain.Negotiate, tls.Negotiate},
		{"NTLM", plain.NTLM, tls.NTLM},
		{"all of them", plain.All, tls.All},
	} {
		fmt.Printf("  %-11s  %s  %s\n", p.asks, Named(p.plain), Named(p.tls))
	}
	fmt.Printf("\nmicrosocks, as %s: %s\n", Alice.Name, socks.Address)
}
