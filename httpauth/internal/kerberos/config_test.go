package kerberos

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// writeConfig returns the name of a new krb5.conf.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A folder of files for a profileReader, by name.
type folder map[string]string

func (f folder) load(name string) (*realmConfig, error) {
	r := &profileReader{root: &section{}}
	r.read = func(name string) ([]byte, error) {
		text, ok := f[filepath.ToSlash(name)]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
	r.list = func(dir string) (names []string, err error) {
		for name := range f {
			if strings.HasPrefix(name, dir+"/") {
				names = append(names, strings.TrimPrefix(name, dir+"/"))
			}
		}
		slices.Sort(names)
		if names == nil {
			err = fs.ErrNotExist
		}
		return names, err
	}
	if err := r.file(name, 0); err != nil {
		return nil, err
	}
	return newRealmConfig(r.root, name)
}

// settings is what a test compares of a realmConfig.
type settings struct {
	Realm, Cache string
	LookupKDC    bool
	UDPLimit     int
	Lifetime     time.Duration
	KDCs         map[string][]string
	Domains      map[string]string
}

func (c *realmConfig) settings() settings {
	return settings{c.defaultRealm, c.cacheName, c.lookupKDC, c.udpLimit, c.ticketLifetime, c.kdcs, c.domains}
}

func defaults() settings {
	return settings{LookupKDC: true, UDPLimit: 1465, Lifetime: 24 * time.Hour, KDCs: map[string][]string{}, Domains: map[string]string{}}
}

// debianConfig has the shape of what Debian's krb5-config writes, with the blocks of
// Kerberos 4 that it long had.
const debianConfig = `[libdefaults]
	default_realm = ATHENA.MIT.EDU

# The following krb5.conf variables are only for MIT Kerberos.
	kdc_timesync = 1
	ccache_type = 4
	forwardable = true
	v4_instance_resolve = false
	v4_name_convert = {
		host = {
			rcmd = host
			ftp = ftp
		}
		plain = {
			something = something-else
		}
	}
	fcc-mit-ticketflags = true

[realms]
	ATHENA.MIT.EDU = {
		kdc = kerberos.mit.edu
		kdc = kerberos-1.mit.edu:750
		admin_server = kerberos.mit.edu
		default_domain = mit.edu
	}
	EMPTY.EXAMPLE = {
	}

[domain_realm]
	.mit.edu = ATHENA.MIT.EDU
	mit.edu = ATHENA.MIT.EDU
`

// sssdConfig has the shape of a machine joined to Active Directory.
const sssdConfig = `includedir /etc/krb5.conf.d/
includedir /var/lib/sss/pubconf/krb5.include.d/

module /usr/lib/plugin.so:whatever
[logging]
    default = FILE:/var/log/krb5libs.log

[libdefaults]
    dns_canonicalize_hostname = fallback
    dns_lookup_realm = false
    dns_lookup_kdc = true
    ticket_lifetime = 24h
    renew_lifetime = 7d
    rdns = false
    pkinit_anchors = FILE:/etc/pki/tls/certs/ca-bundle.crt
    spake_preauth_groups = edwards25519
    qualify_shortname = ""
    default_realm = AD.EXAMPLE.COM
    default_ccache_name = KEYRING:persistent:%{uid}
    udp_preference_limit = 0

[realms]
 AD.EXAMPLE.COM = {
   auth_to_local_names = { }
   auth_to_local_names = {
     administrator = root
   }
   auth_to_local = RULE:[1:$1@$0](.*@AD\.EXAMPLE\.COM)s/@.*//
   auth_to_local = DEFAULT
   kdc = dc1.ad.example.com   # the first
   kdc = [2001:db8::1]:88
   kdc = 2001:db8::2
   kdc = https://proxy.example.com/KdcProxy
 }

[capaths]
 AD.EXAMPLE.COM = {
   OTHER.EXAMPLE.COM = .
 }

[plugins]
 localauth = {
  module = sssd:/usr/lib64/sssd/modules/sssd_krb5_localauth_plugin.so
 }

[appdefaults]
 pam = {
   debug = false
 }

[domain_realm]
 Host.Example.Com = AD.EXAMPLE.COM
`

func TestConfig(t *testing.T) {
	t.Parallel()
	mit := defaults()
	mit.Realm = "ATHENA.MIT.EDU"
	mit.KDCs = map[string][]string{"ATHENA.MIT.EDU": {"kerberos.mit.edu:88", "kerberos-1.mit.edu:750"}, "EMPTY.EXAMPLE": nil}
	mit.Domains = map[string]string{".mit.edu": "ATHENA.MIT.EDU", "mit.edu": "ATHENA.MIT.EDU"}
	sssd := defaults()
	sssd.Realm, sssd.Cache, sssd.UDPLimit = "AD.EXAMPLE.COM", "KEYRING:persistent:%{uid}", 0
	sssd.KDCs = map[string][]string{"AD.EXAMPLE.COM": {"dc1.ad.example.com:88", "[2001:db8::1]:88", "[2001:db8::2]:88"}}
	sssd.Domains = map[string]string{"host.example.com": "AD.EXAMPLE.COM"}
	included := defaults()
	included.Realm, included.Cache, included.Lifetime = "FIRST", "DIR:/run/user/%{uid}/krb5cc", 10*time.Hour
	included.KDCs = map[string][]string{"FIRST": {"a:88", "b:88"}}
	braces := defaults()
	braces.KDCs = map[string][]string{"R": {"k:88"}}
	braces.Cache = "FILE:/tmp/a \"b\""

	for _, test := range []struct {
		name  string
		files folder
		want  settings
	}{
		{"empty", folder{"c": ""}, defaults()},
		{"Debian", folder{"c": debianConfig}, mit},
		{"sssd", folder{"c": sssdConfig}, sssd},
		{"Windows line ends and a byte order mark", folder{"c": "\ufeff" + strings.ReplaceAll(debianConfig, "\n", "\r\n")}, mit},
		{"include and includedir", folder{
			"c":           "[libdefaults]\nticket_lifetime = 10h\nincludedir d\ninclude e\ndefault_realm = LAST\n",
			"d/one":       "[libdefaults]\ndefault_realm = FIRST\n[realms]\nFIRST = {\nkdc = a\n}\n",
			"d/two.conf":  "[realms]\nFIRST = {\nkdc = b\n}\n",
			"d/.hidden":   "not read",
			"d/three~":    "not read",
			"d/four.conf": "# nothing\n; nothing\n",
			"e":           "[libdefaults]*\ndefault_ccache_name* = DIR:/run/user/%{uid}/krb5cc\n",
		}, included},
		{"braces and quotes", folder{"c": "[libdefaults]\ndefault_ccache_name = \"FILE:/tmp/a \\\"b\\\"\"\n[realms]\nR =\n{\nkdc = k\n}*\n"}, braces},
	} {
		c, err := test.files.load("c")
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, c.settings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What cannot be read is told with the place.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want string
	}{
		{"[libdefaults]\nnonsense\n", "c:2: not a setting"},
		{"default_realm = R\n", "c:1: a setting before the first [section]"},
		{"[libdefaults\n", "c:1: not a section header"},
		{"[realms]\nR = {\n", "c: a brace is not closed"},
		{"[realms]\nR = {\n[libdefaults]\n", "c:3: a brace is not closed"},
		{"[realms]\n}\n", "c:2: a brace closes nothing"},
		{"[realms]\n" + strings.Repeat("R = {\n", 100), "c:12: braces more than 10 levels deep"},
		{"include c\n", "more than 10 levels deep, perhaps by itself (included at c:1)"},
		{"include\n", "c:1: include names no file"},
		{"include d\n", "(included at c:1)"},
		{"[libdefaults]\ndns_lookup_kdc = perhaps\n", "c:2: dns_lookup_kdc = perhaps: neither true nor false"},
		{"[libdefaults]\nticket_lifetime = long\n", "c:2: ticket_lifetime = long: not a duration"},
		{"[libdefaults]\nudp_preference_limit = x\n", "c:2: udp_preference_limit = x"},
		{"[libdefaults]\npermitted_enctypes = des-cbc-crc\n", "encryption types"},
	} {
		_, err := folder{"c": test.text}.load("c")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

func TestConfigFiles(t *testing.T) {
	one, two := writeConfig(t, "[libdefaults]\ndefault_realm = ONE\n"), writeConfig(t, "[libdefaults]\ndefault_realm = TWO\n[realms]\nTWO = {\n}\n")
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("KRB5_CONFIG", strings.Join([]string{none, one, two}, string(filepath.ListSeparator)))
	c, err := loadConfig("")
	if err != nil || c.defaultRealm != "ONE" || !c.known("TWO") {
		t.Errorf("the files in KRB5_CONFIG: %v, %v", c, err)
	}
	if c, err := loadConfig(two); err != nil || c.defaultRealm != "TWO" {
		t.Errorf("the file named: %v, %v", c, err)
	}
	for _, name := range []string{none, writeConfig(t, "include "+none+"\n")} {
		if _, err := loadConfig(name); !errors.Is(err, ErrNoTicket) || !strings.Contains(err.Error(), none) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRealmOf(t *testing.T) {
	t.Parallel()
	c := &realmConfig{domains: map[string]string{"www.a.test": "HOST", ".a.test": "DOT", "b.test": "BARE", ".test": "TOP"}}
	for host, want := range map[string]string{
		"www.a.test": "HOST", "x.a.test": "DOT", "x.y.a.test": "DOT", "a.test": "TOP",
		"b.test": "BARE", "x.b.test": "BARE", "localhost": "", "": "",
	} {
		if got := c.realmOf(host); got != want {
			t.Errorf("%s is in %q, want %q", host, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"36000": 10 * time.Hour, "10h": 10 * time.Hour, "7d": 7 * 24 * time.Hour, "1d 2h 3m 4s": 26*time.Hour + 3*time.Minute + 4*time.Second,
		"1h30m": 90 * time.Minute, "10:30": 10*time.Hour + 30*time.Minute, "0:0:5": 5 * time.Second, "2 d": 48 * time.Hour,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "h", "-1", "1 year", "1m 1h"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestPermittedTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int32{
		"":                 {18, 17, 20, 19},
		"allow_rc4 = true": {18, 17, 20, 19, 23},
		"permitted_enctypes = aes256-cts, arcfour-hmac des3-cbc-sha1": {18, 23},
		"permitted_enctypes = DEFAULT +rc4 -aes128-cts":               {18, 20, 19, 23},
		"permitted_enctypes = aes\ndefault_tkt_enctypes = aes128-cts": {17},
	} {
		c, err := folder{"c": "[libdefaults]\n" + text + "\n"}.load("c")
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, c.loginTypes); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(debianConfig)
	f.Add(sssdConfig)
	f.Add("include c\nincludedir d\n[a]\nb = {\nc = \"d\\n\"\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := folder{"c": text, "d/e": text}.load("c")
		if (c == nil) == (err == nil) {
			t.Errorf("%v and %v", c, err)
		}
		if c == nil {
			return
		}
		for _, addrs := range c.kdcs {
			if len(addrs) > len(text) {
				t.Errorf("%d KDCs of %d bytes", len(addrs), len(text))
			}
		}
		c.realmOf("www.example.com")
		_, _ = c.parseUser("alice")
	})
}
