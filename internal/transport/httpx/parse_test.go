package httpx

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

func TestParseContentRange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		want  contentRange
		ok    bool
	}{
		{"bytes 0-99/200", contentRange{0, 99, 200}, true},
		{"BYTES  199-199/200", contentRange{199, 199, 200}, true},
		{"bytes 5-9/*", contentRange{5, 9, -1}, true},
		{"bytes */200", contentRange{-1, -1, 200}, true},
		{"bytes */0", contentRange{-1, -1, 0}, true},
		{"bytes 0-999999999999999998/999999999999999999", contentRange{0, 999999999999999998, 999999999999999999}, true},
		{field: ""},
		{field: "bytes"},
		{field: "bytes */*"},
		{field: "items 0-1/2"},
		{field: "bytes 0-1"},
		{field: "bytes 5-4/10"},
		{field: "bytes 0-10/10"},
		{field: "bytes -1/10"},
		{field: "bytes 0-/10"},
		{field: "bytes +0-1/10"},
		{field: "bytes 0-9223372036854775807/*"},
		{field: "bytes 0-1/0x10"},
		{field: "bytes 0-1,3-4/10"},
	}
	for _, tt := range tests {
		got, ok := parseContentRange(tt.field)
		if ok != tt.ok || (ok && got != tt.want) {
			t.Errorf("parseContentRange(%q) = %+v, %v, want %+v, %v", tt.field, got, ok, tt.want, tt.ok)
		}
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		``:                                                                "",
		`attachment`:                                                      "",
		`attachment; filename=plain.txt`:                                  "plain.txt",
		`attachment; filename=two words.txt`:                              "two words.txt",
		`attachment; FileName="quoted; x.txt"`:                            "quoted; x.txt",
		`filename="no type.txt"`:                                          "no type.txt",
		`attachment; filename="a\"b\\c.txt"`:                              "c.txt",
		`attachment; filename="C:\dir\x.txt"`:                             "x.txt",
		`attachment; filename="../../etc/passwd"`:                         "passwd",
		`attachment; filename=".bashrc"`:                                  "bashrc",
		`attachment; filename="con.txt"`:                                  "_con.txt",
		`attachment; filename="naïve.txt"`:                                "naïve.txt",
		"attachment; filename=\"na\xefve.txt\"":                           "naïve.txt",
		`attachment; filename="=?UTF-8?B?4oKsLnR4dA==?="`:                 "€.txt",
		`attachment; filename*=UTF-8''%e2%82%ac%20rates`:                  "€ rates",
		`attachment; filename*=iso-8859-1'en'%A3%20rates`:                 "£ rates",
		`attachment; filename="EURO.txt"; filename*=utf-8''%e2%82%ac`:     "€",
		`attachment; filename*=utf-8''%e2%82%ac; filename="EURO.txt"`:     "€",
		`attachment; filename="good.txt"; filename*=UTF-8''%zz`:           "good.txt",
		`attachment; filename="good.txt"; filename*=UTF-8''%ff`:           "good.txt",
		`attachment; filename="good.txt"; filename*=koi8-r''%c1`:          "good.txt",
		`attachment; filename="good.txt"; filename*=nonsense`:             "good.txt",
		`attachment; filename*=UTF-8''..%2f..%2fevil`:                     "evil",
		`attachment; filename="one.txt"; filename="two.txt"`:              "one.txt",
		`attachment; filename="open`:                                      "open",
		`attachment; filename="`:                                          "",
		`attachment; filename=`:                                           "",
		`attachment;;;filename==x`:                                        "=x",
		`attachment; x="filename=fake.txt"; filename=real.txt`:            "real.txt",
		`attachment; filename="` + strings.Repeat("x", 1000) + `.tar.gz"`: strings.Repeat("x", 237) + ".gz",
	} {
		if got := fileName(field); got != want {
			t.Errorf("fileName(%q) = %q, want %q", field, got, want)
		}
	}
}

func TestReprDigest(t *testing.T) {
	t.Parallel()
	const (
		b64 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
		hex = "sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
	)
	long := strings.Repeat("A", 86) + "=="
	tests := []struct {
		fields []string
		want   string
	}{
		{nil, ""},
		{[]string{"sha-256=:" + b64 + ":"}, hex},
		{[]string{"md5=:AAAA:, sha-256=:" + b64 + ":;x=1"}, hex},
		{[]string{"sha-512=:" + long + ":", "sha-256=:" + b64 + ":"}, hex},
		{[]string{"sha-512=:" + long + ":"}, "sha512=" + strings.Repeat("0", 128)},
		{[]string{"sha-256=:AAAA:, sha-256=:" + b64 + ":"}, hex},
		{[]string{"sha-256=" + b64}, ""},
		{[]string{"sha-256=:AAAA:"}, ""},
		{[]string{"sha-256=:???:"}, ""},
		{[]string{"sha-256=:"}, ""},
		{[]string{",,=,"}, ""},
	}
	for _, tt := range tests {
		if got := reprDigest(tt.fields); got != tt.want {
			t.Errorf("reprDigest(%q) = %q, want %q", tt.fields, got, tt.want)
		}
	}
}

func TestRetryAfterFromTheServersClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	h := http.Header{"Date": {"Mon, 06 May 2024 07:08:09 GMT"}, "Retry-After": {"Mon, 06 May 2024 07:09:09 GMT"}}
	if got := retryAfter(h, now); got != time.Minute {
		t.Errorf("retryAfter = %v, want 1m0s", got)
	}
	h.Del("Date")
	if got := retryAfter(h, now); got != 0 {
		t.Errorf("a date in the past = %v, want 0", got)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://a.example":                              "http://a.example",
		"HTTP://A.example/x":                            "http://A.example/x",
		"http://a.example/%7Eu/%2f/../b//c?x=%20&y=+":   "http://a.example/%7Eu/%2f/../b//c?x=%20&y=+",
		"http://a.example/a b<c>\"{|}\\^`":              "http://a.example/a%20b%3Cc%3E%22%7B%7C%7D%5C%5E%60",
		"http://a.example/100%":                         "http://a.example/100%25",
		"http://a.example/100%2":                        "http://a.example/100%252",
		"http://a.example/[x]!$&'()*+,;=:@":             "http://a.example/[x]!$&'()*+,;=:@",
		"http://a.example/x#fragment":                   "http://a.example/x",
		"http://a.example?q=a b":                        "http://a.example?q=a%20b",
		"http://b\u00fccher.example:8080/\u00fc?\u00e9": "http://xn--bcher-kva.example:8080/%C3%BC?%C3%A9",
		"http://\u4f8b\u3048.\u30c6\u30b9\u30c8/":       "http://xn--r8jz45g.xn--zckzah/",
		"http://[::1]:80/x":                             "http://[::1]:80/x",
		"http://[fe80::1%25eth0]/x":                     "http://[fe80::1%25eth0]/x",
		"http://a.example/\x01":                         "http://a.example/%01",
	} {
		u, err := parseURL(raw)
		if err != nil {
			t.Errorf("parseURL(%q): %v", raw, err)
			continue
		}
		if got := u.String(); got != want {
			t.Errorf("parseURL(%q) = %q, want %q", raw, got, want)
		}
	}
	for _, raw := range []string{"", "x", "//a/b", "http:/x", "http://", "file:///x", "http://a b/", "http://[::1/", "http://a:x/", "http://-\u2000/"} {
		if u, err := parseURL(raw); err == nil {
			t.Errorf("parseURL(%q) = %q, want an error", raw, u)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	from, err := parseURL("https://a.example/dir/file?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"other":                             "https://a.example/dir/other",
		"/\u00e9 x":                         "https://a.example/%C3%A9%20x",
		"/%c3%a9?next=http://b.example/ x":  "https://a.example/%c3%a9?next=http://b.example/%20x",
		"//b.example/x":                     "https://b.example/x",
		"http://eve:evil@b.example/x#y":     "http://b.example/x",
		"http://b\u00fccher.example/\u00fc": "http://xn--bcher-kva.example/%C3%BC",
		"?y=2":                              "https://a.example/dir/file?y=2",
	} {
		u, err := resolve(from, location)
		if err != nil || u.String() != want {
			t.Errorf("resolve(%q) = %v, %v, want %q", location, u, err, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://alice:secret@a.example/x?sig=secret": "http://a.example/x", "alice:secret@a.example": "a.example",
		"http://a.example": "http://a.example", "secret@": "", "?secret": "",
	} {
		if got := redact(raw); got != want {
			t.Errorf("redact(%q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-99/200", "bytes */200", "bytes 5-9/*", "bytes 0-18446744073709551616/1", "bytes */*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		r, ok := parseContentRange(field)
		if !ok {
			return
		}
		part := r.first >= 0 && r.last >= r.first && (r.size == -1 || r.last < r.size)
		none := r.first == -1 && r.last == -1 && r.size >= 0
		if part == none {
			t.Errorf("parseContentRange(%q) = %+v", field, r)
		}
	})
}

func FuzzContentDisposition(f *testing.F) {
	for _, s := range []string{`attachment; filename="a\"b"; filename*=UTF-8''%e2%82%ac`, `filename=x;filename`, `;;="`, `a; filename="../x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		name := fileName(field)
		if job.SafeName(name) != name || len(name) > 240 {
			t.Errorf("fileName(%q) = %q is not safe", field, name)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"120", "-1", "Mon, 06 May 2024 07:08:09 GMT", "999999999999999999", "1e9"} {
		f.Add(s, "Mon, 06 May 2024 07:08:09 GMT")
	}
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	f.Fuzz(func(t *testing.T, field, date string) {
		if d := retryAfter(http.Header{"Retry-After": {field}, "Date": {date}}, now); d < 0 || d > maxRetryAfter {
			t.Errorf("retryAfter(%q at %q) = %v", field, date, d)
		}
	})
}

func FuzzReprDigest(f *testing.F) {
	f.Add("sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:", "sha-512=:x:")
	f.Add("a=:b:;c, d", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := reprDigest([]string{a, b})
		if got == "" {
			return
		}
		if parsed, err := job.ParseDigest(got); err != nil || parsed != got {
			t.Errorf("reprDigest(%q, %q) = %q: %v", a, b, got, err)
		}
	})
}

func FuzzLocation(f *testing.F) {
	for _, s := range []string{"/x", "//b/x", "http://b:1/x?y#z", "../a%zz", "\u00e9", "http://u:p@h"} {
		f.Add(s)
	}
	from, err := parseURL("https://a.example/dir/file")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, location string) {
		u, err := resolve(from, location)
		if err != nil {
			return
		}
		if u.User != nil || strings.ContainsFunc(u.RequestURI(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("resolve(%q) = %q, user %v", location, u.RequestURI(), u.User)
		}
	})
}
