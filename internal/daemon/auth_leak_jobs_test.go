//go:build integration && unix

package daemon_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// twoUsers has Basic at a proxy and at the server behind it, for different users: each must get its own alone.
func (l *leaks) twoUsers(t *testing.T) {
	proxy, server := forBasic, forBasic
	proxy.user, server.user = rig.Juergen, rig.Bob
	for _, via := range []string{l.squid.Basic, l.squid.TLS.Basic} {
		row := authRow{
			table: l.authTable, what: "Basic > Basic, two users", by: via, via: rig.Named(via), sum: l.sum, right: l.plain, wrong: l.plain,
			proxy: proxy.before(l.apache, l.squid), server: server.at(l.apache),
		}
		for _, row := range []*authRow{over(row, "plain", l.apache.URL("/basic/")), over(row, "CONNECT", l.apache.HTTPS("/basic/"))} {
			l.more = append(l.more, row)
			t.Run(row.title()+", right", row.tryRight)
			t.Run(row.title()+", missing", row.tryMissing)
		}
	}
}

// doors are the proxy's. One that does not ask for Basic must not get it, whatever else there is.
func (l *leaks) doors(t *testing.T) {
	basic := forBasic.before(l.apache, l.squid).credential()
	for _, tt := range []struct {
		via   string
		party party
	}{{l.squid.Digest, forDigest}, {l.squid.NTLM, forNTLM}, {l.squid.TLS.Negotiate, forNegotiate}} {
		p := tt.party.before(l.apache, l.squid)
		row := authRow{table: l.authTable, by: "squid", via: rig.Named(tt.via), proxy: p}
		for _, row := range []*authRow{over(row, "plain", l.apache.URL("/pub/")), over(row, "CONNECT", l.apache.HTTPS("/pub/"))} {
			t.Run(p.scheme+", "+row.how, func(t *testing.T) {
				w := row.refused(t, l.plain, p, []job.Credential{basic}, "")
				p.settle(t)
				if n := countSecrets(w.seen(p)); n != 0 {
					t.Errorf("it got credentials %d times", n)
				}
			})
		}
	}
	all := forNegotiate.before(l.apache, l.squid)
	row := over(authRow{table: l.authTable, by: "squid", via: rig.Named(l.squid.All), proxy: all}, "plain", l.apache.URL("/pub/"))
	t.Run("all", func(t *testing.T) {
		w := newWay(t, row, 0)
		credentials := []job.Credential{basic, forDigest.before(l.apache, l.squid).credential(), forNTLM.before(l.apache, l.squid).credential(), all.credential()}
		j, _, err := w.create(t, l.plain, credentials)
		if err != nil {
			t.Fatal(err)
		}
		if err := rest(t, j); err != nil {
			t.Fatal(err)
		}
		all.settle(t)
		log := w.seen(all)
		other := func(r rig.Request) bool { return r.Auth != "" && !strings.HasPrefix(r.Auth, "Negotiate ") }
		if countSecrets(log) == 0 || slices.ContainsFunc(log, other) {
			t.Errorf("it got %+v, want Negotiate alone", log)
		}
	})
}

// signIn downloads by Passport, with a right and a wrong password. All that its servers are asked is kept.
func (l *leaks) signIn(t *testing.T) {
	l.trios = map[*authRow]*passport.Trio{}
	for _, how := range []string{"http", "https"} {
		trio := passport.New(l.t, passport.Options{Cleartext: how == "http"})
		daemon := l.another(l.t)
		daemon.args = []string{"--passport-nexus", trio.Nexus.URL}
		daemon.start()
		l.t.Cleanup(daemon.kill)
		p := forPassport
		p.target, p.user, p.settle = "server", rig.User{Name: trio.Options().User, Password: trio.Options().Password}, func(*testing.T) {}
		p.log = func() (out []rig.Request) {
			for _, r := range trio.Login.Requests() {
				out = append(out, rig.Request{Path: r.URI, Auth: r.Header.Get("Authorization")})
			}
			return out
		}
		row := &authRow{
			table: l.authTable, what: "Passport 1.4", by: "kept", how: how, server: &p, right: daemon, wrong: daemon,
			file: trio.FileURL, sum: digestOf(t, trio.Content()), cut: func(int64) {}, wasCut: func(*testing.T) {},
		}
		l.more, l.trios[row] = append(l.more, row), trio
		t.Run(how+", right", row.tryRight)
		t.Run(how+", wrong", row.tryWrong)
	}
}

// redirects are from a server that has let the job in to another one of the same name, which asks for credentials, too:
// it must not get those of the first, even if they are good there, and a ticket must not be asked for.
func (l *leaks) redirects(t *testing.T) {
	all := forNegotiate.offering("negotiate", "ntlm", "basic")
	all.scheme = "any"
	own := forNegotiate
	own.own = true
	for _, tt := range []struct {
		name   string
		party  party
		server *rig.Server
		to     string
	}{
		{"Basic", forBasic, l.nginx, l.nginx.URL("/basic/")},
		{"Basic, https", forBasic, l.apache, l.apache.HTTPS("/basic/")},
		{"Digest", forDigest, l.apache, l.apache.URL("/digest/")},
		{"Digest, https", forDigest, l.lighttpd, l.lighttpd.HTTPS("/digest-sha256/")},
		{"NTLM", forNTLM, l.samba, l.samba.URL("/pub/")},
		{"NTLM, https", forNTLM.offering("negotiate", "ntlm"), l.apache, l.apache.HTTPS("/ntlm/")},
		{"Negotiate, password", forNegotiate, l.apache, l.apache.URL("/negotiate/")},
		{"Negotiate, ticket", own, l.apache, l.apache.HTTPS("/negotiate/")},
		{"any", all, l.apache, l.apache.URL("/multi/")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asker := redirector{to: rig.Named(tt.to) + smallName(0)}
			p := tt.party.at(tt.server)
			how, _, _ := strings.Cut(tt.to, ":")
			row := over(authRow{table: l.authTable, what: "a redirect", server: p}, how, l.serve(t, how, &asker))
			credentials := []job.Credential{p.credential()}
			if p.scheme != "basic" && p.scheme != "any" {
				credentials = append(credentials, forBasic.at(tt.server).credential())
			}
			tickets := len(l.realm.Requests())
			w := row.refused(t, l.ticket, p, credentials, "")
			if asker.passed == 0 {
				t.Error("the first server has let nobody in")
			}
			p.settle(t)
			log := marked(p.log(), w.mark)
			if len(log) == 0 {
				t.Error("the second server was not asked")
			}
			if i := slices.IndexFunc(log, func(r rig.Request) bool { return r.Auth != "" }); i >= 0 {
				t.Errorf("the second server got %s", log[i].Auth)
			}
			if n := len(l.realm.Requests()) - tickets; n != 0 {
				t.Errorf("the KDC was asked %d times", n)
			}
		})
	}
}

// redirector sends those on whom it knows by Basic. Only one job asks it.
type redirector struct {
	to     string
	passed int
}

func (s *redirector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != rig.Alice.Name || password != rig.Alice.Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="rig"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.passed++
	http.Redirect(w, r, s.to+"?"+r.URL.RawQuery, http.StatusFound)
}

// commandLine looks at `ebb get` while it waits, in each way that it can be told a password.
func (l *leaks) commandLine(t *testing.T) {
	const token = "token68.of-the_command~line+/=="
	sought := &l.secrets
	sought.addToken("the bearer token", token)
	pair := base64.StdEncoding.EncodeToString([]byte(rig.Juergen.Name + ":" + rig.Juergen.Password))
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, tt := range []struct {
		name, wants, stdin, netrc string
		args                      []string
	}{
		{name: "file", wants: "Basic " + pair, args: []string{"--scheme", "basic", "--user", rig.Juergen.Name, "--password-file", file(rig.Juergen.Password)}},
		{name: "standard input", wants: "Basic " + pair, stdin: rig.Juergen.Password, args: []string{"--scheme", "basic", "--user", rig.Juergen.Name, "--password-stdin"}},
		{name: "netrc", wants: "Basic " + pair, netrc: file("machine localhost login " + rig.Juergen.Name + " password " + rig.Juergen.Password), args: []string{"--netrc"}},
		{name: "bearer", wants: "Bearer " + token, args: []string{"--scheme", "bearer", "--password-file", file(token)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &holder{wants: tt.wants, arrived: make(chan struct{}), leave: make(chan struct{})}
			address := rig.Named(l.serve(t, "http", s))
			args := append([]string{"get", "--proxy", "none", "-o", filepath.Join(t.TempDir(), "file"), address + "file"}, tt.args...)
			cmd := l.plain.command(t, args...)
			cmd.Stdin = strings.NewReader(tt.stdin)
			cmd.Env = append(cmd.Env, "NETRC="+tt.netrc)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				t.Fatalf("it ended before the server had what it wants: %v\n%s", err, said.Bytes())
			case <-s.arrived:
			}
			searchProcess(t, sought, "ebb get", cmd.Process.Pid, "get")
			searchProcess(t, sought, "the daemon", l.plain.cmd.Process.Pid, "daemon")
			close(s.leave)
			if err := <-ended; err != nil {
				t.Errorf("ebb get: %v", err)
			}
			sought.search(t, "what ebb get says", said.Bytes(), "")
		})
	}
}

// holder asks for credentials, and answers those who have them when it is told to. One job asks it.
type holder struct {
	wants          string
	arrived, leave chan struct{}
}

func (s *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != s.wants {
		scheme, _, _ := strings.Cut(s.wants, " ")
		w.Header().Set("WWW-Authenticate", scheme+` realm="rig"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	close(s.arrived)
	<-s.leave
	_, _ = io.WriteString(w, "here you are")
}

// findPlanted sends secrets to where they must not be, one by one, and demands that the search finds each.
func (l *leaks) findPlanted(t *testing.T) {
	password := rig.Juergen.Password
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(rig.Alice.Name+":"+rig.Alice.Password))
	others := "Basic " + base64.StdEncoding.EncodeToString([]byte(rig.Juergen.Name+":"+password))
	inside := "NTLM " + base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x03\x00\x00\x00"+inUTF16(password, binary.LittleEndian)))
	for _, tt := range []struct {
		name         string
		server       *rig.Server
		path         string
		field, value string
		want         string // what is said of it
	}{
		{"another header", l.nginx, "/pub/", "X-Odd", "before " + password, "jürgen's password is there"},
		{"another header, escaped", l.lighttpd, "/pub/", "X-Odd", fmt.Sprintf("%+q", password), "jürgen's password is there"},
		{"Basic where nothing is asked for", l.apache, "/pub/", "Authorization", basic, "/pub/small-000.bin?MARK: basic credentials"},
		{"Basic where Digest is asked for", l.apache, "/digest/", "Authorization", basic, "/digest/small-000.bin?MARK: basic credentials"},
		{"Basic of somebody else", l.nginx, "/basic/", "Authorization", others, "/basic/small-000.bin?MARK: basic credentials"},
		{"the proxy's at a server", l.apache, "/basic/", "Proxy-Authorization", basic, "/basic/small-000.bin?MARK: basic credentials, proxy=true"},
		{"a password in NTLM", l.samba, "/pub/", "Authorization", inside, "jürgen's password in UTF-16LE is there"},
		{"a password in NTLM, http", l.epa, "/epa-require/", "Authorization", inside, "jürgen's password in UTF-16LE is there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(tt.server.SeenText())
			mark := ask(t, "", tt.server.URL(tt.path), http.Header{tt.field: {tt.value}})
			text := awaitText(t, tt.server.SeenText, mark)[before:]
			problems, _ := l.problems(text, l.atServer(tt.server))
			if want := strings.Replace(tt.want, "MARK", mark, 1); !strings.Contains(strings.Join(problems, "\n"), want) {
				t.Errorf("%q is not found, but %q", want, problems)
			}
		})
	}
	t.Run("Basic at a proxy", func(t *testing.T) {
		text := l.proxySeen(t, http.Header{"Authorization": {basic}})
		problems, _ := l.problems(text, l.atProxy())
		if want := "/pub/small-000.bin"; !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%q is not found, but %q", want, problems)
		}
	})
}
