//go:build integration

package kerberos

import (
	"errors"
	"strconv"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// A service in another realm, which trusts the user's: krb5.conf says so, or the
// caller, or the KDC that is asked first.
func TestOtherRealm(t *testing.T) {
	t.Parallel()
	home, other := rig.KDC(t), rig.KDCOf(t, "OTHER.TEST")
	for _, r := range []*rig.Realm{home, other} {
		r.Admin("addprinc", "-pw", "trust", "krbtgt/OTHER.TEST@EBB.TEST")
	}
	const service = "HTTP/www.other.test"
	other.Admin("addprinc", "-randkey", service)
	other.Admin("ktadd", "-norandkey", "-k", other.Keytab, service)

	kdc := func(r *rig.Realm) string {
		return r.Name + " = {\n kdc = 127.0.0.1:" + strconv.Itoa(r.Port) + "\n}\n"
	}
	conf := "[libdefaults]\ndefault_realm = EBB.TEST\nudp_preference_limit = 1\n[realms]\n" + kdc(home) + kdc(other)
	mapped := conf + "[domain_realm]\n.other.test = OTHER.TEST\n"
	check := func(name, conf, service string, want error) {
		t.Helper()
		c, err := New(Config{ConfigFile: writeConfig(t, conf), User: "alice", Password: rig.Alice.Password}).Initiate(t.Context(), service, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err != nil {
			return
		}
		d := newAcceptor(t, other).step(c.Token(), nil)
		if !d.accepted || d.who != "alice@EBB.TEST" || c.Service() != "HTTP/www.other.test@OTHER.TEST" {
			t.Errorf("%s: a ticket for %s, accepted: %t, %s", name, c.Service(), d.accepted, d.who)
		}
		if err := c.Verify(d.reply); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("the configuration says it", mapped, service, nil)
	check("the caller says it", conf, service+"@OTHER.TEST", nil)
	check("nobody says it", conf, service, ErrUnknownService)
	check("a realm that nobody trusts", conf, service+"@THIRD.TEST", ErrUnknownService)

	home.AddConfig("[domain_realm]\n.other.test = OTHER.TEST")
	home.Restart()
	check("the KDC says it", conf, service, nil)
	check("the KDC knows better", conf+"[domain_realm]\n.other.test = EBB.TEST\n", service, nil)
}
