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
	nginx, apache, lighttpd, squid := Nginx(t, files), Apache(t, files), Lighttpd(t, files), Squid(t)

	fmt.Println("\nusers (name password):")
	for _, u := range Users {
		fmt.Printf("  %s %s\n", u.Name, u.Password)
	}
	for _, s := range []struct {
		server *Server
		paths  []string
	}{
		{nginx, []string{"/pub/", "/basic/", "/slow/"}},
		{apache, []string{"/pub/", "/basic/", "/digest/", "/digest-stale/", "/slow/"}},
		{lighttpd, []string{"/pub/", "/digest-md5/", "/digest-sha256/", "/digest-userhash/"}},
	} {
		fmt.Printf("%s (--cacert %s)\n", s.server.name, s.server.CAFile)
		for _, path := range s.paths {
			fmt.Printf("  %s  %s\n", s.server.URL(path+"file.bin"), s.server.HTTPS(path+"file.bin"))
		}
	}
	fmt.Printf("squid\n  open   %s\n  basic  %s\n  digest %s\n", squid.Open, squid.Basic, squid.Digest)
	fmt.Println("files are in", files, "- Ctrl-C stops everything")

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	<-interrupted
}
