package kerberos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	c := &realmConfig{files: "krb5.conf", defaultRealm: "DEF.TEST", kdcs: map[string][]string{"DEF.TEST": nil, "lower.test": nil, "CORP": nil}}
	for user, want := range map[string]string{
		"alice": "alice@DEF.TEST", "alice@DEF.TEST": "alice@DEF.TEST", "alice@def.test": "alice@DEF.TEST", "alice@lower.test": "alice@lower.test",
		`corp\alice`: "alice@CORP", `CORP\alice`: "alice@CORP", "alice/admin": "alice/admin@DEF.TEST", "jürgen": "jürgen@DEF.TEST",
		"alice@other.test": "", `OTHER\alice`: "", "": "", "@DEF.TEST": "", `CORP\`: "",
	} {
		p, err := c.parseUser(user)
		if want == "" {
			if !errors.Is(err, ErrNoTicket) {
				t.Errorf("%q is %s, %v", user, p, err)
			}
		} else if err != nil || p.String() != want {
			t.Errorf("%q is %s, %v; want %s", user, p, err, want)
		}
	}
	c.lookupKDC = true
	if p, err := c.parseUser("alice@other.test"); err != nil || p.String() != "alice@OTHER.TEST" {
		t.Errorf("a realm that DNS may know is %s, %v", p, err)
	}
	c.defaultRealm = ""
	if p, err := c.parseUser("alice"); !errors.Is(err, ErrNoTicket) {
		t.Errorf("without default_realm alice is %s, %v", p, err)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"HTTP/www.Example.com": "HTTP/www.example.com", "HTTP/host@REALM": "HTTP/host@REALM", "HTTP/host.": "HTTP/host",
		"HTTP/192.0.2.1": "", "HTTP/::1": "", "HTTP/[::1]": "", "HTTP": "", "HTTP/": "", "/host": "", "HTTP/a/b": "",
	} {
		p, err := parseService(service)
		if want == "" {
			if !errors.Is(err, ErrUnknownService) {
				t.Errorf("%q is %s, %v", service, p, err)
			}
		} else if err != nil || p.String() != want {
			t.Errorf("%q is %s, %v; want %s", service, p, err, want)
		}
	}
}

func TestCacheNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names as on Unix")
	}
	own := strconv.Itoa(os.Getuid())
	for _, test := range []struct {
		name        string
		environment string // KRB5CCNAME
		setting     string // default_ccache_name
		config      Config
		want        string
	}{
		{"default", "", "", Config{UID: -1}, "FILE:/tmp/krb5cc_" + own},
		{"default of another user", "", "", Config{UID: 1234}, "FILE:/tmp/krb5cc_1234"},
		{"environment", "DIR:/e", "FILE:/s", Config{UID: -1}, "DIR:/e"},
		{"the daemon's environment is not a user's", "DIR:/e", "", Config{UID: 1234}, "FILE:/tmp/krb5cc_1234"},
		{"setting", "", "DIR:/run/user/%{uid}/krb5cc", Config{UID: 1234}, "DIR:/run/user/1234/krb5cc"},
		{"setting, own user", "", "FILE:/x/%{euid}%{null}", Config{UID: -1}, "FILE:/x/" + own},
		{"explicit", "DIR:/e", "FILE:/s", Config{UID: -1, CCache: "/c"}, "/c"},
		{"unknown parameter", "", "FILE:%{nonsense}", Config{UID: -1}, ""},
	} {
		t.Setenv("KRB5CCNAME", test.environment)
		got, err := test.config.cacheName(&realmConfig{cacheName: test.setting})
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
	t.Setenv("KRB5_CLIENT_KTNAME", "FILE:/e")
	conf := &realmConfig{clientKeytab: "FILE:/k/%{uid}"}
	if got := (Config{UID: -1}).keytabNames(conf); len(got) != 1 || got[0] != "/e" {
		t.Errorf("own client keytab: %q", got)
	}
	if got := (Config{UID: 1234}).keytabNames(conf); len(got) != 1 || got[0] != "/k/1234" {
		t.Errorf("another user's client keytab: %q", got)
	}
	if got := (Config{UID: 1234}).keytabNames(&realmConfig{}); len(got) == 0 || got[0] != "/etc/krb5/user/1234/client.keytab" {
		t.Errorf("default client keytab: %q", got)
	}
}

func TestCacheFiles(t *testing.T) {
	t.Parallel()
	dir, primary, hostile := t.TempDir(), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{primary: "tktABC\n", hostile: "tkt/../../etc/passwd\n"} {
		if err := os.WriteFile(filepath.Join(name, "primary"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Config{UID: -1}
	for name, want := range map[string]string{
		"/a": "/a", "FILE:/a": "/a", `C:\a`: `C:\a`, "DIR::/d/tktX": "/d/tktX",
		"DIR:" + dir: filepath.Join(dir, "tkt"), "DIR:" + primary: filepath.Join(primary, "tktABC"),
	} {
		if got, err := c.cacheFile(name); err != nil || got != want {
			t.Errorf("%s is in %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := c.cacheFile("DIR:" + hostile); err == nil {
		t.Errorf("a primary outside the folder is in %q", got)
	}
	for _, name := range []string{"KCM:", "KCM:1000", "KEYRING:persistent:1000", "API:", "MSLSA:", "MEMORY:x"} {
		_, err := Config{UID: 1000}.cacheFile(name)
		if !errors.Is(err, ErrUnsupportedCache) || !strings.Contains(err.Error(), "kinit -c FILE:") || !strings.Contains(err.Error(), "keytab") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another user can put anything where a ticket cache is looked for.
func TestNotACache(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, large} {
		if _, _, err := readOwned(name, -1); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if runtime.GOOS != "windows" {
		if _, _, err := readOwned(writeConfig(t, "x"), os.Getuid()+1); err == nil || !strings.Contains(err.Error(), "does not belong") {
			t.Errorf("a file of another user: %v", err)
		}
		if _, _, err := readOwned(os.DevNull, -1); err == nil {
			t.Error("a device is read")
		}
	}
}

func TestNoSecretsInText(t *testing.T) {
	t.Parallel()
	c := Config{User: "alice", Password: "Wonder:land1"}
	id := New(c)
	for _, text := range []string{
		fmt.Sprint(c, id), fmt.Sprintf("%+v %+v", c, id), fmt.Sprintf("%#v %#v", c, id), fmt.Sprint(&c), c.LogValue().String(),
	} {
		if strings.Contains(text, "land1") || !strings.Contains(text, "alice") {
			t.Errorf("%s", text)
		}
	}
}
