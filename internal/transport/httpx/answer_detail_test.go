package httpx

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

func TestAnswerOfAFile(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Header("X-Zebra", "z"), ebbtest.Header("Set-Cookie", "id=1"), ebbtest.Header("Authentication-Info", "n=1"))
	before := time.Now()
	_, m, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	a := m.Answer
	if a == nil || a.Status != 206 || "http://"+a.Address != srv.Base || a.Took <= 0 || a.At.Before(before) || a.At.After(time.Now()) || a.Body != "" {
		t.Fatalf("answer %+v", a)
	}
	var names []string
	for _, h := range a.Headers {
		names = append(names, h.Name)
	}
	want := []string{"Content-Length", "Content-Range", "Content-Type", "Date", "Etag", "Last-Modified", "X-Zebra"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("header fields (-want +got):\n%s", diff)
	}
}

// TestAnswerOfARefusal: an error carries what the server said, made fit for a terminal.
func TestAnswerOfARefusal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, contentType, coding, body, want string
	}{
		{"text", "text/plain", "", "no such file", "no such file"},
		{"html", "text/html", "", "<h1>Gone</h1>\r\n\t<p>f\u00fcr immer</p>", "<h1>Gone</h1> <p>f\u00fcr immer</p>"},
		{"terminal", "text/plain", "", "a\u202eb\u009bc d\x7f", "a b c d"},
		{"not UTF-8", "text/plain", "", "gr\xfcn", "gr n"},
		{"binary", "text/plain", "", "\x1f\x8b\x08\x00\x00", ""},
		{"encoded", "text/plain", "br", "looks like text", ""},
		{"long", "text/plain", "", strings.Repeat("\u00e4", 5000), strings.Repeat("\u00e4", 512)},
		{"empty", "text/plain", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				if tt.coding != "" {
					w.Header().Set("Content-Encoding", tt.coding)
				}
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(tt.body))
			})))
			_, _, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
			a := asJobError(t, err).Answer
			if a == nil || a.Status != 404 || a.Body != tt.want {
				t.Errorf("answer %+v, want body %q", a, tt.want)
			}
			if strings.ContainsFunc(a.Body, unicode.IsControl) {
				t.Errorf("control characters in %q", a.Body)
			}
		})
	}
}

// TestAnswerOfAProxy: what it says instead of opening a tunnel; and what is wrong with an answer that looked like a file.
func TestAnswerOfAProxy(t *testing.T) {
	t.Parallel()
	proxy := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Squid-Error", "ERR_ACCESS_DENIED 0 "+r.Header.Get("Proxy-Authorization"))
		w.WriteHeader(http.StatusForbidden)
	})))
	_, _, err := download(t, transport.Source{URL: "https://127.0.0.1:1/", Network: job.Network{Proxy: proxy.Base}}, 0, job.Validator{})
	a := asJobError(t, err).Answer
	if a == nil || a.Status != 403 || "http://"+a.Address != proxy.Base || !slices.Contains(a.Headers, job.Header{Name: "X-Squid-Error", Value: "ERR_ACCESS_DENIED 0"}) {
		t.Errorf("%+v", a)
	}
	_, _, err = download(t, transport.Source{URL: ebbtest.NewServer(t, ebbtest.Gzip()).URL}, 0, job.Validator{})
	if a := asJobError(t, err).Answer; a == nil || a.Status/100 != 2 {
		t.Errorf("%+v", a)
	}
}

func TestAnswerHeadersAreBounded(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.HeaderBomb(64<<10))
	_, m, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, h := range m.Answer.Headers {
		n += len(h.Name) + len(h.Value)
	}
	if n == 0 || n > 8<<10 {
		t.Errorf("%d bytes of header fields", n)
	}
}

// TestAnswersHoldNoSecret: whatever a server repeats of what it was sent, in any field and in the body.
func TestAnswersHoldNoSecret(t *testing.T) {
	t.Parallel()
	secrets := []string{
		"w0nder&land", base64.StdEncoding.EncodeToString([]byte("alice:w0nder&land")), "w0nder%26land", "tok3n-of-the-header",
		"c00kie-value", "signature-of-this-url-0123456789", "proxy-s3cret", "encoded/signature+value", "encoded%2Fsignature%2Bvalue",
	}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := strings.Join(secrets, " ")
		w.Header().Set("X-Echo", all)
		w.Header().Set("X-Auth-Token", "from-the-server")
		w.Header().Set("Set-Cookie", "id=from-the-server")
		w.Header().Set("WWW-Authenticate", `Basic realm="from-the-server"`)
		w.Header().Set("Proxy-Authentication-Info", "from-the-server")
		w.Header().Set("Location", "/away?sig=from-the-server")
		switch r.URL.Path {
		case "/401":
			w.WriteHeader(http.StatusUnauthorized)
		case "/302":
			w.Header().Set("Location", "ftp://away.example/?sig=from-the-server")
			w.WriteHeader(http.StatusFound)
		case "/200":
		default:
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", 990) + all + all))
	})
	srv := ebbtest.NewServer(t, ebbtest.Handler(echo))
	for _, path := range []string{"/200", "/302", "/401", "/403"} {
		_, m, err := download(t, transport.Source{
			URL: srv.Base + path + "?sig=signature-of-this-url-0123456789&more=encoded%2Fsignature%2Bvalue",
			Headers: []job.Header{
				{Name: "X-Token", Value: "tok3n-of-the-header"}, {Name: "Cookie", Value: "a=c00kie-value; b=2"}, {Name: "Accept", Value: "text/plain"},
			},
			Credentials: []job.Credential{
				{Target: "server", Scheme: "any", User: "alice", Password: "w0nder&land"},
				{Target: "proxy", Scheme: "any", User: "bob", Password: "proxy-s3cret"},
			},
		}, 0, job.Validator{})
		a := m.Answer
		if err != nil {
			e := asJobError(t, err)
			if a = e.Answer; strings.Contains(e.Text, "s3cret") {
				t.Errorf("%s: text %q", path, e.Text)
			}
		}
		if a == nil {
			t.Fatalf("%s: no answer; error %v", path, err)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(secrets, "from-the-server") {
			// What JSON escapes is looked for as it was, too.
			if plain := strings.ReplaceAll(string(text), `\u0026`, "&"); strings.Contains(plain, secret) {
				t.Errorf("%s: the answer holds %q: %s", path, secret, plain)
			}
		}
		if !strings.Contains(string(text), "X-Echo") || !strings.Contains(string(text), "text/plain") {
			t.Errorf("%s: the rest is gone, too: %s", path, text)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("<h1>Gone</h1>\r\n"))
	f.Add([]byte("gr\xfcn \u202e \x1b[2J"))
	f.Add(bytes.Repeat([]byte("\u00e4"), 1000))
	veil := newVeil(transport.Source{Credentials: []job.Credential{{User: "a", Password: "s3cret"}}}, urls(f, "http://a.example/")[0])
	f.Fuzz(func(t *testing.T, head []byte) {
		got := excerpt(head, veil)
		if len(got) > maxAnswerBody || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(got, "s3cret") {
			t.Errorf("%q", got)
		}
	})
}
