//go:build integration && unix

package daemon_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/digest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// authRow is one line of the table: a file, the way to it, and who asks for credentials there.
type authRow struct {
	table *authTable
	what  string // the scheme, and what is special
	by    string // whose it is
	how   string // http or https, plain or CONNECT

	folder        string // the URL of the file's folder
	via           string // the URL of the proxy; "" without one
	server, proxy *party // nil: asks for nothing
	ca, proxyCA   string // files with the authorities of both, for curl, which cannot tell the rig's apart
	limit         int64  // bytes per second; 0 without limit
	stale         bool   // a nonce has to become stale on the way
	curlFolder    string // where curl has a server of its own, which forgives more
	curlNote      string // why curl cannot

	right, wrong *process // the daemons for those columns

	// Of a server that cannot be behind a relay.
	file       string           // its URL
	sum        string           // of the file
	cut        func(int64)      // cuts the connection of the next download after that many bytes
	wasCut     func(*testing.T) // demands that it has done so
	forMissing func()           // prepares for the column

	results [columnCount][2]string // of ebb and curl
}

// first is whom the client connects to.
func (row *authRow) first() string {
	if row.via != "" {
		return row.via
	}
	return row.folder
}

func (row *authRow) parties() []*party {
	var out []*party
	for _, p := range []*party{row.proxy, row.server} {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (row *authRow) title() string { return row.what + ", " + row.by + ", " + row.how }

// allRows begins with those that take long.
func (a *authTable) allRows(t *testing.T) []*authRow {
	rows := a.serverRows()
	rows = append(rows, a.strictRows(t)...)
	rows = append(rows, a.passportRows(t)...)
	rows = append(rows, a.proxyRows()...)
	for _, row := range rows {
		row.table = a
		if row.file == "" {
			row.sum = a.sum
		}
		if row.right == nil {
			row.right, row.wrong = a.plain, a.plain
		}
	}
	return rows
}

// both are two rows, for http and https.
func both(row authRow, s *rig.Server, path string) []*authRow {
	row.ca = s.CAFile
	return []*authRow{over(row, "http", s.URL(path)), over(row, "https", s.HTTPS(path))}
}

func over(row authRow, how, folder string) *authRow {
	row.how, row.folder = how, rig.Named(folder)
	return &row
}

const (
	noPassword = "Its Negotiate takes no password, only a ticket."
	noFallback = "Of several schemes it answers Negotiate, which takes no password, and then no other."
	noBinding  = "It has no channel binding."
)

func (a *authTable) serverRows() []*authRow {
	ntlmBeside := forNTLM.offering("negotiate", "ntlm")
	inSPNEGO := ntlmBeside
	inSPNEGO.scheme, inSPNEGO.answered, inSPNEGO.implicit = "negotiate", "negotiate", rejected
	byKeytab := forNegotiate
	byKeytab.own, byKeytab.implicit = true, expired
	multi := forNegotiate.offering("negotiate", "ntlm", "basic")
	multi.scheme = "any"
	epaTicket := forNegotiate.offering("negotiate", "ntlm")
	var rows []*authRow
	add := func(row authRow, s *rig.Server, path string, p party) {
		row.server = p.at(s)
		rows = append(rows, both(row, s, path)...)
	}
	add(authRow{what: "Digest MD5, nonces of 2 s", by: "Apache", limit: 4 << 20, stale: true}, a.apache, "/digest-stale/", forDigest)
	add(authRow{what: "Basic", by: "Apache"}, a.apache, "/basic/", forBasic)
	add(authRow{what: "Basic", by: "nginx"}, a.nginx, "/basic/", forBasic)
	add(authRow{what: "Digest MD5", by: "Apache"}, a.apache, "/digest/", forDigest)
	add(authRow{what: "Digest SHA-256", by: "lighttpd"}, a.lighttpd, "/digest-sha256/", forDigest)
	add(authRow{what: "Digest SHA-256, userhash", by: "lighttpd"}, a.lighttpd, "/digest-userhash/", forDigest)
	add(authRow{what: "NTLM", by: "gss-ntlmssp"}, a.apache, "/ntlm/", ntlmBeside)
	add(authRow{what: "NTLM", by: "Samba"}, a.samba, "/pub/", forNTLM)
	add(authRow{what: "Kerberos, password", by: "MIT", curlNote: noPassword}, a.apache, "/negotiate/", forNegotiate)
	add(authRow{what: "Kerberos, keytab", by: "MIT", right: a.keytab, wrong: a.outdated}, a.apache, "/negotiate/", byKeytab)
	add(authRow{what: "NTLM in Negotiate", by: "gss-ntlmssp"}, a.apache, "/negotiate-ntlm/", inSPNEGO)
	add(authRow{what: "Negotiate, NTLM and Basic", by: "Apache", curlNote: noFallback}, a.apache, "/multi/", multi)
	epa := authRow{what: "Kerberos, EPA required", by: "of our own", curlNote: noBinding, ca: a.epa.CAFile, server: epaTicket.at(a.epa)}
	rows = append(rows, over(epa, "https", a.epa.HTTPS("/epa-require/")))
	epa.what, epa.server = "NTLM, EPA required", ntlmBeside.at(a.epa)
	return append(rows, over(epa, "https", a.epa.HTTPS("/epa-require/")))
}

// recorder notes what a server in this process is asked, before it answers.
type recorder struct {
	next http.Handler

	mu   sync.Mutex // guards seen
	seen []rig.Request
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	address, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	r.seen = append(r.seen, rig.Request{Path: req.RequestURI, Auth: req.Header.Get("Authorization"), Port: int(address.Port())})
	r.mu.Unlock()
	r.next.ServeHTTP(w, req)
}

// forgiving hears of what a client does wrong, and says nothing.
type forgiving struct{ testing.TB }

func (forgiving) Errorf(string, ...any) {}

// strictRows are of what no packaged server has: servers written from the text of RFC 7616.
func (a *authTable) strictRows(t *testing.T) []*authRow {
	var rows []*authRow
	for _, tt := range []struct{ what, algorithm, qop, note string }{
		{"Digest MD5-sess", "MD5-sess", "auth", ""},
		{"Digest SHA-256, auth-int", "SHA-256", "auth-int", ""},
		{"Digest SHA-512-256", "SHA-512-256", "auth", "It computes another hash under this name."},
	} {
		for _, how := range []string{"http", "https"} {
			o := digest.Options{User: rig.Alice.Name, Password: rig.Alice.Password, Algorithm: tt.algorithm, QOP: tt.qop}
			p := forDigest
			r := &recorder{next: digest.New(t, o).Protect(a.fileServer())}
			p.target, p.settle = "server", func(*testing.T) {}
			p.log = func() []rig.Request {
				r.mu.Lock()
				defer r.mu.Unlock()
				return append([]rig.Request(nil), r.seen...)
			}
			rows = append(rows, over(authRow{
				what: tt.what, by: "of our own", server: &p, ca: a.nginx.CAFile, curlNote: tt.note,
				curlFolder: rig.Named(a.serve(t, how, digest.New(forgiving{t}, o).Protect(a.fileServer()))),
			}, how, a.serve(t, how, r)))
		}
	}
	return rows
}

// passportRows are of three servers written from MS-PASS, each with a daemon that knows where its nexus is.
func (a *authTable) passportRows(t *testing.T) []*authRow {
	var rows []*authRow
	for _, how := range []string{"http", "https"} {
		trio := passport.New(t, passport.Options{Size: bigSize, Cleartext: how == "http"})
		p := forPassport
		p.target, p.settle = "server", func(*testing.T) {}
		p.user = rig.User{Name: trio.Options().User, Password: trio.Options().Password}
		p.log = func() []rig.Request {
			var out []rig.Request
			for _, r := range append(trio.Login.Requests(), trio.Partner.Requests()...) {
				out = append(out, rig.Request{Path: r.URI, Auth: r.Header.Get("Authorization"), Range: r.Header.Get("Range")})
			}
			return out
		}
		daemon := a.another(t)
		daemon.args = []string{"--passport-nexus", trio.Nexus.URL}
		daemon.start()
		t.Cleanup(daemon.kill)
		rows = append(rows, &authRow{
			what: "Passport 1.4", by: "of our own", how: how, server: &p, curlNote: "It has no Passport.", right: daemon, wrong: daemon,
			file: trio.FileURL, sum: digestOf(t, trio.Content()),
			cut:        func(after int64) { trio.Set(func(o *passport.Options) { o.CutAfter = after }) },
			forMissing: func() { trio.Set(func(o *passport.Options) { o.Status401 = true }) }, // 302 would be followed
			wasCut: func(t *testing.T) {
				requests := trio.Partner.Requests()
				if got, want := requests[len(requests)-1].Header.Get("Range"), fmt.Sprintf("bytes=%d-", half); got != want {
					t.Errorf("the last Range is %q, want %q", got, want)
				}
			},
		})
	}
	return rows
}

func digestOf(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (a *authTable) fileServer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		http.ServeFile(w, r, filepath.Join(a.files, "big.bin"))
	})
}

// serve starts a server in this process and returns the URL of its folder.
func (a *authTable) serve(t *testing.T, how string, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	t.Cleanup(srv.Close)
	if how == "http" {
		srv.Start()
		return srv.URL + "/"
	}
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{a.cert}, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	return srv.URL + "/"
}

// proxyRows are every scheme of a proxy, plain and in TLS, before servers of three kinds, by plain requests and by CONNECT.
func (a *authTable) proxyRows() []*authRow {
	all := forNegotiate.offering("negotiate", "ntlm", "digest", "basic")
	all.scheme = "any"
	var rows []*authRow
	for _, tt := range []struct {
		what       string
		party      party
		plain, tls string
		note       string
	}{
		{"Basic", forBasic, a.squid.Basic, a.squid.TLS.Basic, ""},
		{"Digest MD5", forDigest, a.squid.Digest, a.squid.TLS.Digest, ""},
		{"NTLM", forNTLM, a.squid.NTLM, a.squid.TLS.NTLM, ""},
		{"Negotiate, password", forNegotiate, a.squid.Negotiate, a.squid.TLS.Negotiate, noPassword},
		{"all of them", all, a.squid.All, a.squid.TLS.All, noFallback},
	} {
		for _, connection := range []struct{ by, via string }{{"squid", tt.plain}, {"squid in TLS", tt.tls}} {
			rows = append(rows, a.behind(authRow{
				what: tt.what, by: connection.by, via: rig.Named(connection.via), proxyCA: a.squid.CAFile, curlNote: tt.note, proxy: tt.party.before(a.apache, a.squid),
			})...)
		}
	}
	socks := forBasic
	socks.target, socks.offers = "proxy", nil
	return append(rows, a.behind(authRow{what: "SOCKS5", by: "microsocks", via: rig.Named(a.socks.Address), proxy: &socks})...)
}

// behind are the rows for a proxy: no scheme at the server, Digest, and one that is bound to its connection.
func (a *authTable) behind(row authRow) []*authRow {
	var rows []*authRow
	what, note := row.what, row.curlNote
	for _, origin := range []struct {
		what   string
		party  *party
		server *rig.Server
		path   string
		note   string
	}{
		{"", nil, a.apache, "/pub/", ""},
		{" > Digest", forDigest.at(a.apache), a.apache, "/digest/", ""},
		{" > NTLM", forNTLM.at(a.samba), a.samba, "/pub/", ""},
		{" > Negotiate", forNegotiate.at(a.apache), a.apache, "/negotiate/", noPassword},
	} {
		if bound := what == "Basic" || what == "Negotiate, password"; origin.what == " > NTLM" && !bound || origin.what == " > Negotiate" && bound {
			continue
		}
		row.what, row.server, row.curlNote = what+origin.what, origin.party, note
		if note == "" {
			row.curlNote = origin.note
		}
		plain, tunnel := "plain", "CONNECT"
		if row.by == "microsocks" {
			plain, tunnel = "http", "https"
		}
		row.ca = origin.server.CAFile
		rows = append(rows, over(row, plain, origin.server.URL(origin.path)), over(row, tunnel, origin.server.HTTPS(origin.path)))
	}
	return rows
}
