//go:build integration && unix

package daemon_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// authTable is every way of authentication, each tried by ebb and by curl.
type authTable struct {
	rows []*authRow

	cas   string // PEM certificates of all authorities
	sum   string // of the file
	files string // the folder it is in
	home  string // of curl
	cert  tls.Certificate

	apache, nginx, lighttpd, samba, epa *rig.Server
	squid                               *rig.Proxy
	socks                               *rig.SocksProxy
	realm                               *rig.Realm

	plain    *process // a daemon without Kerberos of its own
	ticket   *process // and with a ticket
	late     *process // and with one that has expired
	keytab   *process // and with a keytab
	outdated *process // and with one that a new password has made worthless

	ccache, expired string // the ticket caches

	kdc sync.Mutex // guards what the KDC is shown in the way of wrong passwords
}

// TestAuthTable downloads 20 MiB from every kind of server and by every kind of proxy, each connection being cut half-way,
// with right, wrong, missing and implicit credentials. curl does the same beside. EBB_AUTH_TABLE names a file for the
// table in Markdown.
func TestAuthTable(t *testing.T) {
	started := time.Now()
	table := newAuthTable(t)
	t.Logf("all servers run after %v", time.Since(started).Round(time.Millisecond))
	const workers = 6 // most of a cell is waiting
	todo := make(chan *authRow)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for row := range todo {
				t.Run(row.title(), row.try)
			}
		})
	}
	for _, row := range table.rows {
		todo <- row
	}
	close(todo)
	running.Wait()
	table.print(t)
	t.Logf("%d rows in %v", len(table.rows), time.Since(started).Round(time.Second))
	t.Run("leaks", (&leaks{authTable: table}).search)
}

func newAuthTable(t *testing.T) *authTable {
	t.Helper()
	a := &authTable{files: t.TempDir(), home: t.TempDir()}
	big := filepath.Join(a.files, "big.bin")
	writeRandom(t, big, bigSize)
	writeRandom(t, filepath.Join(a.files, smallName(0)), 4<<10)
	a.sum = sum(t, big)
	files := rig.Files(a.files)
	a.realm = rig.KDC(t)
	a.nginx, a.lighttpd, a.apache = rig.Nginx(t, files), rig.Lighttpd(t, files), rig.ApacheGSSAPI(t, files, a.realm)
	a.samba, a.epa = rig.SambaNTLM(t, a.apache), rig.EPA(t, files, a.realm)
	a.squid, a.socks = rig.SquidAll(t, a.realm), rig.Socks(t)
	a.trust(t)
	a.startDaemons(t)
	a.rows = a.allRows(t)
	return a
}

// trust collects the authorities, and a certificate for the servers in this process.
func (a *authTable) trust(t *testing.T) {
	t.Helper()
	tlsServer := httptest.NewTLSServer(nil) // its certificate is that of all others
	tlsServer.Close()
	var all strings.Builder
	if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{a.nginx.CAFile, a.lighttpd.CAFile, a.apache.CAFile, a.samba.CAFile, a.epa.CAFile, a.squid.CAFile} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	a.cas = all.String()
	dir := filepath.Dir(a.nginx.CAFile)
	var err error
	if a.cert, err = tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")); err != nil {
		t.Fatal(err)
	}
}

// startDaemons starts one program with each of the Kerberos environments.
func (a *authTable) startDaemons(t *testing.T) {
	t.Helper()
	began := time.Now()
	a.ccache, a.expired = a.realm.CCache(t, rig.Alice, time.Hour), a.realm.CCache(t, rig.Alice, time.Second)
	oldKeys := filepath.Join(filepath.Dir(a.realm.Keytab), "old.keytab")
	a.realm.Admin("addprinc", "-pw", "before", "carol")
	a.realm.Admin("ktadd", "-norandkey", "-k", oldKeys, "carol")
	a.realm.Admin("cpw", "-pw", "after", "carol")

	a.plain = newProcess(t)
	a.plain.kill()
	restart := func(p *process, env ...string) *process {
		p.env = append([]string{"KRB5_CONFIG=" + a.realm.ConfigFile}, env...)
		p.start()
		t.Cleanup(p.kill)
		return p
	}
	restart(a.plain)
	a.ticket = restart(a.another(t), "KRB5CCNAME=FILE:"+a.ccache)
	a.late = restart(a.another(t), "KRB5CCNAME=FILE:"+a.expired)
	a.keytab = restart(a.another(t), "KRB5_CLIENT_KTNAME=FILE:"+a.realm.UserKeytab)
	a.outdated = restart(a.another(t), "KRB5_CLIENT_KTNAME=FILE:"+oldKeys)
	await(t, "the end of a ticket", func() bool { return time.Since(began) > 2*time.Second })
}

// another is a daemon of the same program with a state of its own, not started yet.
func (a *authTable) another(t *testing.T) *process {
	return &process{t: t, binary: a.plain.binary, state: t.TempDir()}
}

// refusedPasswords is how many wrong ones the KDC was shown.
func (a *authTable) refusedPasswords() int {
	n := 0
	for _, r := range a.realm.Requests() {
		if r.Result == "PREAUTH_FAILED" {
			n++
		}
	}
	return n
}
