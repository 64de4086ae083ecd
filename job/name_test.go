package job

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSafeName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, tc := range []struct{ name, want string }{
		{"debian.iso", "debian.iso"},
		{"Résumé 2026 (final).pdf", "Résumé 2026 (final).pdf"},
		{"", ""},
		{".", ""},
		{"..", ""},
		{"/", ""},
		{"../../etc/passwd", "passwd"},
		{`..\..\Windows\win.ini`, "win.ini"},
		{`C:\boot.ini`, "boot.ini"},
		{"C:boot.ini", "C_boot.ini"},
		{"a/", ""},
		{".bashrc", "bashrc"},
		{"...hidden", "hidden"},
		{" . .x", "x"},
		{"name. . ", "name"},
		{"file.txt:stream", "file.txt_stream"},
		{`a<b>c:d"e|f?g*h`, "a_b_c_d_e_f_g_h"},
		{"a\x00b\nc\x7fd\u0085e", "abcde"},
		{"\x00.profile", "profile"},
		{"txt\u202Eexe.gpj", "txtexe.gpj"}, // shown as txtjpg.exe
		{"\u200B.x", "x"},
		{"bad\xff\xfeutf8", "bad_utf8"},
		{"CON", "_CON"},
		{"con.txt", "_con.txt"},
		{"Nul.tar.gz", "_Nul.tar.gz"},
		{"aux .c", "_aux .c"},
		{"COM1", "_COM1"},
		{"lpt9.log", "_lpt9.log"},
		{"COM¹", "_COM¹"},
		{"COM", "COM"},
		{"COM10", "COM10"},
		{"console.log", "console.log"},
		{"CONIN$", "_CONIN$"},
		{long + ".tar", long[:236] + ".tar"},
		{long, long[:240]},
		{long + "." + long, long[:240]},
		{long[:239] + ". " + long, long[:239]},               // the cut must not bare a dot
		{"CON" + strings.Repeat(" ", 300) + "x", "_CON"},     // nor a device
		{"CON." + long, "_CON." + long[:235]},                // nor the prefix make it too long
		{strings.Repeat("é", 200), strings.Repeat("é", 120)}, // nor split a character
	} {
		if got := SafeName(tc.name); got != tc.want {
			t.Errorf("SafeName(%q) = %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestNameFromURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://example.com/a/b.iso":               "b.iso",
		"https://example.com/a/b.iso?token=x#y":     "b.iso",
		"https://example.com/a/b/":                  "b",
		"https://example.com":                       "",
		"https://example.com/":                      "",
		"https://example.com/..":                    "",
		"https://example.com/%2e%2e%2f%2e%2e%2fetc": "etc",
		"https://example.com/..%5Cwin.ini":          "win.ini",
		"https://example.com/a%20b%C3%A9.txt":       "a bé.txt",
		"https://example.com/a+b":                   "a+b",
		"https://example.com/%00%0A":                "",
		"https://example.com/.htaccess":             "htaccess",
		"https://example.com/nul":                   "_nul",
		"https://example.com/%zz":                   "",
		"::":                                        "",
	} {
		if got := NameFromURL(raw); got != want {
			t.Errorf("NameFromURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func checkSafe(t *testing.T, from, name string) {
	t.Helper()
	if name == "" {
		return
	}
	// One element of a path stays in its folder on every system.
	if name != filepath.Base(name) || strings.ContainsAny(name, `/\:`) || name == "." || name == ".." {
		t.Errorf("%q became %q, which leaves the folder", from, name)
	}
	if strings.Trim(name, ". ") != name {
		t.Errorf("%q became %q, which is hidden or ends where Windows does not", from, name)
	}
	if len(name) > 240 || !utf8.ValidString(name) {
		t.Errorf("%q became %q of %d bytes", from, name, len(name))
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); i >= 0 {
		t.Errorf("%q became %q, with a control character at %d", from, name, i)
	}
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch strings.TrimRight(base, " ") {
	case "con", "prn", "aux", "nul", "com0", "com1", "com9", "com²", "lpt0", "lpt1", "lpt9", "lpt³", "conin$", "conout$", "clock$":
		t.Errorf("%q became %q, which is a device", from, name)
	}
	if again := SafeName(name); again != name {
		t.Errorf("%q became %q, and that %q", from, name, again)
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", "..", "a/b", `a\b`, "CON", "nul .x", "\u202E.\x00", strings.Repeat("é.", 200), "CON" + strings.Repeat(" ", 300) + "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkSafe(t, s, SafeName(s)) })
}

func FuzzNameFromURL(f *testing.F) {
	for _, s := range []string{"https://example.com/a%2Fb", "http://h/..%5c", "http://h/%00?x#y", "::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkSafe(t, s, NameFromURL(s)) })
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"sha256", "sha512", "sha1", "md5"} {
		n := digestHexLen[alg]
		want := alg + "=" + strings.Repeat("ab", n/2)
		for _, s := range []string{want, strings.ToUpper(want)} {
			if got, err := ParseDigest(s); got != want || err != nil {
				t.Errorf("ParseDigest(%q) = %q, %v", s, got, err)
			}
		}
		for _, bad := range []string{want[:len(want)-1], want + "a", want[:len(want)-1] + "g", strings.Replace(want, "=", ":", 1), want[:len(want)-2] + "é"} {
			if got, err := ParseDigest(bad); err == nil {
				t.Errorf("ParseDigest(%q) = %q, want an error", bad, got)
			}
		}
	}
	for bad, code := range map[string]Code{"": InvalidArg, "sha256": InvalidArg, "sha256=": InvalidArg, "=": InvalidHashAlgorithm, "crc32=00000000": InvalidHashAlgorithm} {
		var e *Error
		if _, err := ParseDigest(bad); !errors.As(err, &e) || e.Code != code {
			t.Errorf("ParseDigest(%q) fails with %v, want code %v", bad, err, code)
		}
	}
}

// TestRefusedRequests checks that what can never work is refused at once, on one line and
// without repeating a secret.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	set := func(change func(*Settings)) Event {
		s := usual()
		change(&s)
		return Set{s}
	}
	add := func(raw string) Event { return AddFiles{[]FileSpec{{URL: raw, Local: "/d/x"}}} }
	for _, tc := range []struct {
		name string
		ev   Event
		code Code
	}{
		{"no files", AddFiles{}, InvalidArg},
		{"empty URL", add(""), InvalidArg},
		{"no scheme", add("example.com/x"), InvalidArg},
		{"no host", add("https:///x"), InvalidArg},
		{"other scheme", add("gopher://example.com/x"), UnsupportedConfiguration},
		{"control character", add("https://example.com/\n?token=SECRET"), InvalidArg},
		{"bad escape", add("https://user:SECRET@example.com/%zz"), InvalidArg},
		{"user name", add("https://user:SECRET@example.com/x"), InvalidArg},
		{"no such port", add("https://example.com:65536/x"), InvalidArg},
		{"port 0", add("https://example.com:0/x"), InvalidArg},
		{"huge port", add("https://example.com:99999999999999999999/x"), InvalidArg},
		{"port with letters", add("https://example.com:http/x?token=SECRET"), InvalidArg},
		{"no local name", AddFiles{[]FileSpec{{URL: "https://example.com/x?token=SECRET"}}}, InvalidArg},
		{"NUL in the local name", AddFiles{[]FileSpec{{URL: "https://example.com/x", Local: "/d/\x00"}}}, InvalidArg},
		{"bad digest", AddFiles{[]FileSpec{{URL: "https://example.com/x", Local: "/d/x", Digest: "sha256=no"}}}, InvalidArg},
		{"a name twice", AddFiles{append(twoFiles().Files, FileSpec{URL: "https://example.com/c", Local: "/d/a\n"}, FileSpec{URL: "https://example.com/c", Local: "/d/a\n"})}, FileExists},
		{"long name", set(func(s *Settings) { s.Name = strings.Repeat("é", 257) }), InvalidArg},
		{"long description", set(func(s *Settings) { s.Description = strings.Repeat("é", 1025) }), StringTooLong},
		{"priority", set(func(s *Settings) { s.Priority = 4 }), NotImplemented},
		{"negative priority", set(func(s *Settings) { s.Priority = -1 }), NotImplemented},
		{"negative limit", set(func(s *Settings) { s.Limit = -1 }), InvalidArg},
		{"notify flags", set(func(s *Settings) { s.NotifyFlags = 0x40 }), NotImplemented},
		{"max download time 0", set(func(s *Settings) { s.MaxDownloadTime = 0 }), InvalidArg},
		{"inactivity 0", set(func(s *Settings) { s.InactivityTimeout = 0 }), InvalidArg},
		{"negative no-progress timeout", set(func(s *Settings) { s.NoProgressTimeout = -1 }), InvalidArg},
		{"negative stall timeout", set(func(s *Settings) { s.Network.StallTimeout = -1 }), InvalidArg},
		{"webhook without host", set(func(s *Settings) { s.NotifyURL = "https://?SECRET" }), InvalidArg},
		{"webhook with user", set(func(s *Settings) { s.NotifyURL = "https://u:SECRET@example.com" }), InvalidArg},
		{"proxy scheme", set(func(s *Settings) { s.Network.Proxy = "ftp://u:SECRET@proxy" }), InvalidProxyInfo},
		{"proxy without host", set(func(s *Settings) { s.Network.Proxy = "http://:3128" }), InvalidProxyInfo},
		{"proxy with user", set(func(s *Settings) { s.Network.Proxy = "http://u:SECRET@proxy:3128" }), InvalidProxyInfo},
		{"proxy port", set(func(s *Settings) { s.Network.Proxy = "http://proxy:70000" }), InvalidProxyInfo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Next(newJob(t, Download, usual()), tc.ev, t0, Policy{})
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code || e.Class != Fatal {
				t.Fatalf("refused with %#v, want code %v", err, tc.code)
			}
			if text := err.Error(); strings.ContainsAny(text, "\n\x00") || strings.Contains(text, "SECRET") || len(text) < 10 {
				t.Errorf("the error is not fit to be shown: %q", text)
			}
		})
	}
}

func TestSettingsAtTheirBounds(t *testing.T) {
	t.Parallel()
	s := usual()
	s.Name, s.Description = strings.Repeat("é", 256), strings.Repeat("é", 1024)
	s.RetryDelay, s.NoProgressTimeout = 0, 0
	s.Network.Proxy, s.NotifyURL = "socks5://proxy:1080", "https://example.com/hook?key=1"
	s.NotifyCommand = []string{"/bin/true", "x"}
	j := newJob(t, Download, s)
	if got := j.RetryDelay; got != Duration(MinRetryDelay) {
		t.Errorf("retry delay 0 became %v, want 5s", got)
	}
	pairs, headers := []CredentialRef{{"server", "basic"}}, []string{"Cookie"}
	j = step(t, j, t0, SetCredentials{pairs}, SetHeaders{headers})
	s.NotifyCommand[1], pairs[0].Scheme, headers[0] = "changed by the caller", "changed", "changed"
	if j.NotifyCommand[1] != "x" || j.Credentials[0].Scheme != "basic" || j.HeaderNames[0] != "Cookie" {
		t.Error("the job shares slices with the caller")
	}
	if _, err := New("id", "uid:1", 3, usual(), t0); err == nil {
		t.Error("a type that does not exist was accepted")
	}
}
