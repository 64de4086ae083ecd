package api_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// certificateCheck is a question as it goes over the wire.
type certificateCheck struct {
	Event string
	Check json.Number
	Host  string
	Chain [][]byte
}

func (r *sseReader) certificate() certificateCheck {
	r.t.Helper()
	e := r.next()
	var q certificateCheck
	if err := json.Unmarshal([]byte(e.data), &q); err != nil || e.event != q.Event {
		r.t.Fatalf("%+v: %v", e, err)
	}
	return q
}

// checkedJob is a suspended job of one file that has the certificates of srv's checked; path is where that is done.
func (s *service) checkedJob(srv *ebbtest.Server) (id job.ID, path string) {
	s.t.Helper()
	id = s.alice.do("POST", "/v1/jobs", `{"files": [{"url": `+quote(srv.URL)+`, "local": `+quote(s.file("x"))+`}],
		"network": {"check_certificates": true, "ca_cert": `+quote(srv.CACert())+`}}`).job().ID
	return id, "/v1/jobs/" + string(id) + "/certificates"
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id, path := s.checkedJob(srv)
	questions := s.alice.stream(t.Context(), path)
	s.alice.do("POST", "/v1/jobs/"+string(id)+"/resume", "").job()

	q := questions.certificate()
	if q.Event != "check" || q.Host != strings.TrimPrefix(srv.Base, "https://") || len(q.Chain) != 2 {
		t.Fatalf("%+v", q)
	}
	if leaf, err := x509.ParseCertificate(q.Chain[0]); err != nil || leaf.Subject.CommonName != "ebb test server" {
		t.Errorf("%v %v", leaf, err)
	}
	answer := path + "/" + q.Check.String()
	s.alice.do("POST", answer, `{"ok": false, "code": "0x00000001"}`).refused(422, job.InvalidArg)
	s.alice.do("POST", answer, `{"ok": true, "code": "0x80070005"}`).refused(422, job.InvalidArg)
	s.alice.do("POST", answer, `{"ok": 1}`).refused(400, job.InvalidArg)
	s.as(admin).do("POST", answer, `{"ok": true}`).refused(403, job.AccessDenied)
	s.as(bob).do("POST", answer, `{"ok": true}`).refused(404, job.NotFound)
	if a := s.alice.do("POST", answer, `{"ok": false, "code": "0x8004abcd", "error": "not on the list"}`); a.status != 204 {
		t.Fatalf("%+v", a)
	}
	s.alice.do("POST", answer, `{"ok": true}`).refused(404, job.NotFound)
	e := s.alice.until(id, job.TransientError).Error
	if e.Context != job.ContextCertificate || e.Code != 0x8004ABCD || !strings.Contains(e.Text, "not on the list") {
		t.Errorf("%+v", e)
	}

	s.alice.do("POST", "/v1/jobs/"+string(id)+"/resume", "").job()
	if a := s.alice.do("POST", path+"/"+questions.certificate().Check.String(), `{"ok": true}`); a.status != 204 {
		t.Fatalf("%+v", a)
	}
	s.alice.until(id, job.Transferred)
	s.alice.do("POST", "/v1/jobs/"+string(id)+"/complete", "").job()
	if q := questions.certificate(); q.Event != "final" {
		t.Errorf("%+v", q)
	}
	if e, err := questions.read(); err == nil {
		t.Errorf("%+v after the end", e)
	}
	if q := s.alice.stream(t.Context(), path).certificate(); q.Event != "final" {
		t.Errorf("%+v for a job that was final already", q)
	}
}

// TestWhoIsAskedAboutCertificates: the owner, by the last of his streams.
func TestWhoIsAskedAboutCertificates(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id, path := s.checkedJob(srv)
	s.as(bob).do("GET", path, "").refused(404, job.NotFound)
	s.as(admin).do("GET", path, "").refused(403, job.AccessDenied)
	plain := s.alice.create(srv.URL, s.file("plain"))
	s.alice.do("GET", "/v1/jobs/"+string(plain.ID)+"/certificates", "").refused(409, job.InvalidState)

	first := s.alice.stream(t.Context(), path)
	ctx, leave := context.WithCancel(t.Context())
	second := s.alice.stream(ctx, path)
	if q := first.certificate(); q.Event != "replaced" {
		t.Errorf("%+v", q)
	}
	s.alice.do("POST", "/v1/jobs/"+string(id)+"/resume", "").job()
	asked := second.certificate()
	leave()
	third := s.alice.stream(t.Context(), path)
	again := third.certificate()
	if again.Check == asked.Check || again.Host != asked.Host {
		t.Errorf("%+v, then %+v", asked, again)
	}
	s.alice.do("POST", path+"/"+again.Check.String(), `{"ok": true}`)
	s.alice.until(id, job.Transferred)
	s.as(admin).do("POST", "/v1/jobs/"+string(id)+"/take-ownership", "").job()
	if e, err := third.read(); err == nil {
		t.Errorf("told %+v about another's job", e)
	}
}
