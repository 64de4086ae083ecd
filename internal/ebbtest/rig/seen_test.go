//go:build integration

package rig

import (
	"strings"
	"testing"
)

// What a client sends can be found, whatever it is, whether it was let in or not.
func TestSeenText(t *testing.T) {
	t.Parallel()
	files, _ := sample(t, 10)
	nginx, apache, lighttpd, squid := Nginx(t, files), Apache(t, files), Lighttpd(t, files), Squid(t)
	const odd = `a:b|c%d"e\f+/=%3aü`
	for _, tt := range []struct {
		server *process
		args   []string
	}{
		{nginx.process, []string{nginx.URL("/basic/?q=%7C")}},
		{nginx.process, []string{nginx.HTTPS("/basic/?q=%7C"), "--cacert", nginx.CAFile}},
		{apache.process, []string{apache.URL("/basic/?q=%7C")}},
		{apache.process, []string{apache.HTTP2("/basic/?q=%7C"), "--cacert", apache.CAFile}},
		{lighttpd.process, []string{lighttpd.URL("/digest-md5/?q=%7C")}},
		{lighttpd.process, []string{lighttpd.HTTPS("/digest-md5/?q=%7C"), "--cacert", lighttpd.CAFile}},
		{squid.process, []string{nginx.URL("/basic/?q=%7C"), "-x", squid.Basic}},
	} {
		before := len(tt.server.SeenText())
		requests := len(tt.server.AccessLog())
		curl(t, append(tt.args, "-H", "X-Odd: "+odd, "-H", "Authorization: Basic bm9wZQ==")...)
		tt.server.AwaitLog(requests + 1)
		text := string(tt.server.SeenText()[before:])
		for _, want := range []string{odd, "Basic bm9wZQ==", "/?q=%7C"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s, %s: no %q in\n%s", tt.server.name, tt.args[0], want, text)
			}
		}
	}
}
