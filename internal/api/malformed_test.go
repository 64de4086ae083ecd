package api_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/job"
)

// malformed are requests that no service should carry out. ID stands for a job's ID, DIR for a folder, SECRET for the
// password; want is the status, code and a part of the sentence.
var malformed = []struct {
	request string // method, path and body
	header  string
	status  int
	code    job.Code
	want    string
}{
	// not JSON
	{"POST /v1/jobs", "", 400, job.InvalidArg, "body"},
	{"POST /v1/jobs {", "", 400, job.InvalidArg, "ends in the middle"},
	{`POST /v1/jobs {"password": "SECRET`, "", 400, job.InvalidArg, "ends in the middle"},
	{`POST /v1/jobs {"name": "x",}`, "", 400, job.InvalidArg, "not JSON"},
	{`POST /v1/jobs {'name': "SECRET"}`, "", 400, job.InvalidArg, "not JSON"},
	{`POST /v1/jobs {"name": "x"} {"name": "y"}`, "", 400, job.InvalidArg, "goes on after"},
	{`POST /v1/jobs {"name": "x"}]`, "", 400, job.InvalidArg, "goes on after"},
	{"POST /v1/jobs {\"name\": \"a\x01b\"}", "", 400, job.InvalidArg, "not JSON"},
	{"POST /v1/jobs {\"name\": \"\xff\xfe\"}", "", 400, job.InvalidArg, "UTF-8"},
	{"POST /v1/jobs \ufeff{}", "", 400, job.InvalidArg, "not a JSON object"},
	{"POST /v1/jobs null", "", 400, job.InvalidArg, "not a JSON object"},
	{"POST /v1/jobs []", "", 400, job.InvalidArg, "not a JSON object"},
	{"POST /v1/jobs \"SECRET\"", "", 400, job.InvalidArg, "not a JSON object"},
	{"POST /v1/jobs 17", "", 400, job.InvalidArg, "not a JSON object"},
	{"POST /v1/jobs name=x&password=SECRET", "Content-Type: application/x-www-form-urlencoded", 415, job.InvalidArg, "Content-Type"},
	{"POST /v1/jobs {}", "Content-Type: text/plain", 415, job.InvalidArg, "application/json"},
	{"POST /v1/jobs {}", "Content-Type: application/json+SECRET", 415, job.InvalidArg, "application/json"},
	{"POST /v1/jobs {}", "Content-Type: ;;;", 415, job.InvalidArg, "application/json"},
	{"POST /v1/jobs {}", "Content-Type: multipart/form-data; boundary=x", 415, job.InvalidArg, "application/json"},
	{"POST /v1/jobs NEST", "", 400, job.InvalidArg, "depth"},
	// JSON of another form
	{`POST /v1/jobs {"prio": "x"}`, "", 400, job.InvalidArg, `no field "prio"`},
	{`POST /v1/jobs {"state": "transferred"}`, "", 400, job.InvalidArg, `no field "state"`},
	{`POST /v1/jobs {"owner": "uid:0"}`, "", 400, job.InvalidArg, `no field "owner"`},
	{`POST /v1/jobs {"id": "ID"}`, "", 400, job.InvalidArg, `no field "id"`},
	{`POST /v1/jobs {"name": 17}`, "", 400, job.InvalidArg, `"name" cannot be a JSON number`},
	{`POST /v1/jobs {"name": {"deep": "SECRET"}}`, "", 400, job.InvalidArg, `"name" cannot be a JSON object`},
	{`POST /v1/jobs {"limit": "fast"}`, "", 400, job.InvalidArg, `"limit" cannot be a JSON string`},
	{`POST /v1/jobs {"limit": 1e400}`, "", 400, job.InvalidArg, `"limit" cannot be a JSON number`},
	{`POST /v1/jobs {"limit": 99999999999999999999}`, "", 400, job.InvalidArg, `"limit"`},
	{`POST /v1/jobs {"limit": 1.5}`, "", 400, job.InvalidArg, `"limit"`},
	{`POST /v1/jobs {"notify_flags": -1}`, "", 400, job.InvalidArg, `"notify_flags"`},
	{`POST /v1/jobs {"auto_complete": "yes"}`, "", 400, job.InvalidArg, `"auto_complete"`},
	{`POST /v1/jobs {"files": {}}`, "", 400, job.InvalidArg, `"files"`},
	{`POST /v1/jobs {"files": [17]}`, "", 400, job.InvalidArg, `"files"`},
	{`POST /v1/jobs {"network": []}`, "", 400, job.InvalidArg, `"network"`},
	{`POST /v1/jobs {"network": {"prox": ""}}`, "", 400, job.InvalidArg, `no field "prox"`},
	{`POST /v1/jobs {"priority": "urgent"}`, "", 400, job.InvalidArg, "foreground"},
	{`POST /v1/jobs {"priority": 1}`, "", 400, job.InvalidArg, `"priority"`},
	{`POST /v1/jobs {"type": "sideways"}`, "", 400, job.InvalidArg, "download"},
	{`POST /v1/jobs {"retry_delay": "soon"}`, "", 400, job.InvalidArg, "10m"},
	{`POST /v1/jobs {"retry_delay": "-5s"}`, "", 400, job.InvalidArg, "10m"},
	{`POST /v1/jobs {"retry_delay": 600}`, "", 400, job.InvalidArg, `"retry_delay"`},
	{`POST /v1/jobs {"retry_delay": "99999999999h"}`, "", 400, job.InvalidArg, "10m"},
	{`POST /v1/jobs {"deadline": "tomorrow"}`, "", 400, job.InvalidArg, "2026-01-31T23:59:59Z"},
	{`POST /v1/jobs {"deadline": 1767225600}`, "", 400, job.InvalidArg, "2026-01-31T23:59:59Z"},
	// values out of range
	{`POST /v1/jobs {"limit": -1}`, "", 422, job.InvalidArg, "negative"},
	{`POST /v1/jobs {"name": "LONG"}`, "", 422, job.InvalidArg, "256 characters"},
	{`POST /v1/jobs {"description": "LONG"}`, "", 422, job.StringTooLong, "1024 characters"},
	{`POST /v1/jobs {"max_download_time": "0s"}`, "", 422, job.InvalidArg, "more than 0"},
	{`POST /v1/jobs {"notify_flags": 4096}`, "", 501, job.NotImplemented, "0x1000"},
	{`POST /v1/jobs {"type": "upload"}`, "", 501, job.NotImplemented, "upload"},
	{`POST /v1/jobs {"notify_url": "ftp://x/y"}`, "", 422, job.InvalidArg, "webhook"},
	{`POST /v1/jobs {"notify_url": "https://u:SECRET@x/y"}`, "", 422, job.InvalidArg, "webhook"},
	{`POST /v1/jobs {"notify_command": ["rm", "-rf", "/"]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs {"notify_command": [""]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs {"network": {"proxy": "gopher://x"}}`, "", 422, job.InvalidProxyInfo, "gopher"},
	{`POST /v1/jobs {"network": {"proxy": "http://u:SECRET@x:1"}}`, "", 422, job.InvalidProxyInfo, "credentials"},
	{`POST /v1/jobs {"network": {"ca_cert": "not PEM"}}`, "", 422, job.InvalidArg, "certificate"},
	{`POST /v1/jobs {"client_pem": "SECRET"}`, "", 422, job.InvalidArg, "certificate"},
	{`POST /v1/jobs {"resume": true}`, "", 409, job.Empty, "no files"},
	// files
	{`POST /v1/jobs {"files": [{}]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs {"files": [{"url": "", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "URL"},
	{`POST /v1/jobs {"files": [{"url": "/etc/passwd", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "scheme"},
	{`POST /v1/jobs {"files": [{"url": "file:///etc/passwd", "local": "DIR/f"}]}`, "", 422, job.UnsupportedConfiguration, "file"},
	{`POST /v1/jobs {"files": [{"url": "javascript:alert(1)", "local": "DIR/f"}]}`, "", 422, job.UnsupportedConfiguration, "http"},
	{`POST /v1/jobs {"files": [{"url": "http://", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "host"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid:99999/", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "port"},
	{`POST /v1/jobs {"files": [{"url": "http://u:SECRET@a.invalid/", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "credentials"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/\u0000", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "URL"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/\r\nHost: evil", "local": "DIR/f"}]}`, "", 422, job.InvalidArg, "URL"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "f"}]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "../f"}]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/../../../etc/f"}]}`, "", 422, job.InvalidArg, "plain path"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR//f"}]}`, "", 422, job.InvalidArg, "plain path"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/f\u0000"}]}`, "", 422, job.InvalidArg, "local name"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR"}]}`, "", 422, job.IsDirectory, "folder"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/nowhere/f"}]}`, "", 422, job.PathNotFound, "nowhere"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/taken"}]}`, "", 409, job.FileExists, "taken"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/LONG"}]}`, "", 422, job.NameTooLong, "long"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/f"}, {"url": "http://a.invalid/g", "local": "DIR/f"}]}`, "", 409, job.FileExists, "DIR/f"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/f", "digest": "crc32=00"}]}`, "", 422, job.InvalidHashAlgorithm, "sha256"},
	{`POST /v1/jobs {"files": [{"url": "http://a.invalid/f", "local": "DIR/f", "digest": "sha256=zz"}]}`, "", 422, job.InvalidArg, "64 hex digits"},
	{`POST /v1/jobs/ID/files {}`, "", 422, job.InvalidArg, "no files"},
	{`POST /v1/jobs/ID/files {"files": []}`, "", 422, job.InvalidArg, "no files"},
	{`POST /v1/jobs/ID/files {"files": [{"url": "http://a.invalid/f", "local": "f"}]}`, "", 422, job.InvalidArg, "absolute"},
	{`POST /v1/jobs/ID/files {"url": "http://a.invalid/f", "local": "DIR/f"}`, "", 400, job.InvalidArg, "no field"},
	// secrets
	{`POST /v1/jobs {"credentials": [{"target": "moon", "scheme": "basic", "password": "SECRET"}]}`, "", 422, job.InvalidAuthTarget, "moon"},
	{`POST /v1/jobs {"credentials": [{"target": "server", "scheme": "rot13", "password": "SECRET"}]}`, "", 422, job.InvalidAuthScheme, "rot13"},
	{`POST /v1/jobs {"credentials": [{"target": "server", "scheme": "ntlm", "password": "SECRET"}]}`, "", 422, job.InvalidArg, "need a user"},
	{`POST /v1/jobs {"credentials": {"password": "SECRET"}}`, "", 400, job.InvalidArg, `"credentials"`},
	{`POST /v1/jobs {"credentials": [{"pasword": "SECRET"}]}`, "", 400, job.InvalidArg, `no field "pasword"`},
	{`POST /v1/jobs {"headers": [{"name": "X\r\nY", "value": "SECRET"}]}`, "", 422, job.InvalidArg, "header"},
	{`POST /v1/jobs {"headers": [{"name": "X", "value": "SECRET\r\nY: z"}]}`, "", 422, job.InvalidArg, "control character"},
	{`POST /v1/jobs {"headers": [{"name": "Range", "value": "bytes=0-1"}]}`, "", 422, job.InvalidArg, "Range"},
	{`PUT /v1/jobs/ID/credentials/server/basic {"user": "u", "password": ["SECRET"]}`, "", 400, job.InvalidArg, `"password"`},
	{`PUT /v1/jobs/ID/credentials/server/basic {"passwd": "SECRET"}`, "", 400, job.InvalidArg, "no field"},
	{`PUT /v1/jobs/ID/credentials/server/basic SECRET`, "", 400, job.InvalidArg, "JSON"},
	{`PUT /v1/jobs/ID/credentials/moon/basic {}`, "", 422, job.InvalidAuthTarget, "moon"},
	{`DELETE /v1/jobs/ID/credentials/server/rot13`, "", 422, job.InvalidAuthScheme, "rot13"},
	{`DELETE /v1/jobs/ID/credentials/moon/basic`, "", 422, job.InvalidAuthTarget, "moon"},
	// jobs that are not there, or not in the right state
	{`GET /v1/jobs/00000000-0000-0000-0000-000000000000`, "", 404, job.NotFound, "no job"},
	{`GET /v1/jobs/zzz`, "", 404, job.NotFound, "zzz"},
	{`GET /v1/jobs/%00`, "", 404, job.NotFound, "no job"},
	{`GET /v1/jobs/%2e%2e`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1/jobs/..%2f..%2fetc%2fpasswd`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1/jobs/` + strings.Repeat("a", 5000), "", 404, job.NotFound, "no job"},
	{`PATCH /v1/jobs/ID {"limit": -1}`, "", 422, job.InvalidArg, "negative"},
	{`PATCH /v1/jobs/ID {"files": []}`, "", 400, job.InvalidArg, "no field"},
	{`PATCH /v1/jobs/ID {"notify_command": ["x"]}`, "", 422, job.InvalidArg, "absolute"},
	{`PATCH /v1/jobs/ID null`, "", 400, job.InvalidArg, "object"},
	{`PATCH /v1/jobs/ID`, "", 400, job.InvalidArg, "body"},
	{`DELETE /v1/jobs/ID`, "", 409, job.InvalidState, "cancel it first"},
	{`POST /v1/jobs/ID/resume`, "", 409, job.Empty, "no files"},
	{`POST /v1/jobs/ID/explode`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1/watch?id=zzz`, "", 404, job.NotFound, "zzz"},
	{`GET /v1/watch?id=ID&id=zzz`, "", 404, job.NotFound, "zzz"},
	// parameters
	{`GET /v1/jobs?limit=0`, "", 422, job.InvalidArg, "limit: expected"},
	{`GET /v1/jobs?limit=-5`, "", 422, job.InvalidArg, "limit: expected"},
	{`GET /v1/jobs?limit=10001`, "", 422, job.InvalidArg, "limit: expected"},
	{`GET /v1/jobs?limit=many`, "", 422, job.InvalidArg, "limit: "},
	{`GET /v1/jobs?limit=SECRET`, "", 422, job.InvalidArg, "limit: "},
	{`GET /v1/jobs?limit=99999999999999999999`, "", 422, job.InvalidArg, "limit: "},
	{`GET /v1/jobs?after=-1`, "", 422, job.InvalidArg, "after: "},
	{`GET /v1/jobs?all=perhaps`, "", 422, job.InvalidArg, "all: "},
	{`GET /v1/jobs?al=true`, "", 422, job.InvalidArg, "al: unknown"},
	{`GET /v1/jobs/ID/files?from=0`, "", 422, job.InvalidArg, "from: expected"},
	{`GET /v1/events?after=x`, "", 422, job.InvalidArg, "after: "},
	// paths and methods
	{`GET /`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v2/jobs`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1/jobs/`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1//jobs`, "", 404, job.NotImplemented, "openapi"},
	{`GET /v1/./jobs`, "", 404, job.NotImplemented, "openapi"},
	{`GET /docs`, "", 404, job.NotImplemented, "openapi"},
	{`GET /openapi.yaml`, "", 404, job.NotImplemented, "openapi"},
	{`PUT /v1/jobs {}`, "", 405, job.InvalidArg, "GET, POST"},
	{`DELETE /v1/status`, "", 405, job.InvalidArg, "GET"},
	{`OPTIONS /v1/jobs`, "", 405, job.InvalidArg, "GET, POST"},
	{`BREW /v1/jobs`, "", 405, job.InvalidArg, "GET, POST"},
	{`GET /v1/jobs/ID/resume`, "", 405, job.InvalidArg, "POST"},
	// web pages
	{`POST /v1/jobs {}`, "Origin: http://evil.example", 403, job.AccessDenied, "web pages"},
	{`POST /v1/jobs {}`, "Origin: null", 403, job.AccessDenied, "web pages"},
	{`GET /v1/jobs`, "Referer: http://localhost/", 403, job.AccessDenied, "web pages"},
	{`GET /v1/jobs`, "Host: evil.example", 403, job.AccessDenied, "other hosts"},
	{`GET /v1/jobs`, "Host: ebb.evil.example", 403, job.AccessDenied, "other hosts"},
	{`GET /v1/jobs`, "Host: 127.0.0.1:8080", 403, job.AccessDenied, "other hosts"},
	{`GET /openapi.json`, "Host: evil.example", 403, job.AccessDenied, "other hosts"},
	{`GET /nowhere`, "Host: evil.example", 403, job.AccessDenied, "other hosts"},
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if err := os.WriteFile(s.file("taken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	id := string(s.alice.do("POST", "/v1/jobs", `{"name": "untouched"}`).job().ID)
	before := s.alice.do("GET", "/v1/jobs?all=true", "").body
	long := strings.Repeat("n", 1100)
	fill := strings.NewReplacer("ID", id, "DIR", strings.Trim(quote(s.dir), `"`), "SECRET", password, "LONG", long,
		"NEST", `{"network":`+strings.Repeat("[", 20000))
	for _, tt := range malformed {
		method, rest, _ := strings.Cut(tt.request, " ")
		path, body, _ := strings.Cut(rest, " ")
		var header []string
		if tt.header != "" {
			header = []string{tt.header}
		}
		a := s.alice.do(method, fill.Replace(path), fill.Replace(body), header...)
		if text := a.refused(tt.status, tt.code); !strings.Contains(text, strings.ReplaceAll(tt.want, "DIR", s.dir)) {
			t.Errorf("the sentence is %q, want %q in it", text, tt.want)
		}
		if t.Failed() {
			t.Fatalf("that was %.300s %s", tt.request, tt.header)
		}
		if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != tt.want {
			t.Errorf("%s: Allow: %s", tt.request, a.header.Get("Allow"))
		}
	}
	if after := s.alice.do("GET", "/v1/jobs?all=true", "").body; after != before {
		t.Errorf("the jobs were\n%s and are\n%s", before, after)
	}
	if got := s.as(admin).do("GET", "/v1/events", "").body; got != `{"events":[]}`+"\n" {
		t.Errorf("events: %s", got)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	pad := func(n int) string { return `{"name": "x"` + strings.Repeat(" ", n) + `}` }
	s.alice.do("POST", "/v1/jobs", pad(64<<20)).refused(http.StatusRequestEntityTooLarge, job.TooLarge)
	s.alice.do("PATCH", "/v1/jobs/"+id, pad(1<<20)).refused(http.StatusRequestEntityTooLarge, job.TooLarge)
	s.alice.do("PUT", "/v1/jobs/"+id+"/credentials/server/basic", pad(1<<20)).refused(http.StatusRequestEntityTooLarge, job.TooLarge)
	s.alice.do("POST", "/v1/jobs", pad(2<<20)).job()
}

// Nobody in particular may do nothing at all.
func TestWithoutActor(t *testing.T) {
	t.Parallel()
	s := newService(t)
	nobody := s.as(ipc.Actor{})
	for _, path := range []string{"/v1/jobs", "/v1/status", "/v1/watch", "/openapi.json", "/nowhere"} {
		nobody.do("GET", path, "").refused(http.StatusForbidden, job.AccessDenied)
	}
	nobody.do("POST", "/v1/jobs", `{}`).refused(http.StatusForbidden, job.AccessDenied)
}

// What net/http's client would never send.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := []struct {
		request string
		status  int
	}{
		{"GET /v1/status HTTP/1.0\r\n\r\n", 200},
		{"GET /v1/status HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403},
		{"GET /v1/status HTTP/1.1\r\n\r\n", 400}, // no Host
		{"GET http://evil.example/v1/status HTTP/1.1\r\nHost: ebb\r\n\r\n", 403},
		{"GET http://localhost/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
		{"GET /v1/status HTTP/1.1\r\nHost: LOCALHOST:80\r\n\r\n", 200},
		{"GET http://ebb HTTP/1.1\r\nHost: ebb\r\n\r\n", 404},
		{"HEAD /v1/status HTTP/1.1\r\nHost: ebb\r\n\r\n", 200},
		{"HEAD /v1/watch HTTP/1.1\r\nHost: ebb\r\n\r\n", 200},
		{"HEAD /v1/events/stream HTTP/1.1\r\nHost: ebb\r\n\r\n", 200},
		{"POST /v1/jobs HTTP/1.1\r\nHost: ebb\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"POST /v1/jobs HTTP/1.1\r\nHost: ebb\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST /v1/jobs HTTP/1.1\r\nHost: ebb\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 500}, // huma's choice
		{"GET /v1/jobs HTTP/9.9\r\nHost: ebb\r\n\r\n", 505},
		{"nonsense\r\n\r\n", 400},
	}
	for _, tt := range tests {
		conn, err := s.alice.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, tt.request) }() // ends with conn
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || !strings.Contains(line, " "+strconv.Itoa(tt.status)+" ") {
			t.Errorf("%q: %q, %v; want %d", tt.request, line, err, tt.status)
		}
		conn.Close()
	}
}

// FuzzCreateJSON creates jobs from anything. What is accepted can be shown; what is refused leaves nothing.
func FuzzCreateJSON(f *testing.F) {
	for _, tt := range malformed {
		if body, ok := strings.CutPrefix(tt.request, "POST /v1/jobs "); ok {
			f.Add(body)
		}
	}
	f.Add(`{"name": "n", "priority": "low", "retry_delay": "10s", "deadline": "2099-01-02T03:04:05Z", "limit": 5}`)
	f.Add(`{"deadline": "9999-12-31T23:59:59-23:59", "inactivity_timeout": "2562047h"}`)
	f.Add(`{"credentials": [{"target": "server", "scheme": "basic", "user": "u", "password": "p"}], "webhook_key": "k"}`)
	s := newService(f)
	jobs := func() (n int) {
		var page struct{ Jobs []json.RawMessage }
		s.alice.do("GET", "/v1/jobs?all=true&limit=10000", "").into(&page)
		return len(page.Jobs)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, `"resume"`) || strings.Contains(body, `"notify_`) {
			t.Skip("nothing is to leave this process")
		}
		s.alice.t = t
		before := jobs()
		a := s.alice.do("POST", "/v1/jobs", body)
		if a.status != http.StatusOK {
			if after := jobs(); after != before {
				t.Fatalf("%d %s, but there are %d jobs instead of %d", a.status, a.body, after, before)
			}
			if a.status >= 500 && a.status != http.StatusNotImplemented {
				t.Fatalf("%d %s", a.status, a.body)
			}
			return
		}
		path := "/v1/jobs/" + string(a.job().ID)
		if again := s.alice.do("GET", path, "").job(); again.ID != a.job().ID {
			t.Fatalf("%s is shown as %s", a.body, again.ID)
		}
		s.alice.do("POST", path+"/cancel", "").job()
		s.alice.until(a.job().ID, job.Cancelled)
		s.alice.do("DELETE", path, "")
	})
}
