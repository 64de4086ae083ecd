//go:build integration

package httpauth_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// ntlmNames are the forms of a user's name that people type.
func ntlmNames(u rig.User) []string { return []string{u.Name, rig.NTLMDomain + `\` + u.Name} }

// TestRealNTLM: gss-ntlmssp, which checks the MIC, for right, wrong and missing passwords; by http, https, and by
// https with a server that would rather speak HTTP/2.
func TestRealNTLM(t *testing.T) {
	files, content := realFiles(t)
	apache := rig.ApacheGSSAPI(t, files, rig.KDC(t))
	for _, tt := range []struct {
		path   string
		scheme httpauth.Scheme
	}{{"/ntlm/file.bin", httpauth.NTLM}, {"/multi/file.bin", httpauth.NTLM}} {
		for _, address := range []string{apache.URL(tt.path), apache.HTTPS(tt.path), apache.HTTP2(tt.path)} {
			for _, user := range []rig.User{rig.NTLMAlice, rig.Bob} { // gss-ntlmssp knows only ASCII in Apache's locale
				for _, name := range ntlmNames(user) {
					c := httpauth.Credentials{Scheme: tt.scheme, Origin: originOf(t, address), User: name, Password: user.Password}
					cfg := httpauth.Config{Credentials: []httpauth.Credentials{c}, TLS: trusting(t, apache), HTTP2: true}
					tr := mustNew(t, cfg)
					for range 2 {
						if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
							t.Errorf("%s as %s: %d, %d bytes, %v", address, name, status, len(got), err)
						}
					}
					cfg.Credentials[0].Password += "x"
					if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrRefused) || e.Refused != tt.scheme {
						t.Errorf("%s as %s with a wrong password: %v", address, name, e)
					}
				}
			}
			if e, _ := refusal(t, mustNew(t, httpauth.Config{TLS: trusting(t, apache)}), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrNoCredentials) {
				t.Errorf("%s without a password: %v", address, e)
			}
		}
	}
}

// TestRealAffinity: 16 workers × 8 requests lose none. Each connection costs two requests more: one that finds out that it
// is new, by a challenge or because the one before is gone, and one that opens it.
func TestRealAffinity(t *testing.T) {
	const workers, each = 16, 8
	files, content := realFiles(t)
	apache := rig.ApacheGSSAPI(t, files, rig.KDC(t))
	address := apache.URL("/ntlm/file.bin")
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.NTLM, Origin: originOf(t, address), User: rig.NTLMAlice.Name, Password: rig.NTLMAlice.Password},
	}})
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
					t.Errorf("%d, %d bytes, %v", status, len(got), err)
				}
			}
		})
	}
	all.Wait()
	whole, ports := 0, map[int]bool{}
	log := apache.AwaitLog(workers * each)
	for _, r := range log {
		if r.Status == http.StatusOK {
			whole++
			ports[r.Port] = true
		}
	}
	if most := workers*each + 2*len(ports); whole != workers*each || len(log) > most {
		t.Errorf("%d requests for %d answers by %d connections, want at most %d", len(log), whole, len(ports), most)
	}
	t.Logf("%d requests for %d answers by %d connections", len(log), whole, len(ports))
}

// TestRealParallel: 64 files at once, by NTLM and by Digest with a nonce that has just run out. None fails. NTLM signs in each
// connection by one challenge, and none that is open already. Digest signs each request, whatever connection it gets: a file
// costs at most one challenge, and none once an answer has brought a new nonce.
func TestRealParallel(t *testing.T) {
	const at = 64
	files, _ := realFiles(t)
	content := strings.Repeat("small ", 100)                                                                // all are there before the next nonce runs out
	if err := os.WriteFile(filepath.Join(string(files), "small.txt"), []byte(content), 0o644); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	apache := rig.ApacheGSSAPI(t, files, rig.KDC(t))
	for _, tt := range []struct {
		scheme httpauth.Scheme
		user   rig.User
		path   string
		signed func(rig.Request) any // what a challenge is for
	}{
		{httpauth.NTLM, rig.NTLMAlice, "/ntlm/small.txt", func(r rig.Request) any { return r.Port }},
		{httpauth.Digest, rig.Alice, "/digest-stale/small.txt", func(r rig.Request) any { return r.Path }},
	} {
		address := apache.URL(tt.path)
		tr := mustNew(t, httpauth.Config{MaxIdleConnsPerHost: at, Credentials: []httpauth.Credentials{
			{Scheme: tt.scheme, Origin: originOf(t, address), User: tt.user.Name, Password: tt.user.Password},
		}})
		fetch := func(file string) {
			if status, got, err := get(t, tr, "GET", address+"?"+file, ""); status != 200 || got != content || err != nil {
				t.Errorf("%s: file %s: %d, %d bytes, %v", tt.scheme, file, status, len(got), err)
			}
		}
		fetch("first")
		<-time.After(2100 * time.Millisecond) // the life of a nonce of /digest-stale/
		var all sync.WaitGroup
		for n := range at {
			all.Go(func() { fetch(fmt.Sprint(n)) })
		}
		all.Wait()
		fetch("last")

		log := awaitAnswers(apache, tt.path, at+2)
		begun := slices.IndexFunc(log, func(r rig.Request) bool { return r.Status == http.StatusOK }) + 1
		first, log := log[begun-1], log[begun:]
		challenged, old := map[any]bool{tt.signed(first): true}, "" // old is the nonce that has run out
		for _, r := range log {
			if r.Status == http.StatusOK {
				continue
			}
			old = cmp.Or(old, nonceOf(r))
			if r.Status != http.StatusUnauthorized || challenged[tt.signed(r)] || nonceOf(r) != old || r.Path == tt.path+"?last" {
				t.Errorf("%s: needlessly asked: %+v", tt.scheme, r)
			}
			challenged[tt.signed(r)] = true
		}
		if asked := len(challenged) - 1; len(log) != at+1+asked {
			t.Errorf("%s: %d requests for %d files and %d challenges", tt.scheme, len(log), at+1, asked)
		}
		t.Logf("%s: %d requests for %d files", tt.scheme, len(log), at+1)
	}
}

// awaitAnswers returns what the server was asked of a path, once its log has n answers that let somebody in.
func awaitAnswers(server *rig.Server, path string, n int) []rig.Request {
	for lines := n; ; lines++ {
		all, asked, whole := server.AwaitLog(lines), []rig.Request(nil), 0
		for _, r := range all {
			if !strings.HasPrefix(r.Path, path+"?") {
				continue
			}
			asked = append(asked, r)
			if r.Status == http.StatusOK {
				whole++
			}
		}
		if whole >= n {
			return asked
		}
		lines = len(all)
	}
}

// nonceOf is the server's nonce that a request was signed with by Digest, else "".
func nonceOf(r rig.Request) string {
	_, after, _ := strings.Cut(r.Auth, ` nonce="`)
	nonce, _, _ := strings.Cut(after, `"`)
	return nonce
}

// TestRealSambaNTLM: Samba's ntlm_auth, which takes the messages as they come.
func TestRealSambaNTLM(t *testing.T) {
	files, content := realFiles(t)
	samba := rig.SambaNTLM(t, rig.Nginx(t, files))
	for _, address := range []string{samba.URL("/pub/file.bin"), samba.HTTPS("/pub/file.bin")} {
		for _, name := range ntlmNames(rig.NTLMAlice) {
			c := httpauth.Credentials{Scheme: httpauth.NTLM, Origin: originOf(t, address), User: name, Password: rig.NTLMAlice.Password}
			cfg := httpauth.Config{Credentials: []httpauth.Credentials{c}, TLS: trusting(t, samba)}
			tr := mustNew(t, cfg)
			for range 2 {
				if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
					t.Errorf("%s as %s: %d, %d bytes, %v", address, name, status, len(got), err)
				}
			}
			cfg.Credentials[0].Password += "x"
			if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrRefused) {
				t.Errorf("%s as %s with a wrong password: %v", address, name, e)
			}
		}
	}
}

// TestRealChannelBinding: a server that demands Extended Protection, directly and through a tunnel.
func TestRealChannelBinding(t *testing.T) {
	files, content := realFiles(t)
	realm := rig.KDC(t)
	epa, squid := rig.EPA(t, files, realm), rig.Squid(t)
	proxy, err := url.Parse(squid.Open)
	if err != nil {
		t.Fatal(err)
	}
	kerberos := httpauth.Kerberos{ConfigFile: realm.ConfigFile, CCache: realm.CCache(t, rig.Alice, time.Hour)}
	all := []httpauth.Credentials{{Scheme: httpauth.Negotiate, Implicit: true}}
	for _, user := range rig.NTLMUsers {
		all = append(all,
			httpauth.Credentials{Scheme: httpauth.NTLM, User: user.Name, Password: user.Password},
			httpauth.Credentials{Scheme: httpauth.Negotiate, User: `RIG\` + user.Name, Password: user.Password}) // no realm: NTLM
	}
	for name, way := range map[string]func(*http.Request) (*url.URL, error){"directly": nil, "by CONNECT": http.ProxyURL(proxy)} {
		for _, path := range []string{"/epa-require/file.bin", "/epa-allow/file.bin"} {
			address := rig.Named(epa.HTTPS(path))
			for _, c := range all {
				c.Origin = originOf(t, address)
				tr := mustNew(t, httpauth.Config{Proxy: way, TLS: trusting(t, epa), Kerberos: kerberos, Credentials: []httpauth.Credentials{c}})
				for range 2 {
					if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
						t.Errorf("%s, %s by %s as %q: %d, %d bytes, %v", name, path, c.Scheme, c.User, status, len(got), err)
					}
				}
			}
		}
	}
}
