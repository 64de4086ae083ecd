//go:build integration && unix

package daemon_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked is a request that a server has seen.
type asked struct {
	method, target string
	sent           []sent
}

// sent is a value of Authorization or Proxy-Authorization.
type sent struct {
	proxy  bool
	scheme string // in small letters
	token  string // what follows the scheme, up to the first space or quote; of Digest the response
	from   int    // where that is in the text
}

// basic returns what is in Basic credentials.
func (s sent) basic() (user, password string, ok bool) {
	if s.scheme != "basic" {
		return "", "", false
	}
	pair, err := base64.StdEncoding.DecodeString(s.token)
	user, password, _ = strings.Cut(string(pair), ":")
	return user, password, err == nil
}

// rule says whether a request may have these credentials.
type rule func(r asked, s sent) bool

// seenPart is a request line, or a field with credentials, in the logs of all servers and in a request itself.
var seenPart = regexp.MustCompile(`(?m)(?:^|\||request line: "|rqst: )(GET|HEAD|CONNECT) ([^\s"]+)|rqst: :path: (\S+)|http2 header: ":path: ([^\s"]+)|` +
	`(?i:\b(proxy-)?authorization: ?([\w.]+) (?:[^\r\n|]*\bresponse="?)?([^\s|"]*))`)

// requestsIn are all that are in what a server has seen.
func requestsIn(text []byte) []asked {
	out := []asked{{}} // before the first
	for _, m := range seenPart.FindAllSubmatchIndex(text, -1) {
		part := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return string(text[m[2*n]:m[2*n+1]])
		}
		if part(6) == "" {
			out = append(out, asked{method: part(1), target: part(2) + part(3) + part(4)})
			continue
		}
		last := &out[len(out)-1]
		last.sent = append(last.sent, sent{proxy: part(5) != "", scheme: strings.ToLower(part(6)), token: part(7), from: m[14]})
	}
	if len(out[0].sent) == 0 {
		return out[1:]
	}
	return out
}

// problems are the credentials that are not allowed where they are, and the secrets that are elsewhere. Basic is
// blanked out where it is allowed; the other schemes must not have a secret in them.
func (l *leaks) problems(text []byte, allowed rule) (out []string, passed int) {
	rest := slices.Clone(text)
	requests := requestsIn(text)
	for _, r := range requests {
		for _, s := range r.sent {
			if !allowed(r, s) {
				out = append(out, fmt.Sprintf("%s %s: %s credentials, proxy=%v: %.60s", r.method, r.target, s.scheme, s.proxy, s.token))
				continue
			}
			passed++
			if _, _, ok := s.basic(); ok {
				copy(rest[s.from:], bytes.Repeat([]byte("*"), len(s.token)))
			}
		}
	}
	return append(out, l.secrets.find(rest)...), passed
}

// takeTokens notes what was sent in place of passwords: tickets, and answers to challenges.
func (l *leaks) takeTokens(requests []asked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range requests {
		for _, s := range r.sent {
			if len(s.token) > 24 {
				l.tokens = append(l.tokens, s.token)
			}
		}
	}
}

// signInRequest is MS-PASS's Sign-in Request, with user and password.
var signInRequest = regexp.MustCompile(`(?m)^Authorization: Passport1\.4 sign-in=([^,]*),pwd=([^,]*),`)

// blankSignIn blanks out the passwords that p may be sent in a Sign-in Request.
func (l *leaks) blankSignIn(text []byte, p *party) []byte {
	out := slices.Clone(text)
	for _, m := range signInRequest.FindAllSubmatchIndex(text, -1) {
		user, err := url.PathUnescape(string(text[m[2]:m[3]]))
		password, wrong := url.PathUnescape(string(text[m[4]:m[5]]))
		if err != nil || wrong != nil {
			continue
		}
		if user == p.user.Name && password == p.user.Password || l.wrong[user+":"+password] {
			copy(out[m[4]:], bytes.Repeat([]byte("*"), m[5]-m[4]))
		}
	}
	return out
}

// ask sends a request to the small file in a folder, and returns a mark that is in it.
func ask(t *testing.T, proxy, folder string, header http.Header) string {
	t.Helper()
	mark := (&place{}).newMark()
	transport := &http.Transport{DisableKeepAlives: true}
	if proxy != "" {
		address, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(address)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, folder+smallName(0)+"?"+mark, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return mark
}

// awaitText returns what a server has seen when a mark is in it.
func awaitText(t *testing.T, seen func() []byte, mark string) (text []byte) {
	t.Helper()
	await(t, mark+" in what was seen", func() bool {
		text = seen()
		return bytes.Contains(text, []byte(mark))
	})
	return text
}

// What each of the servers writes of a request is read.
func TestRequestsIn(t *testing.T) {
	t.Parallel()
	digest := `Digest username="alice", realm="rig", uri="/a/b?c", response="0123456789abcdef0123456789abcdef", algorithm=MD5`
	for name, text := range map[string]string{
		"apache":       "+1:2:0|GET /a/b?c HTTP/1.1|Host:localhost|Proxy-Authorization:Basic eDp5|User-Agent:x\n-1:2:0\n+1:2:1|GET /a/b?c HTTP/1.1|authorization:NTLM TlRM\n",
		"nginx":        "1 [debug] 2#2: *3 http request line: \"GET /a/b?c HTTP/1.1\"\n1 [debug] *3 http header: \"Proxy-Authorization: Basic eDp5\"\n1 [debug] 2#2: *3 http request line: \"GET /a/b?c HTTP/1.1\"\n1 *3 http header: \"Authorization: NTLM TlRM\"\n",
		"nginx, h2":    "1 *3 http2 header: \":path: /a/b?c\"\n1 *3 http2 header: \"proxy-authorization: Basic eDp5\"\n1 *3 http2 header: \":path: /a/b?c\"\n1 *3 http2 header: \"authorization: NTLM TlRM\"\n",
		"lighttpd":     "1: (connections.c.770) fd:12 rqst: GET /a/b?c HTTP/1.1\n1: fd:12 rqst: Proxy-Authorization: Basic eDp5\n1: fd:12 rqst: GET /a/b?c HTTP/1.1\n1: fd:12 rqst: Authorization: NTLM TlRM\n",
		"lighttpd, h2": "1: (h2.c.1430) fd:12 id:1 rqst: :path: /a/b?c\n1: (h2.c.1430) fd:12 id:1 rqst: proxy-authorization: Basic eDp5\n1: fd:12 id:3 rqst: :path: /a/b?c\n1: fd:12 id:3 rqst: authorization: NTLM TlRM\n",
		"squid":        "- error:transaction-end-before-headers \"-\"\nGET /a/b?c \"Proxy-Authorization: Basic eDp5\r\nHost: localhost\r\n\"\nGET /a/b?c \"Authorization: NTLM TlRM\r\n\"\n",
		"epa":          "GET /a/b?c HTTP/1.1\nProxy-Authorization: Basic eDp5\n\nGET /a/b?c HTTP/1.1\nHost: x\nAuthorization: NTLM TlRM\n\n",
	} {
		want := []asked{
			{method: "GET", target: "/a/b?c", sent: []sent{{proxy: true, scheme: "basic", token: "eDp5"}}},
			{method: "GET", target: "/a/b?c", sent: []sent{{scheme: "ntlm", token: "TlRM"}}},
		}
		if strings.HasSuffix(name, "h2") {
			want[0].method, want[1].method = "", ""
		}
		got := requestsIn([]byte(text))
		for _, r := range got {
			for i := range r.sent {
				if s := &r.sent[i]; strings.HasPrefix(text[s.from:], s.token) {
					s.from = 0
				}
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(asked{}, sent{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	got := requestsIn([]byte("GET /a HTTP/1.1\r\nAuthorization: " + digest + "\r\n"))
	if want := "0123456789abcdef0123456789abcdef"; len(got) != 1 || len(got[0].sent) != 1 || got[0].sent[0].token != want {
		t.Errorf("Digest: %+v, want the response %s", got, want)
	}
}
