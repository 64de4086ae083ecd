//go:build integration && unix

package daemon_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// place is where files are: a folder of a server, the way there, and what is asked for on it.
type place struct {
	name   string
	server *rig.Server
	path   string // of the folder
	https  bool
	scheme string // of the server; "" when it asks for nothing

	proxy       *rig.Proxy
	via         string // its address
	proxyScheme string
}

func placesOf(nginx, apache, lighttpd *rig.Server, squid *rig.Proxy) []*place {
	return []*place{
		{name: "nginx", server: nginx, path: "/pub/"},
		{name: "nginx, https", server: nginx, path: "/pub/", https: true},
		{name: "nginx Basic", server: nginx, path: "/basic/", scheme: "basic"},
		{name: "nginx Basic, https", server: nginx, path: "/basic/", https: true, scheme: "basic"},
		{name: "Apache Basic", server: apache, path: "/basic/", scheme: "basic"},
		{name: "Apache Basic, https", server: apache, path: "/basic/", https: true, scheme: "basic"},
		{name: "Apache Digest MD5", server: apache, path: "/digest/", scheme: "digest"},
		{name: "Apache Digest MD5, https", server: apache, path: "/digest/", https: true, scheme: "digest"},
		{name: "Apache Digest MD5, 2 s nonces", server: apache, path: "/digest-stale/", scheme: "digest"},
		{name: "lighttpd Digest MD5", server: lighttpd, path: "/digest-md5/", scheme: "digest"},
		{name: "lighttpd Digest SHA-256", server: lighttpd, path: "/digest-sha256/", scheme: "digest"},
		{name: "lighttpd Digest SHA-256, https", server: lighttpd, path: "/digest-sha256/", https: true, scheme: "digest"},
		{name: "lighttpd Digest userhash", server: lighttpd, path: "/digest-userhash/", scheme: "digest"},
		{name: "lighttpd Digest userhash, https", server: lighttpd, path: "/digest-userhash/", https: true, scheme: "digest"},
		{name: "squid Basic", server: nginx, path: "/pub/", proxy: squid, via: squid.Basic, proxyScheme: "basic"},
		{name: "squid Basic, CONNECT", server: nginx, path: "/pub/", https: true, proxy: squid, via: squid.Basic, proxyScheme: "basic"},
		{name: "squid Digest", server: lighttpd, path: "/pub/", proxy: squid, via: squid.Digest, proxyScheme: "digest"},
		{name: "squid Digest, CONNECT", server: lighttpd, path: "/pub/", https: true, proxy: squid, via: squid.Digest, proxyScheme: "digest"},
		{name: "squid Basic > Apache Digest", server: apache, path: "/digest/", scheme: "digest", proxy: squid, via: squid.Basic, proxyScheme: "basic"},
		{name: "squid Basic > Apache Basic, CONNECT", server: apache, path: "/basic/", https: true, scheme: "basic", proxy: squid, via: squid.Basic, proxyScheme: "basic"},
		{name: "squid Digest > nginx Basic", server: nginx, path: "/basic/", scheme: "basic", proxy: squid, via: squid.Digest, proxyScheme: "digest"},
		{name: "squid Digest > lighttpd SHA-256, CONNECT", server: lighttpd, path: "/digest-sha256/", https: true, scheme: "digest", proxy: squid, via: squid.Digest, proxyScheme: "digest"},
	}
}

// asker is who asks for a password on the way to a place.
type asker struct {
	target string // "server" or "proxy"
	scheme string
	code   job.Code // of the error when it is refused
}

func (p *place) askers() []asker {
	var out []asker
	if p.proxyScheme != "" {
		out = append(out, asker{"proxy", p.proxyScheme, 0x80190197})
	}
	if p.scheme != "" {
		out = append(out, asker{"server", p.scheme, 0x80190191})
	}
	return out
}

// credentials lets u in everywhere on the way.
func (p *place) credentials(u rig.User) []job.Credential {
	var out []job.Credential
	for _, a := range p.askers() {
		out = append(out, job.Credential{Target: a.target, Scheme: a.scheme, User: u.Name, Password: u.Password})
	}
	return out
}

// spec is a job that fetches the named files, each with mark in its URL, so that the log tells jobs apart.
func (p *place) spec(t *testing.T, folder, mark string, names []string) job.Spec {
	t.Helper()
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	spec.Name, spec.Priority, spec.AutoComplete = p.name+" "+mark, job.Foreground, true
	spec.Network.Proxy = cmp.Or(p.via, "none")
	address := p.server.URL
	if p.https {
		address = p.server.HTTPS
		ca, err := os.ReadFile(p.server.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		spec.Network.CACert = string(ca)
	}
	for _, name := range names {
		spec.Files = append(spec.Files, job.FileSpec{URL: address(p.path + name + "?" + mark), Local: filepath.Join(folder, name)})
	}
	return spec
}

var marks atomic.Int64

// newMark is a query that no other job has.
func (p *place) newMark() string { return fmt.Sprintf("mark=%d.", marks.Add(1)) }

// serverLog is what the server has logged of a job.
func (p *place) serverLog(mark string) []rig.Request { return marked(p.server.AccessLog(), mark) }

// proxyLog is what the proxy has logged after its first lines.
func (p *place) proxyLog(before int) []rig.Request {
	if p.proxy == nil {
		return nil
	}
	return p.proxy.AccessLog()[before:]
}

func marked(log []rig.Request, mark string) []rig.Request {
	return slices.DeleteFunc(log, func(r rig.Request) bool { return !strings.HasSuffix(r.Path, "?"+mark) })
}

// sync returns when the servers have logged all that the daemon has asked before: a request of its own is
// behind that.
func (p *place) sync(t *testing.T) {
	t.Helper()
	mark := p.newMark()
	tr := &http.Transport{DisableKeepAlives: true}
	var open string
	if p.proxy != nil {
		open = p.proxy.Open
		address, err := url.Parse(open)
		if err != nil {
			t.Fatal(err)
		}
		tr.Proxy = http.ProxyURL(address)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server.URL("/pub/"+smallName(0)+"?"+mark), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	await(t, "its own request in the log", func() bool {
		return len(p.serverLog(mark)) > 0 && (open == "" || len(marked(p.proxyLog(0), mark)) > 0)
	})
}

// await polls what no event tells: a file that another program writes.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// rejected is how often one of those who ask for credentials has turned down the job's. A proxy logs a tunnel at
// its end, but a refusal at once.
func (d *download) rejected(a asker) int {
	log, status := d.place.serverLog(d.mark), http.StatusUnauthorized
	if a.target == "proxy" {
		log, status = d.place.proxyLog(d.before), http.StatusProxyAuthRequired
	}
	n := 0
	for _, r := range log {
		if r.Auth != "" && r.Status == status {
			n++
		}
	}
	return n
}

// connections is how many the job's answers came by.
func (d *download) connections() int {
	log := d.place.serverLog(d.mark) // each tunnel has one of its own to the server
	if d.place.proxy != nil && !d.place.https {
		log = marked(d.place.proxyLog(0), d.mark)
	}
	ports := map[int]bool{}
	for _, r := range log {
		if r.Status == http.StatusOK || r.Status == http.StatusPartialContent {
			ports[r.Port] = true
		}
	}
	return len(ports)
}
