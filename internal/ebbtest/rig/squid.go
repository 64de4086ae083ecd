package rig

import (
	_ "embed" // for the configuration
	"fmt"
	"testing"
)

//go:embed squid.conf
var squidConf string

// Squid starts squid as a proxy to loopback addresses, for plain requests and for
// CONNECT. It keeps nothing.
func Squid(t testing.TB) *Proxy {
	t.Helper()
	bin := need(t, "squid")
	dir := stateDir(t)
	ports := freePorts(t, 3)
	writePasswords(t, dir)
	writeConfig(t, dir, squidConf, struct {
		Dir                 string
		Open, Basic, Digest int
	}{dir, ports[0], ports[1], ports[2]})
	own(t, dir)

	// -N: one process, in the foreground. -n: a name of its own, for what squid
	// keeps outside the folder.
	argv := []string{bin, "-N", "-f", dir + "/server.conf", "-n", fmt.Sprintf("rig%d", ports[0])}
	url := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
	return &Proxy{
		process: launch(t, "squid", dir, argv, ports),
		Open:    url(ports[0]),
		Basic:   url(ports[1]),
		Digest:  url(ports[2]),
	}
}
