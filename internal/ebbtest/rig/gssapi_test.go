//go:build integration

package rig

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client is one way to ask: options of curl, and the accounts it finds.
type client struct {
	name string
	env  []string
	args []string
}

// clients are the clients that curl can be.
type clients struct {
	none, noTicket, ticket client // without an option; --negotiate without and with a ticket for Alice
	ntlm, ntlmWrong        client // --ntlm
	spnego, spnegoWrong    client // NTLM by --negotiate
}

// with returns a client with the password of u for a scheme.
func (c clients) with(scheme string, u User) client {
	return client{scheme + ", " + u.Name + ", " + u.Password, c.none.env, login(scheme, u)}
}

func newClients(t *testing.T, realm *Realm) clients {
	t.Helper()
	none := []string{"KRB5_CONFIG=" + realm.ConfigFile}
	c := clients{
		none:     client{"no credentials", none, nil},
		noTicket: client{"no ticket", none, negotiate},
		ticket:   client{"ticket", append(none, "KRB5CCNAME="+realm.CCache(t, Alice, time.Hour)), negotiate},
	}
	c.spnego = c.inSPNEGO(t, NTLMAlice)
	c.spnegoWrong = c.inSPNEGO(t, User{NTLMAlice.Name, "nope"})
	c.ntlm = c.with("ntlm", inDomain(NTLMAlice))
	c.ntlmWrong = c.with("ntlm", inDomain(User{NTLMAlice.Name, "nope"}))
	return c
}

var negotiate = []string{"--negotiate", "-u", ":"} // as what is found in the environment

// inSPNEGO returns a client that is u by NTLM, in SPNEGO.
func (c clients) inSPNEGO(t *testing.T, u User) client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ntlm")
	write(t, file, NTLMDomain+":"+u.Name+":"+u.Password+"\n")
	env := slices.Concat(c.none.env, []string{"NTLM_USER_FILE=" + file, "LC_ALL=C.UTF-8"})
	return client{"NTLM in SPNEGO, " + u.Name + ", " + u.Password, env, negotiate}
}

func inDomain(u User) User { return User{NTLMDomain + `\` + u.Name, u.Password} }

// expect asks for url as a client, for all of it and for a part, and wants what is
// in content, or to be refused with a status.
func (c client) expect(t *testing.T, refused int, url string, content []byte, extra ...string) {
	t.Helper()
	args := slices.Concat(extra, c.args, []string{url})
	if refused != 0 {
		if status, _ := curlWith(t, c.env, args...); status != refused {
			t.Errorf("%s, %s: status %d, want %d", url, c.name, status, refused)
		}
		return
	}
	if status, body := curlWith(t, c.env, args...); status != 200 || !bytes.Equal(body, content) {
		t.Errorf("%s, %s: status %d, %d bytes, want 200 and the %d of the file", url, c.name, status, len(body), len(content))
	}
	if status, body := curlWith(t, c.env, append(args, "-r", "100-199")...); status != 206 || !bytes.Equal(body, content[100:200]) {
		t.Errorf("%s, %s: status %d, %d bytes of the range, want 206 and 100", url, c.name, status, len(body))
	}
}

// wantOffer asks without credentials and wants these schemes to be asked for, in this
// order. curl alone would not notice: it is told what to answer.
func wantOffer(t *testing.T, want string, args ...string) {
	t.Helper()
	head, err := exec.Command(need(t, "curl"), append(args, "-sS", "-o", os.DevNull, "-D", "-", "--noproxy", "")...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // a refused CONNECT is one
		t.Fatal(err)
	}
	var schemes []string
	for _, m := range regexp.MustCompile(`(?i)-authenticate: ([a-z]+)`).FindAllStringSubmatch(string(head), -1) {
		schemes = append(schemes, m[1])
	}
	if got := strings.Join(schemes, " "); got != want {
		t.Errorf("%s asks for %q, want %q", args, got, want)
	}
}

func TestApacheGSSAPI(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	realm := KDC(t)
	s, as := ApacheGSSAPI(t, files, realm), newClients(t, realm)
	basic := func(u User) client { return as.with("basic", u) }
	bob := as.with("ntlm", inDomain(Bob))
	stranger := as.with("ntlm", inDomain(User{"mallory", NTLMAlice.Password}))
	paths := []struct {
		path    string
		offer   string
		in, out []client
	}{
		{"/pub/", "", []client{as.none}, nil},
		{"/basic/", "Basic", []client{basic(Alice)}, []client{as.none, basic(NTLMAlice)}},
		{"/negotiate/", "Negotiate", []client{as.ticket}, []client{as.none, as.noTicket, as.spnego}},
		{"/ntlm/", "Negotiate NTLM", []client{as.ntlm, as.spnego, bob}, []client{as.none, as.ntlmWrong, as.spnegoWrong, stranger}},
		{"/negotiate-ntlm/", "Negotiate NTLM", []client{as.ntlm, as.spnego}, []client{as.none, as.noTicket, as.spnegoWrong}},
		{"/multi/", "Negotiate NTLM Basic", []client{as.ticket, as.ntlm, as.spnego, basic(Alice), basic(Juergen)}, []client{as.none, as.ntlmWrong, as.spnegoWrong, basic(NTLMAlice)}},
	}
	for name, address := range map[string]func(string) string{"http": s.URL, "https": s.HTTPS, "HTTP2": s.HTTP2} {
		for _, tt := range paths {
			t.Run(name+tt.path, func(t *testing.T) {
				t.Parallel()
				url := Named(address(tt.path + "file.bin"))
				wantOffer(t, tt.offer, url, "--cacert", s.CAFile)
				for _, c := range tt.in {
					refused := 0
					if name == "HTTP2" && c.name == as.spnego.name {
						refused = 401 // to NTLM curl says HTTP/1.1, but it does not see it in there
					}
					c.expect(t, refused, url, content, "--cacert", s.CAFile)
				}
				for _, c := range tt.out {
					c.expect(t, 401, url, content, "--cacert", s.CAFile)
				}
			})
		}
	}
	t.Run("address", func(t *testing.T) {
		t.Parallel() // a ticket is for a name: there is none for an address
		as.ticket.expect(t, 401, s.URL("/negotiate/file.bin"), content)
	})
}
