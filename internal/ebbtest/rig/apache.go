package rig

import (
	_ "embed" // for the configuration
	"testing"
)

var (
	//go:embed apache.conf
	apacheConf string

	//go:embed apache-gssapi.conf
	apacheGSSAPIConf string
)

var apacheArgs = []string{"-d", ".", "-f", "server.conf", "-DFOREGROUND"}

// Apache starts Apache httpd, over http, https and, besides, https that offers
// HTTP/2 ([Server.HTTP2]):
//
//	/pub/           anyone
//	/basic/         Basic
//	/digest/        Digest, MD5
//	/digest-stale/  the same, with nonces that last 2 seconds
//	/slow/          anyone, at [SlowRate] for a connection
func Apache(t testing.TB, files Files) *Server {
	t.Helper()
	return web(t, site{program: "apache2", args: apacheArgs, conf: apacheConf, files: files, http2: true})
}

// ApacheGSSAPI starts Apache httpd with mod_auth_gssapi. It has what [Apache] has,
// and:
//
//	/negotiate/       Negotiate: Kerberos, with a ticket for [ServiceLocalhost] or [ServiceWeb]
//	/negotiate-ntlm/  Negotiate and NTLM: NTLMSSP, bare or in SPNEGO, for [NTLMUsers]
//	/ntlm/            the same
//	/multi/           Negotiate (Kerberos, NTLMSSP), NTLM, and Basic for [Users]
//
// NTLM is gss-ntlmssp, which refuses the short messages of curl: the server repairs
// those, and no others. Over HTTP/2 there is no NTLM. Channel bindings are not
// looked at: see [EPA].
func ApacheGSSAPI(t testing.TB, files Files, realm *Realm) *Server {
	t.Helper()
	needFile(t, "/usr/lib/apache2/modules/mod_auth_gssapi.so")
	needNTLMSSP(t)
	return web(t, site{program: "apache2", args: apacheArgs, conf: apacheConf + apacheGSSAPIConf, files: files, http2: true, realm: realm})
}
