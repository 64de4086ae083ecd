package rig

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"testing"
)

// A Proxy is a running proxy.
type Proxy struct {
	*process
	ProxyAddresses

	TLS    ProxyAddresses // the same, where the client speaks TLS to the proxy
	CAFile string         // the certificate authority that signed the proxy's certificate, as PEM
	Roots  *x509.CertPool // the same, for a tls.Config
}

// ProxyAddresses are those of one proxy, which differ in what they ask for.
type ProxyAddresses struct {
	Open   string // asks for nothing
	Basic  string
	Digest string // MD5

	// Of SquidAll; "" otherwise.
	Negotiate string // Kerberos, with a ticket for ServiceLocalhost; NTLMSSP if it is bare
	NTLM      string // Samba's, for NTLMAlice
	All       string // each of them
}

// Squid starts squid as a proxy to loopback addresses, for plain requests and for
// CONNECT. It keeps nothing.
func Squid(t testing.TB) *Proxy {
	t.Helper()
	return startProxy(t, nil, []door{{Name: "open"}, {Name: "basic", Schemes: "basic"}, {Name: "digest", Schemes: "digest"}})
}

// SquidAll is [Squid] with all that it can ask for. Its NTLM is that of [SambaNTLM],
// its Negotiate that of [SquidNegotiate].
func SquidAll(t testing.TB, realm *Realm) *Proxy {
	t.Helper()
	return startProxy(t, realm, []door{
		{Name: "open"},
		{Name: "basic", Schemes: "basic"},
		{Name: "digest", Schemes: "digest"},
		{Name: "negotiate", Schemes: "negotiate"},
		{Name: "ntlm", Schemes: "ntlm"},
		{Name: "all", Schemes: "negotiate,ntlm,digest,basic"},
	})
}

func startProxy(t testing.TB, realm *Realm, doors []door) *Proxy {
	t.Helper()
	config := squidConfig{Doors: doors}
	if realm != nil {
		config.askNTLM(t)
		config.askNegotiate(realm)
	}
	p := &Proxy{}
	p.process, p.Roots = config.start(t, realm)
	p.CAFile = filepath.Join(p.dir, "ca.pem")
	p.ProxyAddresses = proxyAddresses("http", doors, func(d door) int { return d.HTTP })
	p.TLS = proxyAddresses("https", doors, func(d door) int { return d.HTTPS })
	return p
}

func proxyAddresses(scheme string, doors []door, port func(door) int) ProxyAddresses {
	addresses := map[string]string{}
	for _, d := range doors {
		addresses[d.Name] = fmt.Sprintf("%s://127.0.0.1:%d", scheme, port(d))
	}
	return ProxyAddresses{
		Open: addresses["open"], Basic: addresses["basic"], Digest: addresses["digest"],
		Negotiate: addresses["negotiate"], NTLM: addresses["ntlm"], All: addresses["all"],
	}
}

// SambaNTLM starts squid in front of origin, over http and https. It has the paths
// of origin and asks for NTLM, which Samba's ntlm_auth checks, for [NTLMAlice] alone.
// It takes the messages of all clients as they come, and does not look at channel
// bindings.
func SambaNTLM(t testing.TB, origin *Server) *Server {
	t.Helper()
	config := squidConfig{Origin: origin.http, Doors: []door{{Name: "ntlm", Schemes: "ntlm"}}}
	config.askNTLM(t)
	return startAccelerator(t, config, nil)
}

// SquidNegotiate is like [SambaNTLM] and asks for Negotiate: Kerberos, with a ticket
// for [ServiceLocalhost], or NTLMSSP, which must not be in SPNEGO.
func SquidNegotiate(t testing.TB, origin *Server, realm *Realm) *Server {
	t.Helper()
	config := squidConfig{Origin: origin.http, Doors: []door{{Name: "negotiate", Schemes: "negotiate"}}}
	config.askNTLM(t)
	config.askNegotiate(realm)
	return startAccelerator(t, config, realm)
}

func startAccelerator(t testing.TB, config squidConfig, realm *Realm) *Server {
	t.Helper()
	s := &Server{}
	s.process, s.Roots = config.start(t, realm)
	s.CAFile = filepath.Join(s.dir, "ca.pem")
	s.http, s.https, s.http2 = config.Doors[0].HTTP, config.Doors[0].HTTPS, config.Doors[0].HTTPS
	return s
}
