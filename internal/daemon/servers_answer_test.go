//go:build integration && unix

package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// maxConnections is what 300 files of one job may cost: the 8 that a job may use at once, and as many
// again for those that the server or a refusal closes on the way.
const maxConnections = 16

// exercise tries everything at one place that takes the servers and the daemon as they are.
func (s *realServers) exercise(t *testing.T, p *place) {
	s.report.step(t, p, "right", func(t *testing.T) string { return s.tryRight(t, p) })
	if len(p.askers()) == 0 {
		s.report.step(t, p, "300 files", func(t *testing.T) string {
			return s.countConnections(t, s.create(t, p, nil, 0, smallNames()...))
		})
	} else {
		s.report.step(t, p, "missing", func(t *testing.T) string { return s.tryMissing(t, p) })
		s.report.step(t, p, "wrong", func(t *testing.T) string { return s.tryWrong(t, p, smallName(0)) })
		s.report.step(t, p, "300 files", func(t *testing.T) string { return s.tryWrong(t, p, smallNames()...) })
	}
	if p.https {
		s.report.step(t, p, "unknown CA", func(t *testing.T) string { return s.tryUnknownCA(t, p) })
	}
}

func smallNames() []string {
	names := make([]string, queued)
	for n := range names {
		names[n] = smallName(n)
	}
	return names
}

// tryRight lets every user in, by the scheme that is asked for and by any.
func (s *realServers) tryRight(t *testing.T, p *place) string {
	if len(p.askers()) == 0 {
		s.succeed(t, s.create(t, p, nil, 0, smallName(0)))
		return "ok"
	}
	for _, u := range rig.Users {
		for _, scheme := range []string{"", "any"} {
			credentials := p.credentials(u)
			for i := range credentials {
				if scheme != "" {
					credentials[i].Scheme = scheme
				}
			}
			d := s.create(t, p, credentials, 0, smallName(0))
			s.succeed(t, d)
			p.sync(t)
			for _, r := range p.serverLog(d.mark) {
				switch ok := r.Status == http.StatusOK || r.Status == http.StatusPartialContent; {
				case ok && p.scheme != "" && r.User != u.Name && !strings.Contains(p.name, "userhash"):
					t.Errorf("the server let %q in, want %q", r.User, u.Name)
				case p.scheme == "" && r.Auth != "":
					t.Errorf("the proxy's credentials went to the server")
				}
			}
		}
	}
	return fmt.Sprintf("ok, %d users", len(rig.Users))
}

// tryMissing gives credentials to all who ask but one, for each of them.
func (s *realServers) tryMissing(t *testing.T, p *place) string {
	for _, a := range p.askers() {
		credentials := slices.DeleteFunc(p.credentials(rig.Alice), func(c job.Credential) bool { return c.Target == a.target })
		d := s.create(t, p, credentials, 0, smallName(0))
		d.refused(t, a, "")
		p.sync(t)
		for _, r := range p.serverLog(d.mark) {
			if r.Auth != "" {
				t.Errorf("the server was sent credentials that nobody gave: %s", r.Path)
			}
		}
	}
	return "error, none sent"
}

// tryWrong gives a wrong password to each of those who ask, then the right one: the job goes on.
func (s *realServers) tryWrong(t *testing.T, p *place, names ...string) string {
	connections := 0
	for _, a := range p.askers() {
		wrong := rig.User{Name: rig.Juergen.Name, Password: "wröng-" + p.newMark()}
		s.sought.add(wrong)
		credentials := p.credentials(rig.Juergen)
		i := slices.IndexFunc(credentials, func(c job.Credential) bool { return c.Target == a.target })
		right := credentials[i]
		credentials[i].Password = wrong.Password
		d := s.create(t, p, credentials, 0, names...)
		d.refused(t, a, a.scheme)
		p.sync(t)
		if n := d.rejected(a); n != 1 {
			t.Errorf("the %s was sent the wrong password %d times", a.target, n)
		}
		d.before = len(p.proxyLog(0))
		if err := d.SetCredentials(t.Context(), right); err != nil {
			t.Fatal(err)
		}
		if err := d.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(names) > 1 {
			s.countConnections(t, d)
			connections = max(connections, d.connections())
			continue
		}
		s.succeed(t, d)
	}
	if len(names) > 1 {
		s.report.note(p, "connections", fmt.Sprint(connections))
	}
	return "error, 1 sent"
}

// countConnections demands that the job succeeds by few connections.
func (s *realServers) countConnections(t *testing.T, d *download) string {
	s.succeed(t, d)
	d.place.sync(t)
	if n := d.connections(); n > maxConnections {
		t.Errorf("%d connections for %d files", n, len(d.names))
	}
	s.report.note(d.place, "connections", fmt.Sprint(d.connections()))
	return "ok"
}

// tryUnknownCA trusts the system's authorities only: nothing is asked of the server.
func (s *realServers) tryUnknownCA(t *testing.T, p *place) string {
	d := &download{place: p, mark: p.newMark(), folder: t.TempDir()}
	spec := p.spec(t, d.folder, d.mark, []string{smallName(0)})
	spec.Credentials, spec.Network.CACert = p.credentials(rig.Alice), ""
	var err error
	if d.Job, err = s.daemon.client.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := d.wait(t); d.State != job.InError || d.Error.Code != job.SecureFailure || d.Error.Class != job.NeedsAction {
		t.Errorf("the job is %s: %v", d.State, err)
	}
	p.sync(t)
	if log := p.serverLog(d.mark); len(log) > 0 {
		t.Errorf("a server that is not trusted was asked %d times", len(log))
	}
	return "error"
}

// outlastNonces downloads more files, for longer, than any nonce is good for. A stale nonce is no
// error.
func (s *realServers) outlastNonces(t *testing.T) {
	i := slices.IndexFunc(s.places, func(p *place) bool { return p.path == "/digest-stale/" })
	p := s.places[i]
	names := make([]string, nonces)
	for n := range names {
		names[n] = mediumName(n)
	}
	d := s.create(t, p, p.credentials(rig.Bob), bigRate, names...)
	s.succeed(t, d)
	p.sync(t)
	if d.ErrorCount != 0 {
		t.Errorf("%d errors", d.ErrorCount)
	}
	stale, whole := 0, 0
	for _, r := range p.serverLog(d.mark) {
		switch {
		case r.Status == http.StatusUnauthorized && r.Auth != "":
			stale++
		case r.Status == http.StatusOK || r.Status == http.StatusPartialContent:
			whole++
		}
	}
	if stale < 2 || whole != nonces {
		t.Errorf("%d stale nonces, want at least 2; %d answers, want %d", stale, whole, nonces)
	}
	t.Logf("%d files outlasted nonces %d times", nonces, stale)
}
