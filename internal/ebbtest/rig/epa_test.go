//go:build integration

package rig

import (
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEPA(t *testing.T) {
	t.Parallel()
	files, content := sample(t, 300_000)
	realm := KDC(t)
	s, as := EPA(t, files, realm), newClients(t, realm)
	// curl does not bind itself to anything.
	for _, tt := range []struct {
		url     string
		in, out []client
	}{
		{s.HTTPS("/epa-allow/file.bin"), []client{as.ticket, as.spnego, as.inSPNEGO(t, Juergen)}, []client{as.none, as.noTicket, as.spnegoWrong}},
		{s.HTTPS("/epa-require/file.bin"), nil, []client{as.none, as.ticket, as.spnego}},
		{s.URL("/epa-allow/file.bin"), []client{as.ticket, as.spnego}, []client{as.none, as.noTicket, as.spnegoWrong}},
		{s.URL("/epa-require/file.bin"), nil, []client{as.ticket, as.spnego}},
	} {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			wantOffer(t, "Negotiate NTLM", tt.url, "--cacert", s.CAFile)
			for _, c := range tt.in {
				c.expect(t, 0, Named(tt.url), content, "--cacert", s.CAFile)
			}
			for _, c := range tt.out {
				c.expect(t, 401, Named(tt.url), content, "--cacert", s.CAFile)
			}
		})
	}
	t.Run("If-Range", func(t *testing.T) {
		t.Parallel() // a part of a file that is not the one the client knows is of no use to it
		args := slices.Concat(as.ticket.args, []string{"-r", "100-199", "-H", `If-Range: "another"`, Named(s.URL("/epa-allow/file.bin"))})
		if status, body := curlWith(t, as.ticket.env, args...); status != 200 || len(body) != len(content) {
			t.Errorf("status %d, %d bytes, want 200 and all %d", status, len(body), len(content))
		}
	})
	t.Run("bindings", func(t *testing.T) {
		t.Parallel()
		testBindings(t, s, as)
	})
}

// A client of GSSAPI that binds itself to the server's certificate, to another one,
// or to none. After the slash: what a request without credentials gets that follows
// on the connection. NTLM authenticates that, Kerberos does not.
const bindings = `Negotiate: Kerberos in SPNEGO, right binding: 200/401 200/401
Negotiate: Kerberos in SPNEGO, absent binding: 401/- 200/401
Negotiate: Kerberos in SPNEGO, wrong binding: 401/- 401/-
Negotiate: NTLM in SPNEGO, right binding: 200/200 200/200
Negotiate: NTLM in SPNEGO, absent binding: 401/- 200/200
Negotiate: NTLM in SPNEGO, wrong binding: 401/- 401/-
Negotiate: NTLM, right binding: 200/200 200/200
Negotiate: NTLM, absent binding: 401/- 200/200
Negotiate: NTLM, wrong binding: 401/- 401/-
NTLM: NTLM, right binding: 200/200 200/200
NTLM: NTLM, absent binding: 401/- 200/200
NTLM: NTLM, wrong binding: 401/- 401/-
`

func testBindings(t *testing.T, s *Server, as clients) {
	t.Helper()
	address, err := url.Parse(s.HTTPS("/"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, tt := range []struct {
		mechanism string
		account   client
	}{{"Kerberos", as.ticket}, {"NTLM", as.spnego}} { // who has both would fall back
		cmd := exec.Command("/usr/bin/python3", "testdata/epa_client.py", address.Port(), s.CAFile, tt.mechanism)
		cmd.Env = tt.account.env
		var refusal strings.Builder
		cmd.Stdout, cmd.Stderr = &got, &refusal
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v: %s", tt.mechanism, err, &refusal)
		}
	}
	if diff := cmp.Diff(bindings, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
