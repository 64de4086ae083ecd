//go:build integration && unix

package daemon_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// half is where a connection is cut.
const half = bigSize / 2

// way is one way to the file of a row, by a relay of its own.
type way struct {
	row    *authRow
	relay  *ebbtest.Cutter // nil for a server that cannot be behind one
	mark   string
	before int    // without a relay: how much of the server's log is older
	said   string // the text of the job's error
}

// newWay leads to the file; after that many bytes, if any, the connection is cut.
func newWay(t *testing.T, row *authRow, after int64) *way {
	t.Helper()
	w := &way{row: row, mark: (&place{}).newMark()}
	if row.cut == nil {
		w.relay = ebbtest.NewCutter(t, strings.Replace(hostOf(t, row.first()), "localhost", "127.0.0.1", 1), after)
		return w
	}
	row.cut(after)
	w.before = len(row.server.log())
	return w
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// relayed is address by way of the relay. Kerberos has tickets for names only.
func (w *way) relayed(t *testing.T, address string) string {
	t.Helper()
	if w.relay == nil {
		return address
	}
	port := w.relay.Addr[strings.LastIndex(w.relay.Addr, ":"):]
	return strings.Replace(address, hostOf(t, address), "localhost"+port, 1)
}

// addresses are those of the file and of the proxy to ask for it, "none" without one.
func (w *way) addresses(t *testing.T) (file, proxy string) {
	t.Helper()
	switch row := w.row; {
	case row.file != "":
		return row.file, "none"
	case row.proxy != nil:
		return row.folder + "big.bin?" + w.mark, w.relayed(t, row.via)
	default:
		return w.relayed(t, row.folder) + "big.bin?" + w.mark, "none"
	}
}

// seen is what p was asked on this way.
func (w *way) seen(p *party) []rig.Request {
	log := p.log()
	switch {
	case w.relay == nil:
		return log[w.before:]
	case p.target == "server" && w.row.proxy != nil:
		return marked(log, w.mark)
	}
	ports := w.relay.Ports()
	return slices.DeleteFunc(log, func(r rig.Request) bool { return !slices.Contains(ports, r.Port) })
}

// cutOnce demands that the connection was cut, and that what had come was not fetched again.
func (w *way) cutOnce(t *testing.T) {
	t.Helper()
	if w.relay == nil {
		w.row.wasCut(t)
		return
	}
	most := int64(bigSize + 64<<10) // headers
	if strings.HasPrefix(w.row.first(), "https") || strings.HasPrefix(w.row.folder, "https") {
		most += bigSize / 100 // what TLS adds to records, some of them small
	}
	w.relay.Close() // and counts the last bytes
	if got := w.relay.Received(); !w.relay.Cut() || got < bigSize || got > most {
		t.Errorf("cut=%v, %d bytes came, want %d to %d", w.relay.Cut(), got, bigSize, most)
	}
}

// create makes the job for a row.
func (w *way) create(t *testing.T, daemon *process, credentials []job.Credential) (*ebb.Job, string, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "big.bin")
	file, proxy := w.addresses(t)
	spec := ebb.Download(file, out)
	spec.Priority, spec.Limit, spec.Credentials = job.Foreground, w.row.limit, credentials
	spec.Network.Proxy, spec.Network.CACert = proxy, w.row.table.cas
	j, err := daemon.client.Create(t.Context(), spec)
	return j, out, err
}

// rest returns why the job is at rest, nil for success.
func rest(t *testing.T, j *ebb.Job) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := j.Wait(ctx)
	if ctx.Err() != nil {
		t.Fatalf("the job comes to no end: it is %s at %d of %d bytes, %v", j.State, j.Transferred, j.Size, j.Error)
	}
	return err
}

// succeed demands the whole file after a cut.
func (row *authRow) succeed(t *testing.T, daemon *process, credentials []job.Credential) {
	t.Helper()
	w := newWay(t, row, half)
	j, out, err := w.create(t, daemon, credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := rest(t, j); err != nil {
		t.Fatalf("the job is %s: %v", j.State, err)
	}
	if sum(t, out) != row.sum {
		t.Error("the file is not the server's")
	}
	w.cutOnce(t)
	if row.stale {
		row.server.settle(t)
		if !slices.ContainsFunc(w.seen(row.server), func(r rig.Request) bool { return r.Status == 401 && r.Auth != "" }) {
			t.Error("no nonce became stale")
		}
	}
}

// refused demands the error of BITS that says what p offered and what of that it refused. It returns the way.
func (row *authRow) refused(t *testing.T, daemon *process, p *party, credentials []job.Credential, refused string) *way {
	t.Helper()
	w := newWay(t, row, 0)
	j, _, err := w.create(t, daemon, credentials)
	if err != nil {
		t.Fatal(err)
	}
	var got *job.Error
	if err := rest(t, j); !errors.As(err, &got) || j.State != job.InError {
		t.Fatalf("the job is %s, with %v; want an error", j.State, err)
	}
	want := job.Error{Context: job.ContextRemoteFile, Code: p.code(), Class: job.NeedsAction, Schemes: p.offers, Refused: refused}
	told := job.Error{Context: got.Context, Code: got.Code, Class: got.Class, Schemes: got.Schemes, Refused: got.Refused}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("%v: (-want +got)\n%s", got, diff)
	}
	w.said = got.Text
	return w
}

// others are the right credentials for all on the way but p.
func (row *authRow) others(p *party) []job.Credential {
	var out []job.Credential
	for _, q := range row.parties() {
		if q != p {
			out = append(out, q.credential())
		}
	}
	return out
}

// tryRight has the right credentials for all.
func (row *authRow) tryRight(t *testing.T) {
	row.succeed(t, row.right, row.others(nil))
}

// tryMissing has none for one of them, on a daemon whose owner has a ticket: nobody has said to use it there.
func (row *authRow) tryMissing(t *testing.T) {
	for _, p := range row.parties() {
		if row.forMissing != nil {
			row.forMissing()
		}
		row.sentNone(t, p, row.others(p))
	}
	if row.proxy != nil && row.server != nil && row.proxy.implicit == admitted {
		row.sentNone(t, row.server, []job.Credential{row.proxy.implicitCredential()})
	}
}

// sentNone demands an error of p, and that no credentials went there.
func (row *authRow) sentNone(t *testing.T, p *party, credentials []job.Credential) {
	t.Helper()
	w := row.refused(t, row.table.ticket, p, credentials, "")
	if p.log == nil {
		return
	}
	p.settle(t)
	if n := countSecrets(w.seen(p)); n != 0 {
		t.Errorf("the %s was sent credentials that nobody gave, %d times", p.target, n)
	}
}

// tryWrong has a wrong password for one of them, and demands that it was sent once.
func (row *authRow) tryWrong(t *testing.T) {
	for _, p := range row.parties() {
		credentials := append(row.others(p), p.wrongCredential())
		if p.kdc {
			row.refusedByKDC(t, p, credentials)
			continue
		}
		w := row.refused(t, row.wrong, p, credentials, p.answered)
		if p.log == nil {
			if n := len(w.relay.Ports()); n != 1 {
				t.Errorf("the %s was asked %d times, want once", p.target, n)
			}
			continue
		}
		await(t, "the wrong password in the log", func() bool { return countSecrets(w.seen(p)) > 0 })
		p.settle(t)
		if n := countSecrets(w.seen(p)); n != 1 {
			t.Errorf("the %s was sent the wrong password %d times, want once", p.target, n)
		}
	}
}

// refusedByKDC demands that a wrong password was shown to the KDC once, and that the party got nothing.
func (row *authRow) refusedByKDC(t *testing.T, p *party, credentials []job.Credential) {
	t.Helper()
	row.table.kdc.Lock() // its log does not say whose request it was
	defer row.table.kdc.Unlock()
	before := row.table.refusedPasswords()
	w := row.refused(t, row.wrong, p, credentials, p.answered)
	if n := row.table.refusedPasswords() - before; n != 1 {
		t.Errorf("the KDC was shown the wrong password %d times, want once", n)
	}
	p.settle(t)
	if n := countSecrets(w.seen(p)); n != 0 {
		t.Errorf("the %s was sent %d answers to its challenge, want none", p.target, n)
	}
}

// tryImplicit has the owner's own credentials for one of them: a Kerberos ticket.
func (row *authRow) tryImplicit(t *testing.T) {
	daemon := row.table.ticket
	for _, p := range row.parties() {
		credentials := append(row.others(p), p.implicitCredential())
		switch p.implicit {
		case admitted:
			row.succeed(t, daemon, credentials)
		case lacking:
			row.refused(t, daemon, p, credentials, "")
		case expired:
			if w := row.refused(t, row.table.late, p, credentials, ""); !strings.Contains(w.said, "expired") {
				t.Errorf("the error does not say that the ticket has expired: %s", w.said)
			}
		case rejected:
			row.refused(t, daemon, p, credentials, p.answered)
		case invalid:
			var e *job.Error
			if _, _, err := newWay(t, row, 0).create(t, daemon, credentials); !errors.As(err, &e) || e.Code != job.InvalidArg {
				t.Errorf("implicit %s credentials: %v, want E_INVALIDARG", p.scheme, err)
			}
		}
	}
}
