package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/internal/notify"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/httpx"
	"github.com/ebb-transfer/ebb/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// password is in no answer, event or problem: every test searches all it gets for it.
const password = "hunter2-correct-horse"

// patience is after what time a test that waits has failed.
const patience = 30 * time.Second

// sealer stores secrets as they are: sealing has its own tests.
type sealer struct{}

func (sealer) Seal(_ job.ID, _ string, plain []byte) ([]byte, error) { return bytes.Clone(plain), nil }

func (sealer) Open(_ job.ID, _ string, sealed []byte) ([]byte, error) {
	return bytes.Clone(sealed), nil
}

// service is the API before a real engine, on a connection in memory. Requests come from alice unless
// their client says otherwise.
type service struct {
	t      testing.TB
	engine *engine.Engine
	notify *notify.Notifier
	store  *memstore.Store
	dir    string
	dial   ipc.DialFunc
	mute   func() // ends the notifier
	stop   func() // ends all
	asked  chan struct{}
	alice  *client
}

var (
	alice = ipc.Actor{ID: "uid:1001", Name: "alice"}
	bob   = ipc.Actor{ID: "uid:1002", Name: "bob"}
	admin = ipc.Actor{ID: "uid:0", Name: "root", Admin: true}
)

func newService(t testing.TB) *service {
	t.Helper()
	return newServiceOn(t, t.TempDir(), memstore.New())
}

func newServiceOn(t testing.TB, dir string, st *memstore.Store) *service {
	t.Helper()
	s := &service{t: t, store: st, dir: dir, asked: make(chan struct{}, 1)}
	downloads := httpx.New(httpx.Config{UserAgent: "ebb/test"})
	log := slog.New(slog.DiscardHandler)
	s.notify = notify.New(notify.Config{
		Store: st, Log: log, Version: "1.2.3",
		Secret: func(ctx context.Context, id job.ID, name string) ([]byte, error) {
			return s.engine.Secret(ctx, id, name)
		},
	})
	s.engine = engine.New(engine.Config{
		Store: st, Sealer: sealer{}, Log: log, BootID: "boot-1", Check: httpx.Check,
		Wants: notify.Wants, Notified: s.notify.Wake,
		Sink:       sink.New(sink.Config{Instance: "test", BootID: "boot-1"}),
		Transports: map[string]transport.Downloader{"http": downloads, "https": downloads},
	})
	l, dial, err := ipc.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.dial = dial
	srv := &http.Server{ConnContext: s.connContext, ErrorLog: slog.NewLogLogger(failing{t}, slog.LevelError), Handler: api.New(api.Config{
		Engine: s.engine, Callbacks: s.notify, Version: "1.2.3",
		Status: func() api.Daemon { return api.Daemon{PID: 42, StateDir: "/state", Started: "2026-01-01T00:00:00Z"} },
		Stop:   func() { s.asked <- struct{}{} },
	})}
	ctx, cancel := context.WithCancel(context.Background())
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	told, hush := context.WithCancel(ctx)
	served, ran, notified := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	go func() { ran <- s.engine.Run(ctx) }()
	go func() { notified <- s.notify.Run(told) }()
	s.mute = sync.OnceFunc(func() {
		hush()
		if err := <-notified; err != nil {
			t.Errorf("the notifier: %v", err)
		}
	})
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		s.mute()
		if err := <-ran; err != nil {
			t.Errorf("the engine: %v", err)
		}
		bye, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(bye); err != nil {
			t.Errorf("a request does not end with the service: %v", err)
			_ = srv.Close()
		}
		<-served
		downloads.Close()
	}
	t.Cleanup(s.stop)
	s.alice = s.as(alice)
	return s
}

// failing fails the test for whatever the server logs: a panic above all.
type failing struct{ t testing.TB }

func (f failing) Enabled(context.Context, slog.Level) bool { return true }
func (f failing) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f failing) WithGroup(string) slog.Handler            { return f }

func (f failing) Handle(_ context.Context, r slog.Record) error {
	f.t.Errorf("the server logs: %s", r.Message)
	return nil
}

// connContext gives each connection the actor whose ID is its first line, sent by as; one without has none.
func (s *service) connContext(ctx context.Context, conn net.Conn) context.Context {
	line := make([]byte, 1)
	var id []byte
	for {
		if _, err := conn.Read(line); err != nil || line[0] == '\n' {
			break
		}
		id = append(id, line[0])
	}
	for _, a := range []ipc.Actor{alice, bob, admin} {
		if a.ID == string(id) {
			return ipc.WithActor(ctx, a)
		}
	}
	return ctx
}

// client sends requests of one actor.
type client struct {
	t    testing.TB
	http *http.Client
	dial func(context.Context) (net.Conn, error)
}

func (s *service) as(a ipc.Actor) *client {
	c := &client{t: s.t}
	c.dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := s.dial(ctx)
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(conn, a.ID+"\n")
		return conn, err
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }}
	c.http = &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.t.Cleanup(tr.CloseIdleConnections)
	return c
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request. header are "Name: value" lines.
func (c *client) do(method, path, body string, header ...string) answer {
	c.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://ebb"+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	return c.send(req)
}

func (c *client) send(req *http.Request) answer {
	c.t.Helper()
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	if strings.Contains(string(b), password) {
		c.t.Errorf("%s %s: the answer holds the password: %s", req.Method, req.URL.Path, b)
	}
	return answer{c.t, resp.StatusCode, resp.Header, string(b)}
}

// into checks for success and decodes the answer.
func (a answer) into(to any) answer {
	a.t.Helper()
	if a.status != http.StatusOK {
		a.t.Fatalf("%d %s", a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("Content-Type %q", got)
	}
	if err := json.Unmarshal([]byte(a.body), to); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
	return a
}

func (a answer) job() job.Snapshot {
	a.t.Helper()
	var snap job.Snapshot
	a.into(&snap)
	return snap
}

// refused checks for a problem document with a status and a code, and returns its sentence.
func (a answer) refused(status int, code job.Code) string {
	a.t.Helper()
	var p struct {
		Title, Detail string
		Status        int
		Error         *job.Error
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		a.t.Fatalf("%d with %s is no problem document: %v", a.status, a.body, err)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("Content-Type %q", got)
	}
	if a.status != status || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" {
		a.t.Errorf("%d %s, want %d", a.status, a.body, status)
	}
	if p.Error == nil || p.Error.Code != code || p.Error.Text != p.Detail {
		a.t.Errorf("%s, want code %v", a.body, code)
	}
	for _, internal := range []string{"json:", "Go struct", "goroutine", ".go:", "\n", "huma", "interface", "job."} {
		if strings.Contains(p.Detail, internal) {
			a.t.Errorf("the sentence %q holds %q", p.Detail, internal)
		}
	}
	return p.Detail
}

// file is a local name in the service's folder.
func (s *service) file(name string) string { return filepath.Join(s.dir, name) }

// quote is v in JSON.
func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// create makes a suspended job of one file.
func (c *client) create(url, local string) job.Snapshot {
	c.t.Helper()
	return c.do("POST", "/v1/jobs", `{"files": [{"url": `+quote(url)+`, "local": `+quote(local)+`}]}`).job()
}

// until watches a job until it is in the state.
func (c *client) until(id job.ID, want job.State) job.Snapshot {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	events := c.stream(ctx, "/v1/watch?id="+string(id))
	for {
		var snap job.Snapshot
		if e := events.next(); json.Unmarshal([]byte(e.data), &snap) != nil {
			c.t.Fatalf("event %v", e)
		}
		if snap.State == want {
			return snap
		}
	}
}

// sseEvent is one server-sent event.
type sseEvent struct{ id, event, data string }

// sseReader reads a stream.
type sseReader struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Reader
	end  func() // ends the stream
}

// stream opens a stream that ends with ctx.
func (c *client) stream(ctx context.Context, path string, header ...string) *sseReader {
	c.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	c.t.Cleanup(cancel)
	defer time.AfterFunc(patience, cancel).Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ebb"+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("GET %s: %s %s", path, resp.Status, b)
	}
	return &sseReader{c.t, resp, bufio.NewReader(resp.Body), cancel}
}

func (r *sseReader) next() sseEvent {
	r.t.Helper()
	e, err := r.read()
	if err != nil {
		r.t.Fatalf("the stream ends: %v", err)
	}
	return e
}

// read waits for an event as long as a test may; what the test does between two of them is its own time.
func (r *sseReader) read() (sseEvent, error) {
	defer time.AfterFunc(patience, r.end).Stop()
	var e sseEvent
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		if strings.Contains(line, password) {
			r.t.Errorf("the stream holds the password: %s", line)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "":
			return e, nil
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		default:
			r.t.Errorf("line %q", line)
		}
	}
}
