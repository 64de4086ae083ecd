//go:build integration

package rig

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample makes a folder with file.bin of n random bytes.
func sample(t testing.TB, n int) (Files, []byte) {
	t.Helper()
	content := make([]byte, n)
	rand.Read(content)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file.bin"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return Files(dir), content
}

// curl is the client that these servers are known to work with. It returns the
// status of the last answer (of the proxy's, if that refused CONNECT) and its body.
func curl(t testing.TB, args ...string) (status int, body []byte) {
	t.Helper()
	return curlWith(t, nil, args...)
}

// curlWith is curl with env beside the test's own environment.
func curlWith(t testing.TB, env []string, args ...string) (status int, body []byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "body")
	base := []string{"-sS", "--noproxy", "", "--max-time", "30", "-o", out, "-w", "%{http_code} %{http_connect}"}
	cmd := exec.Command(need(t, "curl"), append(base, args...)...)
	cmd.Env = append(os.Environ(), env...)
	codes, err := cmd.Output()
	answered, connected, _ := strings.Cut(string(codes), " ")
	if answered == "000" {
		answered = connected
	}
	status, convErr := strconv.Atoi(answered)
	if convErr != nil || status == 0 {
		t.Fatalf("curl %q: no answer: %v", args, err)
	}
	body, _ = os.ReadFile(out) // curl makes no file for an empty body
	return status, body
}

// login returns curl's arguments for scheme, which is also the option's name.
func login(scheme string, u User) []string {
	user := "-u"
	if strings.HasPrefix(scheme, "proxy-") {
		user = "-U"
	}
	return []string{"--" + scheme, user, u.Name + ":" + u.Password}
}

// exercise asks for url with the right credentials, wrong ones and none, and for a
// part of it. Without a scheme, the url is for everyone.
func exercise(t *testing.T, url, scheme string, content []byte, refused int, extra ...string) {
	t.Helper()
	check := func(what string, want int, wantBody []byte, args ...string) {
		t.Helper()
		status, body := curl(t, slices.Concat(extra, args, []string{url})...)
		if status != want {
			t.Errorf("%s: status %d, want %d", what, status, want)
		}
		if wantBody != nil && !bytes.Equal(body, wantBody) {
			t.Errorf("%s: got %d bytes that differ from the %d wanted", what, len(body), len(wantBody))
		}
	}
	part := []string{"-r", "100-199"}
	if scheme == "" {
		check("anyone", 200, content)
		check("range", 206, content[100:200], part...)
		return
	}
	check("without credentials", refused, nil)
	check("wrong password", refused, nil, login(scheme, User{Alice.Name, "nope"})...)
	check("wrong user", refused, nil, login(scheme, User{"mallory", Alice.Password})...)
	for _, u := range Users {
		check(u.Name, 200, content, login(scheme, u)...)
	}
	check("range", 206, content[100:200], append(login(scheme, Alice), part...)...)
}

func TestWebServers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		start func(testing.TB, Files) *Server
		paths map[string]string // path → scheme
	}{
		{"nginx", Nginx, map[string]string{"/pub/": "", "/slow/": "", "/basic/": "basic"}},
		{"Apache", Apache, map[string]string{"/pub/": "", "/slow/": "", "/basic/": "basic", "/digest/": "digest", "/digest-stale/": "digest"}},
		{"lighttpd", Lighttpd, map[string]string{"/pub/": "", "/digest-md5/": "digest", "/digest-sha256/": "digest", "/digest-userhash/": "digest"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files, content := sample(t, 300_000)
			s := tt.start(t, files)
			for path, scheme := range tt.paths {
				t.Run(path, func(t *testing.T) {
					t.Parallel() // lighttpd answers a wrong password only after a second
					exercise(t, s.URL(path+"file.bin"), scheme, content, 401)
					exercise(t, s.HTTPS(path+"file.bin"), scheme, content, 401, "--cacert", s.CAFile)
				})
			}
		})
	}
}

func TestSquid(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	origin, proxy := Nginx(t, files), Squid(t)
	tests := []struct{ name, address, scheme string }{
		{"open", proxy.Open, ""},
		{"basic", proxy.Basic, "proxy-basic"},
		{"digest", proxy.Digest, "proxy-digest"},
	}
	for _, tt := range tests {
		exercise(t, origin.URL("/pub/file.bin"), tt.scheme, content, 407, "-x", tt.address)
		exercise(t, origin.HTTPS("/pub/file.bin"), tt.scheme, content, 407, "-x", tt.address, "--cacert", origin.CAFile)
	}
	if got := proxy.AwaitLog(1)[0]; got.Path != origin.URL("/pub/file.bin") || got.Status != 200 {
		t.Errorf("first request logged = %+v, want the one through the open proxy", got)
	}
}

// The servers ask for what their endpoints are called after: curl alone would
// answer anything.
func TestChallenges(t *testing.T) {
	t.Parallel()
	files, _ := sample(t, 10)
	apache, lighttpd, squid := Apache(t, files), Lighttpd(t, files), Squid(t)
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"Basic", []string{apache.URL("/basic/")}, []string{"Basic realm="}},
		{"Digest MD5 of Apache", []string{apache.URL("/digest/")}, []string{"Digest realm=", "algorithm=MD5", `qop="auth"`}},
		{"Digest MD5 of lighttpd", []string{lighttpd.URL("/digest-md5/")}, []string{"Digest realm=", "algorithm=MD5"}},
		{"Digest SHA-256", []string{lighttpd.URL("/digest-sha256/")}, []string{"Digest realm=", "algorithm=SHA-256"}},
		{"userhash", []string{lighttpd.URL("/digest-userhash/")}, []string{"algorithm=SHA-256", "userhash=true"}},
		{"proxy Basic", []string{"-x", squid.Basic, apache.URL("/pub/")}, []string{"Proxy-Authenticate: Basic"}},
		{"proxy Digest", []string{"-x", squid.Digest, apache.URL("/pub/")}, []string{"Proxy-Authenticate: Digest", `qop="auth"`}},
	}
	for _, tt := range tests {
		head, err := exec.Command(need(t, "curl"), append([]string{"-sS", "-o", os.DevNull, "-D", "-", "--noproxy", ""}, tt.args...)...).Output()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(head), want) {
				t.Errorf("%s: no %q in the answer:\n%s", tt.name, want, head)
			}
		}
	}
}

// A nonce is good for a while, but at /digest-stale/ only for 2 seconds: then the
// answer is 401 again, and says that the password was right.
func TestStaleNonce(t *testing.T) {
	t.Parallel()
	files, _ := sample(t, 10)
	s := Apache(t, files)
	const long, short = "/digest/file.bin", "/digest-stale/file.bin"
	longNonce, shortNonce := nonce(t, s, long), nonce(t, s, short)
	for _, tt := range []struct{ path, nonce string }{{long, longNonce}, {short, shortNonce}} {
		if status, _ := digest(t, s, tt.path, tt.nonce); status != 200 {
			t.Errorf("%s with a new nonce: status %d, want 200", tt.path, status)
		}
	}

	<-time.After(3 * time.Second) // the server's clock is a real one
	if status, _ := digest(t, s, long, longNonce); status != 200 {
		t.Errorf("%s after 3 s: status %d, want 200", long, status)
	}
	if status, challenge := digest(t, s, short, shortNonce); status != 401 || !strings.Contains(challenge, "stale=true") {
		t.Errorf("%s after 3 s: status %d, challenge %q, want 401 with stale=true", short, status, challenge)
	}
}

// nonce returns the nonce of the challenge at path.
func nonce(t *testing.T, s *Server, path string) string {
	t.Helper()
	_, challenge := digest(t, s, path, "")
	_, after, _ := strings.Cut(challenge, `nonce="`)
	n, _, ok := strings.Cut(after, `"`)
	if !ok {
		t.Fatalf("no nonce in %q", challenge)
	}
	return n
}

// digest asks for path as Alice, by a given nonce (RFC 2069, without qop), and
// returns the status and the challenge of the answer. curl would not use a nonce
// twice.
func digest(t *testing.T, s *Server, path, nonce string) (status int, challenge string) {
	t.Helper()
	ha1 := md5.Sum([]byte(Alice.Name + ":" + realm + ":" + Alice.Password))
	ha2 := md5.Sum([]byte("GET:" + path))
	response := md5.Sum(fmt.Appendf(nil, "%x:%s:%x", ha1, nonce, ha2))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if nonce != "" {
		req.Header.Set("Authorization", fmt.Sprintf(`Digest username=%q, realm=%q, nonce=%q, uri=%q, response="%x"`,
			Alice.Name, realm, nonce, path, response))
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("WWW-Authenticate")
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	files, _ := sample(t, 1000)
	for _, tt := range []struct {
		name   string
		server *Server
		path   string
		scheme string
	}{
		{"nginx", Nginx(t, files), "/basic/file.bin?a=%7C", "basic"},
		{"Apache", Apache(t, files), "/basic/file.bin?a=%7C", "basic"},
		{"lighttpd", Lighttpd(t, files), "/digest-sha256/file.bin?a=%7C", "digest"},
	} {
		if log := tt.server.AccessLog(); len(log) != 0 {
			t.Errorf("%s: log of a new server = %+v, want nothing", tt.name, log)
		}
		curl(t, append(login(tt.scheme, Juergen), "-r", "0-9", tt.server.URL(tt.path))...)
		n := 1
		if tt.scheme == "digest" {
			n = 2
		}
		got := tt.server.AwaitLog(n)[n-1]
		if !strings.HasPrefix(strings.ToLower(got.Auth), tt.scheme) {
			t.Errorf("%s: Auth = %q, want %s", tt.name, got.Auth, tt.scheme)
		}
		if got.Bytes < 10 || got.Bytes > 1000 {
			t.Errorf("%s: Bytes = %d, want 10 and perhaps a header", tt.name, got.Bytes)
		}
		if got.Port == 0 {
			t.Errorf("%s: no client port", tt.name)
		}
		got.Auth, got.Bytes, got.Port = "", 0, 0
		want := Request{Method: "GET", Path: tt.path, Status: 206, Range: "bytes=0-9", User: Juergen.Name}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

// A stop cuts a slow answer short; after a start at the same address the rest is
// there to be had.
func TestStopHalfWay(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 3*SlowRate)
	for _, tt := range []struct {
		name   string
		server *Server
	}{{"nginx", Nginx(t, files)}, {"Apache", Apache(t, files)}} {
		t.Run(tt.name, func(t *testing.T) {
			url := tt.server.URL("/slow/file.bin")
			cmd := exec.Command(need(t, "curl"), "-sSN", "--noproxy", "*", "--max-time", "30", url)
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			first := make([]byte, SlowRate/2)
			if _, err := io.ReadFull(pipe, first); err != nil {
				t.Fatal(err)
			}
			tt.server.Stop()
			more, err := io.ReadAll(pipe)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("curl got the whole file from a server that was stopped half-way")
			}
			if err := exec.Command(need(t, "curl"), "-sS", "--noproxy", "*", url).Run(); err == nil {
				t.Fatal("a stopped server answers")
			}

			tt.server.Start()
			got := slices.Concat(first, more)
			status, rest := curl(t, "-r", strconv.Itoa(len(got))+"-", tt.server.URL("/pub/file.bin"))
			if status != 206 || !bytes.Equal(slices.Concat(got, rest), content) {
				t.Errorf("after the restart: status %d, %d + %d bytes, want 206 and the %d of the file", status, len(got), len(rest), len(content))
			}
			if log := tt.server.AwaitLog(1); log[0].Bytes >= int64(len(content)) {
				t.Errorf("the answer cut short is logged with %d bytes of %d", log[0].Bytes, len(content))
			}
		})
	}
}
