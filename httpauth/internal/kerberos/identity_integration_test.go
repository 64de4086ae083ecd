//go:build integration

package kerberos

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// configWith returns the realm's krb5.conf with settings that come first, and so count.
func configWith(t *testing.T, r *rig.Realm, first string) string {
	t.Helper()
	return writeConfig(t, first+"\ninclude "+r.ConfigFile+"\n")
}

// count returns how many requests the KDC has logged with that kind and result.
func count(r *rig.Realm, kind, result string) int {
	n := 0
	for _, q := range r.Requests() {
		if q.Kind == kind && q.Result == result {
			n++
		}
	}
	return n
}

// client initiates and returns who the ticket says we are.
func client(t *testing.T, id *Identity) (string, error) {
	t.Helper()
	c, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil)
	if err != nil {
		return "", err
	}
	return c.Client(), nil
}

func TestSources(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	dir := t.TempDir()
	cache := r.CCache(t, rig.Alice, time.Hour)
	collection := filepath.Join(dir, "collection")
	if err := os.MkdirAll(collection, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Kinit(t, filepath.Join(collection, "tkt"), rig.Alice, time.Hour)
	r.Kinit(t, filepath.Join(collection, "tktBOB"), rig.Bob, time.Hour)
	for _, test := range []struct {
		name   string
		config Config
		want   string
		fails  error
	}{
		{"cache", Config{CCache: "FILE:" + cache, UID: -1}, "alice@EBB.TEST", nil},
		{"cache without a kind", Config{CCache: cache, UID: -1}, "alice@EBB.TEST", nil},
		{"cache of this user", Config{CCache: cache, UID: os.Getuid()}, "alice@EBB.TEST", nil},
		{"cache of another user", Config{CCache: cache, UID: os.Getuid() + 1}, "", ErrNoTicket},
		{"collection", Config{CCache: "DIR:" + collection, UID: -1}, "alice@EBB.TEST", nil},
		{"member of the collection", Config{CCache: "DIR::" + collection + "/tktBOB", UID: -1}, "bob@EBB.TEST", nil},
		{"no cache", Config{CCache: dir + "/none", UID: -1}, "", ErrNoTicket},
		{"cache of the kernel", Config{CCache: "KEYRING:persistent:0", UID: -1}, "", ErrUnsupportedCache},
		{"password", Config{User: "alice", Password: rig.Alice.Password}, "alice@EBB.TEST", nil},
		{"password, realm", Config{User: "bob@EBB.TEST", Password: rig.Bob.Password}, "bob@EBB.TEST", nil},
		{"password, domain", Config{User: `ebb.test\jürgen`, Password: rig.Juergen.Password}, "jürgen@EBB.TEST", nil},
		{"password, unknown realm", Config{User: "alice@OTHER", Password: rig.Alice.Password}, "", ErrNoTicket},
		{"wrong password", Config{User: "alice", Password: "other than that"}, "", ErrRefused},
		{"no password", Config{User: "alice"}, "", ErrNoTicket},
		{"unknown user", Config{User: "nobody", Password: "x"}, "", ErrNoTicket},
		{"keytab", Config{User: "bob", Keytab: r.UserKeytab}, "bob@EBB.TEST", nil},
		{"owner of the keytab", Config{Keytab: r.UserKeytab}, "alice@EBB.TEST", nil},
		{"keytab of others", Config{User: "alice", Keytab: r.Keytab}, "", ErrNoTicket},
		{"no keytab", Config{User: "alice", Keytab: dir + "/none"}, "", ErrNoTicket},
	} {
		test.config.ConfigFile = r.ConfigFile
		got, err := client(t, New(test.config))
		if got != test.want || !errors.Is(err, test.fails) {
			t.Errorf("%s: %q, %v; want %q, %v", test.name, got, err, test.want, test.fails)
		}
	}
	if got := count(r, "AS_REQ", "PREAUTH_FAILED"); got != 1 {
		t.Errorf("the KDC saw %d wrong passwords, want 1", got)
	}
}

// A wrong password is tried once, however many ask and however often.
func TestWrongPasswordOnce(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: "wrong"})
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if _, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil); !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := count(r, "AS_REQ", "PREAUTH_FAILED"); got != 1 {
		t.Errorf("the KDC saw %d wrong passwords, want 1", got)
	}
	if got := count(r, "AS_REQ", "NEEDED_PREAUTH"); got != 1 {
		t.Errorf("the KDC was asked %d times, want 1", got)
	}
}

// Without preauthentication it is we who find out that the password is wrong.
func TestWrongPasswordWithoutPreauthentication(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	r.Admin("modprinc", "-requires_preauth", "alice")
	r.Admin("modprinc", "-requires_preauth", rig.ServiceLocalhost) // which demands it of its clients
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: "wrong"})
	for range 2 {
		if _, err := client(t, id); !errors.Is(err, ErrRefused) {
			t.Errorf("wrong password: %v", err)
		}
	}
	if got := count(r, "AS_REQ", "ISSUE"); got != 1 {
		t.Errorf("the KDC was asked %d times, want 1", got)
	}
	if _, err := client(t, New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})); err != nil {
		t.Errorf("right password: %v", err)
	}
}

// A principal that was renamed has the salt of its old name, which the KDC tells.
func TestSaltOfKDC(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	r.Admin("renprinc", "-force", "alice", "carol")
	r.Admin("modprinc", "-requires_preauth", rig.ServiceLocalhost)
	for _, preauthentication := range []string{"+requires_preauth", "-requires_preauth"} {
		r.Admin("modprinc", preauthentication, "carol")
		if _, err := client(t, New(Config{ConfigFile: r.ConfigFile, User: "carol", Password: rig.Alice.Password})); err != nil {
			t.Errorf("%s: %v", preauthentication, err)
		}
	}
}

func TestAccountRefused(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	r.Admin("modprinc", "-allow_tix", "alice")
	r.Admin("modprinc", "-pwexpire", "2020-01-01", "bob")
	for _, u := range []rig.User{rig.Alice, rig.Bob} {
		id := New(Config{ConfigFile: r.ConfigFile, User: u.Name, Password: u.Password})
		if _, err := client(t, id); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", u.Name, err)
		}
	}
}

// One exchange serves all; each gets a token of its own.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})
	var mu sync.Mutex // guards tokens
	tokens := make(map[string]bool)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			c, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			tokens[string(c.Token())] = true
		})
	}
	all.Wait()
	if len(tokens) != 64 {
		t.Errorf("%d different tokens, want 64", len(tokens))
	}
	if as, tgs := count(r, "AS_REQ", "ISSUE"), count(r, "TGS_REQ", "ISSUE"); as != 1 || tgs != 1 {
		t.Errorf("the KDC gave %d TGTs and %d tickets, want one of each", as, tgs)
	}
	id.Close()
	if _, err := client(t, id); !errors.Is(err, ErrNoTicket) {
		t.Errorf("after Close: %v", err)
	}
}

func TestExpiredAndRenewedByKinit(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	cache := r.CCache(t, rig.Alice, 2*time.Second)
	id := New(Config{ConfigFile: r.ConfigFile, CCache: cache, UID: -1})
	if _, err := client(t, id); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	var err error
	for err == nil {
		select {
		case <-deadline:
			t.Fatal("the ticket outlives its two seconds")
		case <-time.After(50 * time.Millisecond): // its end is a time of day
			_, err = client(t, id)
		}
	}
	if !errors.Is(err, ErrExpired) || !strings.Contains(err.Error(), "alice@EBB.TEST") || !strings.Contains(err.Error(), "run kinit") {
		t.Errorf("expired: %v", err)
	}

	r.Kinit(t, cache, rig.Bob, time.Hour)
	if who, err := client(t, id); err != nil || who != "bob@EBB.TEST" {
		t.Errorf("after kinit: %q, %v", who, err)
	}
	if err := os.WriteFile(cache, nil, 0o600); err != nil { // as kinit does before it writes
		t.Fatal(err)
	}
	if _, err := client(t, id); err != nil {
		t.Errorf("while kinit writes: %v", err)
	}
	if err := os.Remove(cache); err != nil { // kdestroy
		t.Fatal(err)
	}
	if _, err := client(t, id); !errors.Is(err, ErrNoTicket) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after kdestroy: %v", err)
	}
}

// A renewable ticket in the cache is renewed, in memory, as long as it is asked for.
func TestRenew(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, CCache: r.CCache(t, rig.Alice, 4*time.Second), UID: -1})
	if _, err := client(t, id); err != nil {
		t.Fatal(err)
	}
	end := id.cache.tgt.end
	deadline := time.After(15 * time.Second)
	for time.Now().Before(end.Add(time.Second)) {
		select {
		case <-deadline:
			t.Fatal("the clock stands still")
		case <-time.After(100 * time.Millisecond): // until the first ticket's end has passed
			if _, err := client(t, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !id.cache.tgt.end.After(end) {
		t.Error("the ticket was not renewed")
	}
}

// With a keytab, or a password, an identity outlives its tickets.
func TestLoginAgain(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	conf := configWith(t, r, "[libdefaults]\nticket_lifetime = 2\n")
	id := New(Config{ConfigFile: conf, User: "alice", Keytab: r.UserKeytab})
	deadline := time.After(15 * time.Second)
	for count(r, "AS_REQ", "ISSUE") < 3 {
		select {
		case <-deadline:
			t.Fatal("no third TGT")
		case <-time.After(100 * time.Millisecond): // a ticket's end is a time of day
			if _, err := client(t, id); err != nil {
				t.Fatal(err)
			}
		}
	}

	// The password changes, and the keytab with it; the refusal between is forgotten.
	r.Admin("cpw", "-pw", "changed", "alice")
	for err := error(nil); !errors.Is(err, ErrRefused); _, err = client(t, id) {
		select {
		case <-deadline:
			t.Fatal("the old key is still good")
		case <-time.After(100 * time.Millisecond):
		}
	}
	r.Admin("ktadd", "-norandkey", "-k", r.UserKeytab, "alice")
	if _, err := client(t, id); err != nil {
		t.Errorf("with the new keytab: %v", err)
	}
}

// The KDC throws its own key away: every TGT is worthless before its time.
func TestTGTRevoked(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})
	if _, err := client(t, id); err != nil {
		t.Fatal(err)
	}
	r.Admin("cpw", "-randkey", "krbtgt/EBB.TEST")
	r.Restart()
	if _, err := id.Initiate(t.Context(), rig.ServiceWeb, nil); err != nil {
		t.Errorf("with a TGT that the KDC cannot open: %v", err)
	}
}

func TestUnknownService(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, CCache: r.CCache(t, rig.Alice, time.Hour), UID: -1})
	for _, service := range []string{"HTTP/nowhere.ebb.test", "HTTP/elsewhere.example", "HTTP/127.0.0.1", "HTTP/[::1]", "HTTP", "HTTP/"} {
		if _, err := id.Initiate(t.Context(), service, nil); !errors.Is(err, ErrUnknownService) {
			t.Errorf("%s: %v", service, err)
		}
	}
	if _, err := id.Initiate(t.Context(), rig.ServiceLocalhost, []byte("short")); err == nil {
		t.Error("a channel binding of five bytes is taken")
	}
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})
	id.now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
	if _, err := client(t, id); !errors.Is(err, ErrClockSkew) {
		t.Errorf("a clock that is ten minutes slow: %v", err)
	}
	r.Admin("modprinc", "-requires_preauth", "alice")
	if _, err := client(t, id); !errors.Is(err, ErrClockSkew) {
		t.Errorf("the same, without preauthentication: %v", err)
	}
	if n := count(r, "TGS_REQ", "PROCESS_TGS"); n != 0 {
		t.Errorf("only the next request, of %d, found out", n)
	}
}

func TestClientKeytab(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	conf := configWith(t, r, "[libdefaults]\ndefault_client_keytab_name = FILE:"+r.UserKeytab+"\n")
	cache := filepath.Join(t.TempDir(), "krb5cc")
	id := New(Config{ConfigFile: conf, CCache: cache, UID: -1})
	if who, err := client(t, id); who != "alice@EBB.TEST" {
		t.Errorf("without a cache: %q, %v", who, err)
	}
	r.Kinit(t, cache, rig.Bob, time.Hour)
	if who, err := client(t, id); who != "bob@EBB.TEST" {
		t.Errorf("the cache comes first: %q, %v", who, err)
	}
}
