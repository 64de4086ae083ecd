package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/daemon"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// TestMain runs a daemon of its own for all tests.
func TestMain(m *testing.M) { os.Exit(withDaemon(m)) }

func withDaemon(m *testing.M) int {
	dir, err := os.MkdirTemp("", "serverauth")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv("EBB_STATE_DIR", dir)
	os.Unsetenv("EBB_SOCKET")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx, daemon.Config{Log: io.Discard}) }()
	defer func() { stop(); <-ended }()
	for { // until it answers
		client, err := ebb.Dial(ctx, ebb.Options{})
		if err == nil {
			client.Close()
			return m.Run()
		}
		select {
		case err := <-ended:
			panic(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestEveryScheme(t *testing.T) {
	t.Parallel()
	content := []byte(strings.Repeat("what only alice may read\n", 10_000))
	basic := ebbtest.NewServer(t, ebbtest.Bytes(content), ebbtest.BasicAuth("alice", "secret"))
	digest := ebbtest.NewServer(t, ebbtest.Handler(&digestHandler{user: "alice", password: "secret", content: content}))
	for _, tt := range []struct {
		scheme, user, password string
		server                 *ebbtest.Server
		code                   string // in hex; "" for success
		out                    string
	}{
		{"BASIC", "alice", "secret", basic, "", ""},
		{"basic", "alice", "secret", basic, "", ""},
		{"Basic", "alice", "wrong", basic, "0x80190191", "Error context: remote_file, error code: 0x80190191"},
		{"DIGEST", "alice", "secret", digest, "", ""},
		{"Digest", "alice", "wrong", digest, "0x80190191", "Error context: remote_file, error code: 0x80190191"},
		{"DIGEST", "alice", "secret", basic, "0x80190191", "basic"}, // the server offers another one
		{"NTLM", "alice", "secret", basic, "0x80190191", "credentials for ntlm only"},
		{"Negotiate", "alice", "secret", basic, "0x80190191", "credentials for negotiate only"},
		{"PASSPORT", "alice", "secret", basic, "0x80190191", "credentials for passport only"},
		{"NTLM", "NULL", "null", basic, "0x80190191", "credentials for ntlm only"},
	} {
		t.Run(tt.scheme+" "+tt.user+" "+tt.password, func(t *testing.T) {
			t.Parallel()
			local := filepath.Join(t.TempDir(), "report.txt")
			remote := tt.server.Base + "/" + strings.ReplaceAll(t.Name(), "#", "-")
			var out bytes.Buffer
			code := run(t.Context(), []string{remote, local, tt.scheme, tt.user, tt.password}, &out)
			got, err := os.ReadFile(local)
			if tt.code == "" {
				if code != 0 || !bytes.Equal(got, content) {
					t.Errorf("exit code %d, %d bytes of %d, %v; it said %s", code, len(got), len(content), err, &out)
				}
				return
			}
			if code == 0 || !strings.Contains(out.String(), "Error "+tt.code) || !strings.Contains(out.String(), tt.out) {
				t.Errorf("exit code %d, want an error with %s and %q; it said %s", code, tt.code, tt.out, &out)
			}
			if !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is there: %v", err)
			}
			demandNoJob(t, remote)
		})
	}
}

// demandNoJob fails when a live job is left for remote.
func demandNoJob(t *testing.T, remote string) {
	client, err := ebb.Dial(t.Context(), ebb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for j, err := range client.Jobs(t.Context(), false) {
		if err != nil {
			t.Fatal(err)
		}
		_ = j.Wait(t.Context()) // one that is just being cancelled may be seen
		for f, err := range j.Files(t.Context()) {
			if err == nil && f.URL == remote && !j.State.Final() {
				t.Errorf("job %s is left, and %s", j.ID, j.State)
			}
		}
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "Usage:"},
		{[]string{"http://127.0.0.1/", "x", "BASIC", "alice"}, "Usage:"},
		{[]string{"http://127.0.0.1/", "x", "BASIC", "alice", "secret", "more"}, "Usage:"},
		{[]string{"http://127.0.0.1/", "x", "KERBEROS", "alice", "secret"}, "Invalid authentication scheme specified"},
		{[]string{"http://127.0.0.1/", "x", "", "alice", "secret"}, "Invalid authentication scheme specified"},
		{[]string{"gopher://127.0.0.1/", "x", "BASIC", "alice", "secret"}, "Error 0x80200072"},
		{[]string{"http://127.0.0.1/", "/not/there/x", "BASIC", "alice", "secret"}, "Error 0x80070003"},
		{[]string{"http://127.0.0.1/", "x", "BASIC", "NULL", "NULL"}, "Error 0x80070057"}, // Basic has no implicit credentials
		{[]string{"http://127.0.0.1/", "x", "DIGEST", "alice", "NULL"}, "Error 0x80070057"},
		{[]string{"http://127.0.0.1/", "x", "NTLM", "NULL", "secret"}, "Error 0x80070057"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), tt.args, &out); code == 0 || !strings.HasPrefix(out.String(), tt.want) {
			t.Errorf("%q: exit code %d, %q; want %q", tt.args, code, &out, tt.want)
		}
	}
}

// TestEmptyPassword: empty is a password, and not NULL.
func TestEmptyPassword(t *testing.T) {
	t.Parallel()
	server := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.BasicAuth("guest", ""))
	var out bytes.Buffer
	if code := run(t.Context(), []string{server.Base + "/empty", filepath.Join(t.TempDir(), "x"), "BASIC", "guest", ""}, &out); code != 0 {
		t.Errorf("exit code %d; it said %s", code, &out)
	}
}

// TestWarning: whoever sends a password where others can read it is told so.
func TestWarning(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]bool{
		"http://files.example.com/x":  true,
		"HTTP://192.0.2.1:8080/x":     true,
		"http://localhost.example/x":  true,
		"https://files.example.com/x": false,
		"http://127.0.0.2/x":          false,
		"http://[::1]:8080/x":         false,
		"http://LocalHost/x":          false,
		"ftp://files.example.com/x":   false,
	} {
		if got := inTheClear(remote); got != want {
			t.Errorf("%s: %v, want %v", remote, got, want)
		}
	}
	var out bytes.Buffer
	run(t.Context(), []string{"http://files.invalid/", "/not/there/x", "BASIC", "alice", "secret"}, &out)
	if !strings.HasPrefix(out.String(), "Warning: the connection is not encrypted") {
		t.Errorf("it said %s", &out)
	}
}

// digestHandler demands Digest (RFC 7616) with SHA-256 and qop=auth, a nonce of its own and a count that rises.
type digestHandler struct {
	user, password string
	content        []byte

	mu    sync.Mutex // guards count
	count map[string]bool
}

const (
	realm = "reports"
	nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
)

var param = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s,]+))`)

func (h *digestHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.right(r) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm=%q, nonce=%q, qop="auth", algorithm=SHA-256`, realm, nonce))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.content))
}

// right checks the answer to the challenge, section 3.4.
func (h *digestHandler) right(r *http.Request) bool {
	field, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	p := map[string]string{}
	for _, m := range param.FindAllStringSubmatch(field, -1) {
		p[m[1]] = m[2] + m[3]
	}
	if !ok || p["username"] != h.user || p["realm"] != realm || p["nonce"] != nonce || p["qop"] != "auth" || p["uri"] != r.RequestURI ||
		p["algorithm"] != "SHA-256" || len(p["nc"]) != 8 || p["cnonce"] == "" {
		return false
	}
	a1 := hash(h.user + ":" + realm + ":" + h.password)
	a2 := hash(r.Method + ":" + r.RequestURI)
	if p["response"] != hash(strings.Join([]string{a1, nonce, p["nc"], p["cnonce"], "auth", a2}, ":")) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == nil {
		h.count = map[string]bool{}
	}
	again := h.count[p["cnonce"]+p["nc"]]
	h.count[p["cnonce"]+p["nc"]] = true
	return !again
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
