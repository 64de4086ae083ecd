package httpauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	ok := httpauth.Credentials{Scheme: httpauth.Basic, Origin: "https://h", User: "u", Password: "p"}
	with := func(change func(*httpauth.Credentials)) httpauth.Config {
		c := ok
		change(&c)
		return httpauth.Config{Credentials: []httpauth.Credentials{c}}
	}
	tests := map[string]struct {
		cfg  httpauth.Config
		says string
	}{
		"colon in a Basic user":  {with(func(c *httpauth.Credentials) { c.User = "a:b" }), "colon"},
		"control character":      {with(func(c *httpauth.Credentials) { c.Password = "a\x7fb" }), "control character"},
		"not UTF-8":              {with(func(c *httpauth.Credentials) { c.User = "\xff" }), "UTF-8"},
		"origin with a path":     {with(func(c *httpauth.Credentials) { c.Origin = "https://h/x" }), "only scheme, host and port"},
		"origin with a user":     {with(func(c *httpauth.Credentials) { c.Origin = "https://u:" + secret + "@h" }), "only scheme, host and port"},
		"no origin":              {with(func(c *httpauth.Credentials) { c.Origin = "" }), "not an origin"},
		"origin of another kind": {with(func(c *httpauth.Credentials) { c.Origin = "ftp://h:21" }), "http or https"},
		"implicit Basic":         {with(func(c *httpauth.Credentials) { c.Implicit = true }), "implicit"},
		"NTLM for a service":     {with(func(c *httpauth.Credentials) { c.Scheme, c.ServicePrincipal = "ntlm", "HTTP/h" }), "service principal"},
		"unknown scheme":         {with(func(c *httpauth.Credentials) { c.Scheme = "hoba" }), "unknown authentication scheme"},
		"empty token":            {with(func(c *httpauth.Credentials) { c.Scheme, c.User, c.Password = "bearer", "", "" }), "token is empty"},
		"two for one scheme":     {httpauth.Config{Credentials: []httpauth.Credentials{ok, ok}}, "two basic credentials"},
		"a Base that dials TLS":  {httpauth.Config{Base: &http.Transport{DialTLSContext: toAddr("")}}, "Config.Base"},
	}
	for name, tt := range tests {
		_, err := httpauth.New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.says)
		}
	}
}

// TestSecretsAreNotPrinted formats everything that holds a secret in every way.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	srv := serve(t, basicServer("another", &attempts))
	cfg := httpauth.Config{Credentials: []httpauth.Credentials{
		basicFor(srv.URL), digestFor(httpauth.Server, srv.URL), {Scheme: httpauth.Bearer, Origin: srv.URL, Password: secret},
	}}
	cfg.Credentials[1].Password = secret
	tr := mustNew(t, cfg)
	e, _ := refusal(t, tr, newRequest(t, "GET", srv.URL, nil))
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{cfg.Credentials[0], &cfg.Credentials[2], cfg.Credentials, cfg, &cfg, tr, *e, e} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			fmt.Fprintf(&out, verb, v)
		}
		log.Info("x", "value", v)
	}
	if err := json.NewEncoder(&out).Encode(cfg.Credentials); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, "YTpzM2NyZXQ", "Bearer " + secret} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q was printed in\n%s", s, out.String())
		}
	}
}

func TestParseScheme(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"basic", "DIGEST", "Ntlm", "negotiate", "PassPort", "bearer"} {
		if got, err := httpauth.ParseScheme(s); err != nil || string(got) != strings.ToLower(s) {
			t.Errorf("%s: %q %v", s, got, err)
		}
	}
	if _, err := httpauth.ParseScheme("kerberos"); err == nil {
		t.Error("kerberos is no scheme")
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HTTP://Example.ORG/x?y":           "http://example.org:80",
		"https://[::1]":                    "https://[::1]:443",
		"https://b\u00fccher.example:8443": "https://xn--bcher-kva.example:8443",
		"socks5h://p":                      "socks5://p:1080",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := httpauth.Origin(u); got != want || err != nil {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
}
