package rig

import (
	"crypto/x509"
	_ "embed" // for the configuration
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var (
	//go:embed squid.conf
	squidConf string

	//go:embed samba.conf
	sambaConf string
)

// squidConfig is what the configuration template of squid may use.
type squidConfig struct {
	Dir, Name       string
	Origin          int // the port of the server that squid stands in front of; 0: it is a proxy
	Doors           []door
	NTLM, Negotiate string // the programs that check them; "" when nothing asks for them
}

// A door is two ports of squid, with and without TLS, that ask for the same.
type door struct {
	Name        string
	Schemes     string // separated by commas; "" when it is open
	HTTP, HTTPS int
}

// askNTLM has NTLM checked by Samba. With the password in argv ntlm_auth needs no
// winbindd, and knows one account.
func (c *squidConfig) askNTLM(t testing.TB) {
	t.Helper()
	c.NTLM = fmt.Sprintf("%s --configfile=samba.conf --helper-protocol=squid-2.5-ntlmssp --domain=%s --username=%s --password=%s",
		need(t, "ntlm_auth"), NTLMDomain, NTLMAlice.Name, NTLMAlice.Password)
}

// askNegotiate has Kerberos checked with the key of one service of realm: with all
// of them the checker wants the machine's name to have an address. It comes after
// askNTLM.
func (c *squidConfig) askNegotiate(realm *Realm) {
	c.Negotiate = fmt.Sprintf("/usr/lib/squid/negotiate_wrapper_auth --ntlm %s --kerberos /usr/lib/squid/negotiate_kerberos_auth -k %s -s %s",
		c.NTLM, realm.Keytab, ServiceLocalhost)
}

// start fills in the folder and the ports, and starts squid. Its certificate is
// signed by what is in the pool.
func (c *squidConfig) start(t testing.TB, realm *Realm) (*process, *x509.CertPool) {
	t.Helper()
	bin := need(t, "squid")
	c.Dir = stateDir(t)
	ports := freePorts(t, 2*len(c.Doors))
	for i := range c.Doors {
		c.Doors[i].HTTP, c.Doors[i].HTTPS = ports[2*i], ports[2*i+1]
	}
	c.Name = fmt.Sprintf("rig%d", ports[0])
	writePasswords(t, c.Dir)
	write(t, filepath.Join(c.Dir, "samba.conf"), sambaConf)
	write(t, filepath.Join(c.Dir, "hosts"), "127.0.0.1 localhost web.ebb.test\n")
	roots := writeCertificates(t, c.Dir)
	writeConfig(t, c.Dir, squidConf, c)
	own(t, c.Dir)
	var env []string
	if realm != nil {
		env = acceptor(realm, c.Dir)
	}
	// -N: one process, in the foreground. -n: a name of its own, for what squid
	// keeps outside the folder, and leaves there when it is killed.
	t.Cleanup(func() {
		left, _ := filepath.Glob("/dev/shm/" + c.Name + "-*")
		for _, file := range left {
			_ = os.Remove(file)
		}
	})
	argv := []string{bin, "-N", "-f", c.Dir + "/server.conf", "-n", c.Name}
	p := launch(t, "squid", c.Dir, argv, ports, env...)
	p.kill = true // it takes a second to end, in which its connections stay open
	return p, roots
}
