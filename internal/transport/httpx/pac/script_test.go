//go:build pac

package pac

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// compile compiles a script at a Wednesday noon, with three names in its name server.
func compile(t testing.TB, source string) *Script {
	t.Helper()
	s, err := Compile(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Date(2026, 3, 4, 12, 30, 15, 0, time.FixedZone("", 3600)) }
	s.look = func(_ context.Context, _, host string) ([]net.IP, error) {
		if ip := map[string]string{"in.corp.example": "10.1.2.3", "out.example": "192.0.2.7"}[host]; ip != "" {
			return []net.IP{net.ParseIP(ip)}, nil
		}
		return nil, errors.New("no such name")
	}
	return s
}

func ways(t testing.TB, s *Script, raw string) (string, error) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Find(t.Context(), u)
	var out []string
	for _, way := range found {
		if way == nil {
			out = append(out, "direct")
		} else {
			out = append(out, way.String())
		}
	}
	return strings.Join(out, " "), err
}

// TestFind is a script as administrators write them.
func TestFind(t *testing.T) {
	t.Parallel()
	s := compile(t, `
		var proxy = "PROXY p1.example:3128; PROXY p2.example:3128";
		function FindProxyForURL(url, host) {
			if (isPlainHostName(host) || dnsDomainIs(host, ".corp.example")) return "DIRECT";
			if (shExpMatch(url, "http://*/updates/*")) return proxy + "; DIRECT";
			if (isInNet(host, "192.0.2.0", "255.255.255.0")) return "SOCKS5 s.example:1080";
			if (url.substring(0, 6) == "https:") return "HTTPS tls.example:443";
			return proxy;
		}`)
	for raw, want := range map[string]string{
		"http://intranet/":                       "direct",
		"http://www.corp.example/":               "direct",
		"http://a.example/updates/x":             "http://p1.example:3128 http://p2.example:3128 direct",
		"http://out.example/":                    "socks5://s.example:1080",
		"https://a.example/updates/x":            "https://tls.example:443",
		"http://alice:s3cret@a.example/x?q#frag": "http://p1.example:3128 http://p2.example:3128",
	} {
		if got, err := ways(t, s, raw); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", raw, got, err, want)
		}
	}
}

// TestFunctions: each expression must be true.
func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		`isPlainHostName("www")`, `!isPlainHostName("www.example")`, `!isPlainHostName("::1")`,
		`dnsDomainIs("www.Example", ".example")`, `!dnsDomainIs("www", ".example")`,
		`localHostOrDomainIs("www.a.example", "www.a.example")`, `localHostOrDomainIs("www", "www.a.example")`, `!localHostOrDomainIs("www.b.example", "www.a.example")`, `!localHostOrDomainIs("ww", "www.a.example")`,
		`isResolvable("in.corp.example")`, `!isResolvable("nowhere.example")`,
		`isInNet("in.corp.example", "10.0.0.0", "255.0.0.0")`, `!isInNet("out.example", "10.0.0.0", "255.0.0.0")`, `isInNet("10.9.9.9", "10.9.9.9", "255.255.255.255")`, `!isInNet("nowhere.example", "0.0.0.0", "0.0.0.0")`,
		`dnsResolve("in.corp.example") === "10.1.2.3"`, `dnsResolve("nowhere.example") === null`, `dnsResolve("192.0.2.1") === "192.0.2.1"`,
		`convert_addr("104.16.41.2") === 1745889538`, `convert_addr("x") === 0`,
		`/^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/.test(myIpAddress())`,
		`dnsDomainLevels("www") === 0`, `dnsDomainLevels("a.b.c") === 2`,
		`shExpMatch("http://a.example/x.y", "*/x?y")`, `!shExpMatch("http://a.example/xzy/", "*/x?y")`, `!shExpMatch("a+b", "a.b")`, `shExpMatch("a[b]", "a[b]")`,
		`weekdayRange("WED")`, `weekdayRange("MON", "FRI")`, `!weekdayRange("THU", "FRI")`, `weekdayRange("FRI", "WED")`, `!weekdayRange("SAT", "TUE", "GMT")`,
		`timeRange(12)`, `!timeRange(13)`, `timeRange(11, "GMT")`, `timeRange(9, 17)`, `!timeRange(13, 17)`, `timeRange(22, 13)`,
		`timeRange(12, 0, 12, 30)`, `!timeRange(12, 31, 13, 0)`, `timeRange(12, 30, 10, 12, 30, 20)`, `!timeRange(12, 30, 16, 12, 30, 20)`, `!timeRange(1, 2, 3)`,
		`dateRange(4)`, `!dateRange(5)`, `dateRange("MAR")`, `dateRange(2026)`, `!dateRange(2025)`, `dateRange(1, 15)`, `!dateRange(5, 31)`,
		`dateRange("JAN", "MAR")`, `dateRange("NOV", "MAR")`, `!dateRange("APR", "OCT")`, `dateRange(2020, 2030)`,
		`dateRange(1, "MAR", 5, "MAR")`, `!dateRange(5, "MAR", 9, "APR")`, `dateRange(24, "DEC", 6, "MAR")`,
		`dateRange("OCT", 2025, "MAR", 2026)`, `dateRange(1, "JUN", 2025, 4, "MAR", 2026, "GMT")`, `!dateRange()`,
		`alert("x") === undefined`,
	} {
		s := compile(t, `function FindProxyForURL() { return (`+expression+`) ? "PROXY yes:1" : "PROXY no:1" }`)
		if got, err := ways(t, s, "http://x.example/"); got != "http://yes:1" || err != nil {
			t.Errorf("%s: %q, %v", expression, got, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`null`: "direct", `undefined`: "direct", `""`: "direct", `" ; "`: "direct", `"direct"`: "direct",
		`"proxy a:1;;HTTP b:2 ;SOCKS c:3"`:  "http://a:1 http://b:2 socks5://c:3",
		`"SOCKS4 a:1; PROXY b:2; QUIC c:3"`: "http://b:2",
		`"SOCKS4 a:1"`:                      "error", `"PROXY"`: "error", `"PROXY a:b"`: "error", `"PROXY user:secret@a:1"`: "error", `42`: "error",
		`"PROXY [2001:db8::1]:8080"`: "http://[2001:db8::1]:8080",
	} {
		got, err := ways(t, compile(t, `function FindProxyForURL() { return `+answer+` }`), "http://x.example/")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q (%v), want %q", answer, got, err, want)
		}
	}
}

// TestWhatAScriptLearns: no password, no fragment, and of https nothing but the host.
func TestWhatAScriptLearns(t *testing.T) {
	t.Parallel()
	s := compile(t, `function FindProxyForURL(url, host) { throw url + " " + host }`)
	for raw, want := range map[string]string{
		"http://alice:s3cret@a.example:81/p?q#f":  "http://a.example:81/p?q a.example",
		"https://alice:s3cret@a.example:81/p?q#f": "https://a.example:81/ a.example",
	} {
		if _, err := ways(t, s, raw); err == nil || !strings.HasPrefix(err.Error(), want+" ") {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

// TestBadScripts end in an error: each in its own, none in a hang or a panic.
func TestBadScripts(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`<html>`, ``, `var FindProxyForURL = 1`, `throw "x"`, `require("fs")`} {
		if _, err := Compile(t.Context(), source); err == nil {
			t.Errorf("%q: no error", source)
		}
	}
	s := compile(t, `function FindProxyForURL(url, host) { return FindProxyForURL(url, host) }`)
	if _, err := ways(t, s, "http://x.example/"); err == nil {
		t.Error("endless recursion: no error")
	}
	endless := compile(t, `var first = true; function FindProxyForURL() { if (first) { first = false; for (;;) {} } return "PROXY a:1" }`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := endless.Find(ctx, &url.URL{Scheme: "http", Host: "x.example"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("endless loop: %v", err)
	}
	if got, err := ways(t, endless, "http://x.example/"); got != "http://a:1" || err != nil {
		t.Errorf("after an interruption: %q, %v", got, err)
	}
}

func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	s := compile(t, `var n = 0; function FindProxyForURL() { n++; for (var i = 0; i < 1000; i++); return "PROXY a:" + n }`)
	var all sync.WaitGroup
	var mu sync.Mutex // guards seen
	seen := map[string]bool{}
	for range 50 {
		all.Go(func() {
			got, err := ways(t, s, "http://x.example/")
			mu.Lock()
			defer mu.Unlock()
			if seen[got] || err != nil {
				t.Errorf("%q twice, or %v", got, err)
			}
			seen[got] = true
		})
	}
	all.Wait()
}

func FuzzParse(f *testing.F) {
	f.Add("PROXY a:80; SOCKS b:1080; DIRECT")
	f.Add("HTTPS [2001:db8::1]:443")
	f.Fuzz(func(t *testing.T, answer string) {
		found, err := parse(answer)
		if (err == nil) != (len(found) > 0) {
			t.Errorf("%v, %v", found, err)
		}
		for _, way := range found {
			if way != nil && (way.Hostname() == "" || way.User != nil) {
				t.Errorf("%v", way)
			}
		}
	})
}
