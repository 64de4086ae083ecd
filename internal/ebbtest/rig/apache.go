package rig

import (
	_ "embed" // for the configuration
	"testing"
)

//go:embed apache.conf
var apacheConf string

// Apache starts Apache httpd, over http and https:
//
//	/pub/           anyone
//	/basic/         Basic
//	/digest/        Digest, MD5
//	/digest-stale/  the same, with nonces that last 2 seconds
//	/slow/          anyone, at [SlowRate] for a connection
func Apache(t testing.TB, files Files) *Server {
	t.Helper()
	return web(t, "apache2", files, apacheConf, func(bin, dir string) []string {
		return []string{bin, "-d", dir, "-f", "server.conf", "-DFOREGROUND"}
	})
}
