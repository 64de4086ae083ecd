package httpauth_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/digest"
)

func TestRequestBody(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	srv := serve(t, basicServer(secret, &attempts))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor(srv.URL)}})
	once := func() *http.Request {
		req := newRequest(t, "POST", srv.URL, io.MultiReader(strings.NewReader("a body")))
		if req.GetBody != nil {
			t.Fatal("this body was meant to be readable once")
		}
		return req
	}
	e, _ := refusal(t, tr, once())
	if !errors.Is(e, httpauth.ErrReplay) || e.Refused != "" {
		t.Error(e)
	}
	if status, content, err := get(t, tr, "POST", srv.URL, "a body"); status != 200 || content != "a body"+strictContent || err != nil {
		t.Errorf("%d %q %v", status, content, err)
	}
	resp, err := tr.RoundTrip(once()) // now the credentials go ahead, and the body with them
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
}

func TestRequestIsLeftAlone(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	srv := serve(t, basicServer(secret, &attempts))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor(srv.URL)}})
	req := newRequest(t, "GET", srv.URL, nil)
	req.Header = nil
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if req.Header != nil || resp.Request != req {
		t.Error("the request of the caller was changed")
	}
	own := newRequest(t, "GET", srv.URL, nil)
	own.SetBasicAuth("someone", "else")
	resp, err = tr.RoundTrip(own)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 || httpauth.Failure(resp, err) != nil {
		t.Error("a request with its own Authorization was answered for")
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Uses: 1})
	srv := httptest.NewUnstartedServer(s.Protect(contentHandler))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
	for range 5 {
		wantContent(t, tr, "POST", srv.URL, "body")
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections for 5 requests of two legs, want 1", conns.Load())
	}
}

func TestHTTP2OnlyWhenAsked(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for h2, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		tr := mustNew(t, httpauth.Config{TLS: insecure, HTTP2: h2})
		if _, content, err := get(t, tr, "GET", srv.URL, ""); content != want || err != nil {
			t.Errorf("HTTP2=%v: %q %v", h2, content, err)
		}
	}
}
