//go:build integration && unix

package daemon_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// leaks searches for secrets where they must not be, when the table is full.
type leaks struct {
	*authTable
	t *testing.T // of the whole search

	secrets secrets
	wrong   map[string]bool // user:password
	more    []*authRow      // beside the table's
	trios   map[*authRow]*passport.Trio

	mu     sync.Mutex // guards tokens
	tokens []string   // that were sent in place of passwords
}

// search looks for every secret in every request of the table, and in all that the daemons have written and
// show. It ends the daemons. A few jobs of its own come first, where a mistake would give a secret away.
//
// Two conversations leave no text to search: what the KDC gets, and the user and password that SOCKS5 sends in clear.
func (l *leaks) search(t *testing.T) {
	l.t = t
	t.Run("two users", l.twoUsers)
	t.Run("doors", l.doors)
	t.Run("redirects", l.redirects)
	t.Run("sign in", l.signIn)
	l.collectSecrets(t)
	t.Run("command line", l.commandLine)
	t.Run("servers", l.searchServers)
	t.Run("proxy", l.searchProxy)
	t.Run("servers of our own", l.searchInside)
	t.Run("passport", l.searchPassport)
	t.Run("planted", l.findPlanted)
	t.Run("daemons", l.searchDaemons)
}

// collectSecrets takes in the passwords that were used: right ones, and all the wrong ones.
func (l *leaks) collectSecrets(t *testing.T) {
	for _, u := range rig.Users {
		l.secrets.add(u)
	}
	for _, u := range rig.NTLMUsers {
		l.secrets.add(inDomain(u))
	}
	for _, u := range rig.Users {
		l.secrets.addKerberos(t, u, l.realm.Name)
	}
	users := []string{rig.Bob.Name, inDomain(rig.NTLMAlice).Name}
	for _, row := range l.rows {
		if row.file != "" {
			l.secrets.add(row.server.user)
			users = append(users, row.server.user.Name)
		}
	}
	l.wrong = map[string]bool{}
	for n := range marks.Load() {
		for _, name := range users {
			u := rig.User{Name: name, Password: fmt.Sprintf("wröng-mark=%d.", n+1)} // see wrongCredential
			l.secrets.add(u)
			l.wrong[u.Name+":"+u.Password] = true
		}
	}
}

// allRowsAndMore are those of the table, and of the jobs that came after it.
func (l *leaks) allRowsAndMore() []*authRow { return append(slices.Clone(l.rows), l.more...) }

// mayHave reports whether p is to be sent these credentials.
func (l *leaks) mayHave(p *party, s sent) bool {
	if p == nil || s.proxy != (p.target == "proxy") || s.scheme != p.answered {
		return false
	}
	user, password, isBasic := s.basic()
	return !isBasic || user == p.user.Name && password == p.user.Password || l.wrong[user+":"+password] && p.wrongCredential().User == user
}

// searchServers looks through what each server was asked by ebb, curl and squid. Credentials may be where a row has
// them, and nowhere else: not at another path, not in another header, not of another scheme or user.
func (l *leaks) searchServers(t *testing.T) {
	for name, s := range map[string]*rig.Server{"apache": l.apache, "nginx": l.nginx, "lighttpd": l.lighttpd, "samba": l.samba, "epa": l.epa} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := awaitText(t, s.SeenText, ask(t, "", s.URL("/pub/"), nil))
			l.examine(t, text, l.atServer(s), l.used(func(row *authRow) *party { return l.serverParty(row, s) }))
		})
	}
}

// used reports whether a row that was tried has a party there.
func (l *leaks) used(there func(*authRow) *party) bool {
	return slices.ContainsFunc(l.rows, func(row *authRow) bool { return row.results[columnRight][0] != "" && there(row) != nil })
}

// serverParty is the row's party at s, nil if it is another server's.
func (l *leaks) serverParty(row *authRow, s *rig.Server) *party {
	for _, address := range []string{s.URL("/"), s.HTTPS("/")} {
		if strings.HasPrefix(row.folder, rig.Named(address)) {
			return row.server
		}
	}
	return nil
}

// atServer allows what the rows have for the path that was asked for.
func (l *leaks) atServer(s *rig.Server) rule {
	allowed := map[string][]*party{}
	for _, row := range l.allRowsAndMore() {
		if p := l.serverParty(row, s); p != nil {
			folder, err := url.Parse(row.folder)
			if err != nil {
				panic(err)
			}
			allowed[folder.Path] = append(allowed[folder.Path], p)
		}
	}
	return func(r asked, s sent) bool {
		target, err := url.Parse(r.target)
		return err == nil && slices.ContainsFunc(allowed[path.Dir(target.Path)+"/"], func(p *party) bool { return l.mayHave(p, s) })
	}
}

// searchProxy is searchServers for squid. It may have the credentials that its door asks for, and those for the server
// of a plain request, which it passes on. In a CONNECT there is nothing for the server.
func (l *leaks) searchProxy(t *testing.T) {
	text := l.proxySeen(t, nil)
	l.examine(t, text, l.atProxy(), l.used(func(row *authRow) *party {
		if row.by == "microsocks" {
			return nil
		}
		return row.proxy
	}))
}

// proxySeen is what squid was asked up to now. The last is a request with header that is of no row.
func (l *leaks) proxySeen(t *testing.T, header http.Header) []byte {
	t.Helper()
	return awaitText(t, l.squid.SeenText, ask(t, l.squid.Open, l.apache.URL("/pub/"), header))
}

// atProxy allows what the rows have. The log does not tell the doors apart: see doors.
func (l *leaks) atProxy() rule {
	var rows []*authRow
	for _, row := range l.allRowsAndMore() {
		if row.via != "" {
			rows = append(rows, row)
		}
	}
	return func(r asked, s sent) bool {
		return slices.ContainsFunc(rows, func(row *authRow) bool {
			if s.proxy {
				return l.mayHave(row.proxy, s)
			}
			return r.method != http.MethodConnect && strings.HasPrefix(r.target, row.folder) && l.mayHave(row.server, s)
		})
	}
}

// searchInside is searchServers for the servers in this process: of their requests the table keeps path and credentials.
func (l *leaks) searchInside(t *testing.T) {
	for _, row := range l.rows {
		if row.file == "" && row.curlFolder == "" || row.results[columnRight][0] == "" {
			continue
		}
		var text []byte
		for _, r := range row.server.log() {
			text = fmt.Appendf(text, "GET %s HTTP/1.1\nAuthorization: %s\n", r.Path, r.Auth)
		}
		text = l.blankSignIn(text, row.server)
		l.examine(t, text, func(_ asked, s sent) bool {
			return l.mayHave(row.server, s) || row.file != "" && s.scheme == "passport1.4"
		}, true)
	}
}

// searchPassport looks for the passwords in all that the servers of MS-PASS were asked: the login server gets them, in the
// one place that they have, and nobody else.
func (l *leaks) searchPassport(t *testing.T) {
	for _, row := range l.more {
		if row.file == "" {
			continue
		}
		trio := l.trios[row]
		for name, s := range map[string]*passport.Server{"partner": trio.Partner, "login": trio.Login, "nexus": trio.Nexus} {
			var text []byte
			for _, r := range s.Requests() {
				text = append(text, r.Text...)
			}
			l.takeTokens(requestsIn(text))
			clean := text
			if s == trio.Login {
				clean = l.blankSignIn(text, row.server)
			}
			l.secrets.search(t, name, clean, "User-Agent: ")
			if s == trio.Login && len(l.secrets.find(text)) == 0 {
				t.Error("the login server got no password")
			}
		}
	}
}

// examine demands that no secret is in what a server has seen, but for the credentials that it may have; and that
// there are some, if they are expected.
func (l *leaks) examine(t *testing.T, text []byte, allowed rule, expected bool) {
	t.Helper()
	problems, passed := l.problems(text, allowed)
	for _, p := range problems {
		t.Error(p)
	}
	if expected && passed == 0 {
		t.Error("no credentials are found, and there must be some")
	}
	requests := requestsIn(text)
	l.takeTokens(requests)
	t.Logf("%d requests in %d bytes, %d of them with credentials that are where they belong", len(requests), len(text), passed)
}

// searchDaemons looks for secrets in what the daemons have written and show: passwords, keys, and all that was ever
// sent in place of a password.
func (l *leaks) searchDaemons(t *testing.T) {
	for _, token := range l.tokens {
		l.secrets.put("what was sent in place of a password", token)
	}
	daemons := map[*process]string{l.plain: "plain", l.ticket: "ticket", l.late: "late", l.keytab: "keytab", l.outdated: "outdated"}
	for _, row := range l.allRowsAndMore() {
		if row.file != "" {
			daemons[row.right] = row.title()
		}
	}
	for d, name := range daemons {
		t.Run(name, func(t *testing.T) { d.searchSecrets(t, &l.secrets) })
	}
}
