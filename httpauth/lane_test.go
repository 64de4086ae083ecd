package httpauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// knock is a scheme that authenticates connections in two legs, as NTLM does: "knock" is answered by a number
// that is good on this connection only, and the number opens it.
type knock struct{}

func (knock) traits() traits                              { return traits{connection: true, legs: 6} }
func (knock) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }
func (knock) covers(Challenge, string, string) []string   { return []string{"/"} }
func (knock) session() session                            { return &knockSession{} }

// knockSession is on one connection.
type knockSession struct{ knocked bool }

type knockAnswer string

func (s *knockSession) answer(_ context.Context, _ message, c *Challenge) (answer, error) {
	switch {
	case c == nil:
		return nil, nil // if this connection is not open yet, it will say so
	case c.Token == "" && s.knocked:
		return nil, errors.New("this session is over: its connection was another one")
	case c.Token == "":
		s.knocked = true
		return knockAnswer("NTLM knock"), nil
	case !s.knocked:
		return nil, errors.New("the server answers a knock on another connection")
	}
	return knockAnswer("NTLM " + c.Token), nil
}

func (a knockAnswer) value() string { return string(a) }
func (a knockAnswer) judge(c Challenge) (verdict, error) {
	if c.Token != "" {
		return another, nil
	}
	return wrong, nil
}
func (a knockAnswer) confirm(*http.Response, fields) error { return nil }

// knockServer opens connections to the scheme knock, and closes each after some requests.
type knockServer struct {
	t               testing.TB
	target          Target
	hangsUp         bool       // after a request without credentials
	loses           int32      // so many connections end between the two legs
	hostile         bool       // refuses everyone, and hangs up
	mu              sync.Mutex // guards conns
	conns           map[string]*knockState
	opened, refused atomic.Int32
}

type knockState struct {
	number   string
	open     bool
	requests int
}

func (s *knockServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.conns[r.RemoteAddr]
	if state == nil {
		state = &knockState{number: fmt.Sprintf("number%d", len(s.conns))}
		s.conns[r.RemoteAddr] = state
	}
	state.requests++
	if r.ProtoMajor != 1 {
		s.t.Errorf("%s: a connection cannot be authenticated", r.Proto)
	}
	f, status := fieldsOf(s.target), http.StatusUnauthorized
	if s.target == Proxy {
		status = http.StatusProxyAuthRequired
	}
	ask := func(challenge string) {
		w.Header().Set(f.challenge, challenge)
		w.WriteHeader(status)
		io.WriteString(w, strings.Repeat("not yet. ", 500))
	}
	switch value := r.Header.Get(f.credentials); {
	case state.open && value == "":
	case s.hostile && value == "NTLM "+state.number:
		s.refused.Add(1)
		w.Header().Set("Connection", "close")
		ask("NTLM")
		return
	case value == "NTLM "+state.number:
		state.open = true
		s.opened.Add(1)
	case value == "NTLM knock":
		if s.loses > 0 {
			s.loses--
			w.Header().Set("Connection", "close")
		}
		ask("NTLM " + state.number)
		return
	default:
		if value != "" {
			s.refused.Add(1)
		}
		if s.hangsUp {
			w.Header().Set("Connection", "close")
		}
		ask("NTLM")
		return
	}
	if state.requests > 6 {
		w.Header().Set("Connection", "close")
	}
	if s.target == Proxy {
		w.WriteHeader(http.StatusGatewayTimeout) // let through, and nobody there
		return
	}
	io.WriteString(w, strings.Repeat("content ", 1000))
}

// TestConnectionAffinity: 16 workers × 8 requests with a scheme that authenticates connections lose none, though
// the server closes each connection after a few.
func TestConnectionAffinity(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &knockServer{t: t, conns: map[string]*knockState{}}
			srv := httptest.NewUnstartedServer(s)
			if secure {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			t.Cleanup(srv.Close)
			base := &http.Transport{TLSClientConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig}
			tr, err := New(Config{Base: base})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(tr.CloseIdleConnections)
			u, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			origin, err := Origin(u)
			if err != nil {
				t.Fatal(err)
			}
			tr.authorities[authorityKey{Server, origin}] = &authority{origin: origin, schemes: map[Scheme]scheme{NTLM: knock{}}}
			var workers sync.WaitGroup
			for range 16 {
				workers.Go(func() {
					for range 8 {
						knockOnce(t, tr, srv.URL)
					}
				})
			}
			workers.Wait()
			if n := s.refused.Load(); n != 0 {
				t.Errorf("%d answers came over the wrong connection", n)
			}
			t.Logf("128 requests, %d connections, %d of them authenticated", len(s.conns), s.opened.Load())
		})
	}
}

// TestConnectAffinity: the legs of CONNECT run on one connection, or start again on a new one.
func TestConnectAffinity(t *testing.T) {
	t.Parallel()
	for _, hangsUp := range []bool{false, true} {
		s := &knockServer{t: t, target: Proxy, hangsUp: hangsUp, conns: map[string]*knockState{}}
		proxy := httptest.NewServer(s)
		t.Cleanup(proxy.Close)
		u, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := New(Config{Proxy: http.ProxyURL(u)})
		if err != nil {
			t.Fatal(err)
		}
		tr.authorities[authorityKey{Proxy, proxy.URL}] = &authority{target: Proxy, origin: proxy.URL, schemes: map[Scheme]scheme{NTLM: knock{}}}
		for range 3 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://files.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tr.RoundTrip(req)
			if e := Failure(nil, err); e == nil || e.Status != http.StatusGatewayTimeout {
				t.Errorf("hangsUp=%v: %v", hangsUp, err)
			}
		}
		if s.opened.Load() != 3 || s.refused.Load() != 0 {
			t.Errorf("hangsUp=%v: %d opened, %d refused; want 3, 0", hangsUp, s.opened.Load(), s.refused.Load())
		}
	}
}

// TestLostBetweenLegs: a connection that ends between the legs is no refusal. The conversation begins anew.
func TestLostBetweenLegs(t *testing.T) {
	t.Parallel()
	for _, target := range []Target{Server, Proxy} {
		s := &knockServer{t: t, target: target, loses: 2, conns: map[string]*knockState{}}
		status, err := knockAt(t, s)
		if err != nil || status == 401 || s.opened.Load() != 1 {
			t.Errorf("%s: %d, %v after %d opened", target, status, err, s.opened.Load())
		}
	}
}

// TestRefusedAndHungUp: a refusal is one even if the connection ends with it; nothing is sent a second time.
func TestRefusedAndHungUp(t *testing.T) {
	t.Parallel()
	for _, target := range []Target{Server, Proxy} {
		s := &knockServer{t: t, target: target, hostile: true, conns: map[string]*knockState{}}
		status, err := knockAt(t, s)
		if target == Server && status != 401 || target == Proxy && !errors.Is(err, ErrRefused) || s.refused.Load() != 1 {
			t.Errorf("%s: %d, %v after %d refusals, want 1", target, status, err, s.refused.Load())
		}
	}
}

// knockAt sends one request to s, or through it by CONNECT. A proxy that lets it through is no error.
func knockAt(t *testing.T, s *knockServer) (status int, err error) {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	address, cfg := srv.URL, Config{}
	if s.target == Proxy {
		u, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		address, cfg.Proxy = "https://files.example/", http.ProxyURL(u)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	tr.authorities[authorityKey{s.target, srv.URL}] = &authority{target: s.target, origin: srv.URL, schemes: map[Scheme]scheme{NTLM: knock{}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if e := Failure(nil, err); e != nil && e.Status == http.StatusGatewayTimeout {
		return e.Status, nil
	}
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

func knockOnce(t *testing.T, tr *Transport, url string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("a body"))
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("%d %v: %v", resp.StatusCode, err, Failure(resp, nil))
	}
}

// TestOpeningIsNoSecret: a server that has lost its taste for NTLM once it is opened has refused nothing, so what is
// weaker may follow.
func TestOpeningIsNoSecret(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch value := r.Header.Get("Authorization"); {
		case value == "":
			w.Header().Add("WWW-Authenticate", "NTLM")
			fallthrough
		case strings.HasPrefix(value, "NTLM "):
			w.Header().Add("WWW-Authenticate", `Basic realm="files"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(srv.Close)
	ntlm := Credentials{Scheme: NTLM, Origin: srv.URL, User: "alice", Password: "wonderland"}
	basic := ntlm
	basic.Scheme = Basic
	for _, tt := range []struct {
		given []Credentials
		want  int
	}{{[]Credentials{ntlm, basic}, 200}, {[]Credentials{ntlm}, 401}} {
		tr, err := New(Config{Credentials: tt.given})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tr.CloseIdleConnections)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if e := Failure(resp, nil); resp.StatusCode != tt.want || e != nil && !errors.Is(e, ErrNoCredentials) {
			t.Errorf("%d, %v; want %d", resp.StatusCode, e, tt.want)
		}
	}
}

// TestOpeningIsNotTheRequest: a server that lets the opening of a conversation through, though nothing but the
// headers came, still gets the body.
func TestOpeningIsNotTheRequest(t *testing.T) {
	t.Parallel()
	var bodies []string // of the requests that were let through
	asks := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case asks && strings.HasPrefix(r.Header.Get("Authorization"), "NTLM "):
			asks = false // from now on
			fallthrough
		case !asks:
			bodies = append(bodies, string(body))
			return
		}
		w.Header().Set("WWW-Authenticate", "NTLM")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	tr, err := New(Config{Credentials: []Credentials{{Scheme: NTLM, Origin: srv.URL, User: "alice", Password: "wonderland"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, srv.URL, strings.NewReader("the content"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(bodies) != 2 || bodies[0] != "" || bodies[1] != "the content" {
		t.Errorf("%d, bodies %q; want none with the opening, then the content", resp.StatusCode, bodies)
	}
}
