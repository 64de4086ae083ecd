package httpauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
)

// asking returns a server that offers the given challenges and is content with any answer to them.
func asking(challenges ...string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header()["Www-Authenticate"] = challenges
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "the file")
	}))
}

// fetch prints what client gets from url.
func fetch(client *http.Client, url string) {
	resp, err := client.Get(url)
	if e := httpauth.Failure(resp, err); e != nil {
		fmt.Println("not authenticated:", e.Err)
	}
	if err != nil {
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
}

func Example() {
	server := asking(`Digest realm="files", nonce="dcd98b71", qop="auth", algorithm=SHA-256`, `Basic realm="files"`)
	defer server.Close()

	// Digest is the stronger one, so it is the one that is answered.
	transport, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Basic, Origin: server.URL, User: "alice", Password: "wonderland"},
		{Scheme: httpauth.Digest, Origin: server.URL, User: "alice", Password: "wonderland"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	// Output: 200 the file <nil>
}

func ExampleConfig_basic() {
	server := asking(`Basic realm="files", charset="UTF-8"`)
	defer server.Close()

	// Without TLS this works because the server is on this machine; see Config.AllowCleartext.
	transport, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Basic, Origin: server.URL, User: "alice", Password: "wonderland"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	// Output: 200 the file <nil>
}

func ExampleConfig_digest() {
	server := asking(`Digest realm="files", nonce="dcd98b71", qop="auth-int", algorithm=SHA-512-256, userhash=true`)
	defer server.Close()

	transport, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Digest, Origin: server.URL, User: "alice", Password: "wonderland"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	// Output: 200 the file <nil>
}

func ExampleConfig_bearer() {
	server := asking("Bearer")
	defer server.Close()

	// The token goes with the first request already, but only ever to this origin.
	transport, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Bearer, Origin: server.URL, Password: "mF_9.B5f-4.1JqM"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	// Output: 200 the file <nil>
}

func ExampleConfig_proxy() {
	// A forward proxy sees the whole request; behind an https URL it would see CONNECT only.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" {
			w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		fmt.Fprint(w, "fetched ", r.RequestURI)
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		fmt.Println(err)
		return
	}

	transport, err := httpauth.New(httpauth.Config{
		Proxy: http.ProxyURL(proxyURL),
		Credentials: []httpauth.Credentials{
			{Target: httpauth.Proxy, Scheme: httpauth.Basic, Origin: proxy.URL, User: "alice", Password: "wonderland"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, "http://files.example.org/a.iso")
	// Output: 200 fetched http://files.example.org/a.iso <nil>
}

// A program that has a Transport of its own keeps its settings.
func ExampleConfig_base() {
	server := asking(`Basic realm="files"`)
	defer server.Close()

	transport, err := httpauth.New(httpauth.Config{
		Base:        &http.Transport{MaxIdleConnsPerHost: 8, ResponseHeaderTimeout: 20 * time.Second},
		Credentials: []httpauth.Credentials{{Scheme: httpauth.Basic, Origin: server.URL, User: "alice", Password: "wonderland"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fetch(&http.Client{Transport: transport}, server.URL)
	// Output: 200 the file <nil>
}

func ExampleFailure() {
	server := asking("Negotiate", "NTLM")
	defer server.Close()

	transport, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Basic, Origin: server.URL, User: "alice", Password: "wonderland"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := (&http.Client{Transport: transport}).Get(server.URL)
	if err == nil {
		resp.Body.Close()
	}
	if e := httpauth.Failure(resp, err); e != nil {
		fmt.Println(e.Status, e.Offered, errors.Is(e, httpauth.ErrNoCredentials))
	}
	// Output: 401 [negotiate ntlm] true
}

func ExampleParseChallenges() {
	challenges, err := httpauth.ParseChallenges([]string{`Negotiate, Digest realm="a, \"b\"", nonce=abc`})
	for _, c := range challenges {
		realm, _ := c.Get("realm")
		fmt.Printf("%s %q\n", c.Scheme, realm)
	}
	fmt.Println(err)
	// Output:
	// negotiate ""
	// digest "a, \"b\""
	// <nil>
}
