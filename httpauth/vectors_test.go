package httpauth

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parseAnswer reads the parameters of an Authorization value.
func parseAnswer(t *testing.T, value string) map[string]string {
	t.Helper()
	found, err := ParseChallenges([]string{value})
	if err != nil || len(found) != 1 {
		t.Fatalf("%q: %v", value, err)
	}
	params := map[string]string{}
	for _, p := range found[0].Params {
		params[p.Name] = p.Value
	}
	return params
}

// TestDigestVectors checks whole answers against published ones. Where the source has no example, the
// response was calculated by hand from its formula with md5sum.
func TestDigestVectors(t *testing.T) {
	t.Parallel()
	const mufasa = `realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
		`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm=`
	const testrealm = `Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	tests := map[string]struct {
		user, password, cnonce string
		challenge, uri, body   string
		want                   map[string]string // of the parameters that are named here
	}{
		"RFC 7616 3.9.1 MD5": {
			user: "Mufasa", password: "Circle of Life", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			challenge: "Digest " + mufasa + "MD5", uri: "/dir/index.html",
			want: map[string]string{
				"username": "Mufasa", "response": "8ca523f5e9506fed4657c9700eebdbec", "nc": "00000001", "qop": "auth",
				"opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", "algorithm": "MD5", "uri": "/dir/index.html",
			},
		},
		"RFC 7616 3.9.1 SHA-256": {
			user: "Mufasa", password: "Circle of Life", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			challenge: "Digest " + mufasa + "SHA-256", uri: "/dir/index.html",
			want: map[string]string{"response": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", "algorithm": "SHA-256"},
		},
		"RFC 7616 3.9.2 SHA-512-256 and userhash, as corrected by erratum 4897": {
			user: "J\u00e4s\u00f8n Doe", password: "Secret, or not?", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
			challenge: `Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ` +
				`opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			uri: "/doe.json",
			want: map[string]string{
				"username": "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", "userhash": "true",
				"response": "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
			},
		},
		"RFC 7616 3.4, user name beyond ASCII": {
			user: "J\u00e4s\u00f8n Doe", password: "Secret, or not?", cnonce: "x",
			challenge: `Digest realm="api@example.org", qop="auth", algorithm=SHA-256, nonce="n", charset=UTF-8`, uri: "/doe.json",
			want: map[string]string{"username*": "UTF-8''J%C3%A4s%C3%B8n%20Doe"},
		},
		"the same without charset, as Apache wants it": {
			user: "J\u00e4s\u00f8n", password: "p", cnonce: "x",
			challenge: `Digest realm="r", qop="auth", nonce="n"`, uri: "/",
			want: map[string]string{"username": "J\u00e4s\u00f8n"},
		},
		"RFC 2617 3.5": {
			user: "Mufasa", password: "Circle Of Life", cnonce: "0a4f113b",
			challenge: testrealm + `, qop="auth,auth-int"`, uri: "/dir/index.html",
			want: map[string]string{"response": "6629fae49393a05397450978507c4ef1"},
		},
		"RFC 2069 2.4 as corrected by erratum 749: no qop, no cnonce": {
			user: "Mufasa", password: "CircleOfLife", cnonce: "unused",
			challenge: testrealm, uri: "/dir/index.html",
			want: map[string]string{"response": "1949323746fe6a43ef61f9606e7febea", "cnonce": "", "nc": "", "qop": ""},
		},
		"MD5-sess": {
			user: "Mufasa", password: "Circle Of Life", cnonce: "0a4f113b",
			challenge: testrealm + `, qop="auth", algorithm=MD5-sess`, uri: "/dir/index.html",
			want: map[string]string{"response": "8e3825c57e897f5a0dec6c2d4e5059d0", "algorithm": "MD5-sess"},
		},
		"auth-int with a body": {
			user: "Mufasa", password: "Circle Of Life", cnonce: "0a4f113b",
			challenge: testrealm + `, qop="auth-int"`, uri: "/dir/index.html", body: "entity body",
			want: map[string]string{"response": "f2cba6775e9f67ac8ede2cd02ccb6dd7", "qop": "auth-int"},
		},
		"quotes and backslashes are escaped on the wire and not in the hash": {
			user: `a"b\c`, password: "p", cnonce: "x",
			challenge: `Digest realm="q\"\\", nonce="n"`, uri: "/",
			want: map[string]string{"username": `a"b\c`, "realm": `q"\`, "response": "92c46b3d93f10e3230fb2a6fde39ad1b"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDigest(Credentials{User: tt.user, Password: tt.password})
			d.cnonce = func() string { return tt.cnonce }
			c, err := ParseChallenges([]string{tt.challenge})
			if err != nil {
				t.Fatal(err)
			}
			m := message{method: "GET", uri: tt.uri, body: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(tt.body)), nil
			}}
			a, err := d.session().answer(context.Background(), m, &c[0])
			if err != nil {
				t.Fatal(err)
			}
			got := parseAnswer(t, a.value())
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s=%q, want %q", name, got[name], want)
				}
			}
		})
	}
}

func TestDigestPick(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ offered, want string }{
		"strongest, wherever it stands":     {`Digest realm=r,nonce=1,algorithm=MD5,Digest realm=r,nonce=2,algorithm=sha-512-256,Digest realm=r,nonce=3,algorithm=SHA-256`, "2"},
		"the server's first among equals":   {`Digest realm=r,nonce=1,algorithm=SHA-256-sess,Digest realm=r,nonce=2,algorithm=SHA-256`, "1"},
		"unknown algorithms are passed by":  {`Digest realm=r,nonce=1,algorithm=SHA3-512,Digest realm=r,nonce=2`, "2"},
		"unknown qop is passed by":          {`Digest realm=r,nonce=1,algorithm=SHA-256,qop="auth-conf",Digest realm=r,nonce=2,qop="auth-conf, auth"`, "2"},
		"without a nonce nothing is usable": {`Digest realm=r`, ""},
		"without a realm nothing is usable": {`Digest nonce=r`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			offered, err := ParseChallenges([]string{tt.offered})
			if err != nil {
				t.Fatal(err)
			}
			c, err := newDigest(Credentials{}).pick(offered)
			if got, _ := c.Get("nonce"); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("picked nonce %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestDigestDomain(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		`Digest realm=r`:            {"/"},
		`Digest realm=r, domain=""`: {"/"},
		`Digest realm=r, domain="/a /b%20c http://h:80/d https://h/e http://other/f g"`: {"/a", "/b%20c", "/d"},
	}
	for challenge, want := range tests {
		c, err := ParseChallenges([]string{challenge})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, newDigest(Credentials{}).covers(c[0], "http://h:80", "/x")); diff != "" {
			t.Errorf("%s: %s", challenge, diff)
		}
	}
}

// TestBasicVectors has the examples of RFC 7617 sections 2 and 2.1.
func TestBasicVectors(t *testing.T) {
	t.Parallel()
	tests := []struct{ user, password, want string }{
		{"Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"test", "123\u00a3", "Basic dGVzdDoxMjPCow=="},
		{"te\u0301st", "a:b", "Basic dMOpc3Q6YTpi"}, // sent in form C; a colon in the password is allowed
		{"", "", "Basic Og=="},
	}
	for _, tt := range tests {
		c, err := Credentials{Scheme: Basic, Origin: "https://h", User: tt.user, Password: tt.password}.normalize()
		if err != nil {
			t.Fatal(err)
		}
		s, err := newBasic(c)
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.session().answer(context.Background(), message{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.value() != tt.want {
			t.Errorf("%q:%q gives %q, want %q", tt.user, tt.password, a.value(), tt.want)
		}
	}
}

// TestDigestSessionKeepsItsKey: RFC 7616 section 3.4.2, HA1 of -sess outlives nextnonce, and nc starts again.
func TestDigestSessionKeepsItsKey(t *testing.T) {
	t.Parallel()
	s := newDigest(Credentials{User: "u", Password: "p"}).session()
	c, err := ParseChallenges([]string{`Digest realm="r", nonce="n1", algorithm=MD5-sess, qop="auth"`})
	if err != nil {
		t.Fatal(err)
	}
	m := message{method: "GET", uri: "/", body: noBody}
	first, err := s.answer(context.Background(), m, &c[0])
	if err != nil {
		t.Fatal(err)
	}
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Authentication-Info": {`nextnonce="n2"`}}, Body: http.NoBody}
	if err := first.confirm(resp, fieldsOf(Server)); err != nil {
		t.Fatal(err)
	}
	second, err := s.answer(context.Background(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.(*digestAnswer), second.(*digestAnswer)
	if b.nonce.nonce != "n2" || b.nc != "00000001" {
		t.Errorf("nonce %q nc %s, want n2 and 00000001", b.nonce.nonce, b.nc)
	}
	if a.nonce.ha1 != b.nonce.ha1 || a.cnonce != b.cnonce {
		t.Error("the session key changed with nextnonce")
	}
}
