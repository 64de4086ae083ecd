package rig

import (
	"fmt"
	"strconv"
	"testing"
)

// A SocksProxy is a running SOCKS5 proxy.
type SocksProxy struct {
	*process

	Address string // a URL with the scheme socks5
}

// Socks starts microsocks, a SOCKS5 proxy for [Alice] alone, with user and password
// (RFC 1929). It has no access log.
func Socks(t testing.TB) *SocksProxy {
	t.Helper()
	bin := need(t, "microsocks")
	dir := stateDir(t)
	own(t, dir)
	ports := freePorts(t, 1)
	argv := []string{bin, "-i", "127.0.0.1", "-p", strconv.Itoa(ports[0]), "-u", Alice.Name, "-P", Alice.Password} // test data: argv may show it
	return &SocksProxy{
		process: launch(t, "microsocks", dir, argv, ports),
		Address: fmt.Sprintf("socks5://127.0.0.1:%d", ports[0]),
	}
}
