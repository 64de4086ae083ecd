package rig

import (
	_ "embed" // for the configuration
	"testing"
)

//go:embed lighttpd.conf
var lighttpdConf string

// Lighttpd starts lighttpd, over http and https:
//
//	/pub/              anyone
//	/digest-md5/       Digest, MD5
//	/digest-sha256/    Digest, SHA-256
//	/digest-userhash/  Digest, SHA-256, with userhash
func Lighttpd(t testing.TB, files Files) *Server {
	t.Helper()
	return web(t, site{program: "lighttpd", args: []string{"-D", "-f", "server.conf"}, conf: lighttpdConf, files: files})
}
