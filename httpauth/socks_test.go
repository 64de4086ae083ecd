package httpauth_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
)

// socksServer speaks RFC 1928 and, with a password, RFC 1929.
type socksServer struct {
	t        testing.TB
	password string // of user p; "" asks for none
	reply    byte
	l        net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex // guards attempts and names
	attempts int
	names    []string
}

func (s *socksServer) start() *url.URL {
	var err error
	if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		s.t.Fatal(err)
	}
	s.running.Go(func() {
		for {
			conn, err := s.l.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() {
				defer conn.Close()
				if err := s.serve(conn); err != nil {
					s.t.Error(err)
				}
			})
		}
	})
	s.t.Cleanup(func() { s.l.Close(); s.running.Wait() })
	return &url.URL{Scheme: "socks5", Host: s.l.Addr().String()}
}

func read(r io.Reader, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return make([]byte, n)
	}
	return b
}

func (s *socksServer) serve(conn net.Conn) error {
	head := read(conn, 2)
	methods := read(conn, int(head[1]))
	if s.password != "" {
		if len(methods) < 2 {
			conn.Write([]byte{5, 0xff})
			return nil
		}
		conn.Write([]byte{5, 2})
		version := read(conn, 2)
		if version[0] != 1 {
			return nil // the client keeps its password to itself
		}
		user := read(conn, int(version[1]))
		password := read(conn, int(read(conn, 1)[0]))
		s.mu.Lock()
		s.attempts++
		s.mu.Unlock()
		if string(user) != "p" || string(password) != s.password {
			conn.Write([]byte{1, 1})
			return nil
		}
		conn.Write([]byte{1, 0})
	} else {
		conn.Write([]byte{5, 0})
	}
	request := read(conn, 4)
	var host string
	switch request[3] {
	case 1:
		host = net.IP(read(conn, 4)).String()
	case 3:
		host = string(read(conn, int(read(conn, 1)[0])))
	case 4:
		host = net.IP(read(conn, 16)).String()
	default:
		return fmt.Errorf("request %v", request)
	}
	port := read(conn, 2)
	s.mu.Lock()
	s.names = append(s.names, host)
	s.mu.Unlock()
	if s.reply != 0 {
		conn.Write([]byte{5, s.reply, 0, 1, 0, 0, 0, 0, 0, 0})
		return nil
	}
	onward, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", int(port[0])<<8|int(port[1])))
	if err != nil {
		return err
	}
	conn.Write(append([]byte{5, 0, 0, 3, 4}, "nameXX"...)) // bound to a name, then its port
	s.running.Go(func() { io.Copy(onward, conn); onward.Close() })
	io.Copy(conn, onward)
	return nil
}

func TestSOCKS(t *testing.T) {
	t.Parallel()
	plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strictContent) }))
	for _, password := range []string{"", "q:r"} {
		for _, srv := range []string{plain.URL, secured(t).URL} {
			s := &socksServer{t: t, password: password}
			proxy := s.start()
			cfg := httpauth.Config{Proxy: http.ProxyURL(proxy), TLS: insecure}
			if password != "" {
				cfg.Credentials = []httpauth.Credentials{proxyBasic(proxy.String())}
			}
			u, err := url.Parse(srv)
			if err != nil {
				t.Fatal(err)
			}
			u.Host = "files.example:" + u.Port() // a name that only the proxy knows
			tr := mustNew(t, cfg)
			wantContent(t, tr, "GET", u.String(), "")
			wantContent(t, tr, "GET", srv, "")
			s.mu.Lock()
			if len(s.names) != 2 || s.names[0] != "files.example" || s.names[1] != "127.0.0.1" {
				t.Errorf("the proxy was asked for %q", s.names)
			}
			s.mu.Unlock()
		}
	}
}

func TestSOCKSRefuses(t *testing.T) {
	t.Parallel()
	s := &socksServer{t: t, password: "another"}
	proxy := s.start()
	cfg := httpauth.Config{Proxy: http.ProxyURL(proxy)}
	req := newRequest(t, "GET", "http://files.example/", nil)
	if e, _ := refusal(t, mustNew(t, cfg), req); !errors.Is(e, httpauth.ErrNoCredentials) || e.Target != httpauth.Proxy || e.Status != 0 {
		t.Errorf("%+v", e)
	}
	cfg.Credentials = []httpauth.Credentials{proxyBasic(proxy.String())}
	tr := mustNew(t, cfg)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			if e, _ := refusal(t, tr, req); !errors.Is(e, httpauth.ErrRefused) || e.Refused != httpauth.Basic {
				t.Errorf("%+v", e)
			}
		})
	}
	workers.Wait()
	s.mu.Lock()
	if s.attempts != 1 {
		t.Errorf("the wrong password was sent %d times, want once", s.attempts)
	}
	s.mu.Unlock()
	away := &url.URL{Scheme: "socks5", Host: "proxy.example:1080"}
	cfg = httpauth.Config{Proxy: http.ProxyURL(away), Dial: toAddr(proxy.Host), Credentials: []httpauth.Credentials{proxyBasic(away.String())}}
	if e, _ := refusal(t, mustNew(t, cfg), req); !errors.Is(e, httpauth.ErrCleartext) {
		t.Errorf("%+v", e)
	}
	unreachable := (&socksServer{t: t, reply: 4}).start()
	_, err := mustNew(t, httpauth.Config{Proxy: http.ProxyURL(unreachable)}).RoundTrip(req)
	if err == nil || httpauth.Failure(nil, err) != nil {
		t.Errorf("%v, want an error of the network", err)
	}
}
