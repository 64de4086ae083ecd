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

func (knock) traits() traits                              { return traits{connection: true, legs: 2} }
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
func (a knockAnswer) judge(c Challenge) verdict {
	if c.Token != "" {
		return another
	}
	return wrong
}
func (a knockAnswer) confirm(*http.Response, fields) error { return nil }

// knockServer opens connections to the scheme knock, and closes each after some requests.
type knockServer struct {
	t               testing.TB
	target          Target
	hangsUp         bool       // after a request without credentials
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
	case value == "NTLM "+state.number:
		state.open = true
		s.opened.Add(1)
	case value == "NTLM knock":
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
