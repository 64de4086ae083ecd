//go:build integration

package httpauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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

// TestRealParallel: 64 files at once, by NTLM and by Digest with a nonce that has just run out. None fails, and no
// connection costs more than one round trip besides those of its files.
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
	}{{httpauth.NTLM, rig.NTLMAlice, "/ntlm/"}, {httpauth.Digest, rig.Alice, "/digest-stale/"}} {
		address := apache.URL(tt.path + "small.txt")
		tr := mustNew(t, httpauth.Config{MaxIdleConnsPerHost: at, Credentials: []httpauth.Credentials{
			{Scheme: tt.scheme, Origin: originOf(t, address), User: tt.user.Name, Password: tt.user.Password},
		}})
		fetch := func() {
			if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != content || err != nil {
				t.Errorf("%s: %d, %d bytes, %v", tt.scheme, status, len(got), err)
			}
		}
		fetch()
		<-time.After(2100 * time.Millisecond) // the life of a nonce of /digest-stale/
		before := len(apache.AwaitLog(2))
		var all sync.WaitGroup
		for range at {
			all.Go(fetch)
		}
		all.Wait()
		log := apache.AwaitLog(before + at)[before:]
		ports := map[int]bool{}
		for _, r := range log {
			ports[r.Port] = true
		}
		if len(log) > at+len(ports) {
			t.Errorf("%s: %d requests for %d files by %d connections", tt.scheme, len(log), at, len(ports))
		}
		t.Logf("%s: %d requests for %d files by %d connections", tt.scheme, len(log), at, len(ports))
	}
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
