package rig

import (
	_ "embed" // for the configuration
	"testing"
)

//go:embed nginx.conf
var nginxConf string

// Nginx starts nginx, over http and https (which offers HTTP/2):
//
//	/pub/    anyone
//	/basic/  Basic
//	/slow/   anyone, at [SlowRate] for a connection
func Nginx(t testing.TB, files Files) *Server {
	t.Helper()
	return web(t, site{program: "nginx", args: []string{"-p", ".", "-c", "server.conf", "-e", "error.log"}, conf: nginxConf, files: files})
}
