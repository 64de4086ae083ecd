package rig

import (
	_ "embed" // for the program
	"testing"
)

//go:embed epa.py
var epaProgram string

// EPA starts a server of our own that looks at channel bindings (Extended Protection
// for Authentication), over https, HTTP/1.1. It asks for Negotiate and NTLM, with the
// accounts of [ApacheGSSAPI], bare or in SPNEGO:
//
//	/epa-require/  who is bound to the server's certificate
//	/epa-allow/    who is not bound to another one
//
// Over http there is nothing to be bound to, so /epa-require/ lets nobody in.
// The short messages of curl do not do for its NTLM. Files have strong validators.
func EPA(t testing.TB, files Files, realm *Realm) *Server {
	t.Helper()
	needFile(t, "/usr/lib/python3/dist-packages/gssapi")
	needNTLMSSP(t)
	// Debian's Python, wherever PATH leads: the module is for that one.
	return web(t, site{program: "/usr/bin/python3", args: []string{"server.conf"}, conf: epaProgram, files: files, realm: realm})
}
