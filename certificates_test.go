package ebb_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func ExampleJob_ValidateCertificates() {
	ctx := context.Background()
	client, _, folder, end := playground()
	defer end()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()

	spec := ebb.Download(server.URL+"/greeting", filepath.Join(folder, "greeting"))
	spec.Network.CheckCertificates = true // from the beginning: nothing is sent to a server that nobody has judged
	spec.Network.CACert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	j, err := client.Create(ctx, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = j.ValidateCertificates(ctx, func(_ string, chain []*x509.Certificate) error {
		fmt.Println("a server of", chain[0].Subject.Organization[0])
		if chain[0].Subject.Organization[0] != "Acme Co" {
			return errors.New("we only download from Acme")
		}
		return nil
	})
	if err != nil { // nil: the job is final
		fmt.Println(err)
		return
	}
	if err := j.Refresh(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the job is", j.State)
	// Output:
	// a server of Acme Co
	// the job is acknowledged
}

// inspector is a check that remembers what it was asked, and how it answered.
type inspector struct {
	asked chan string // host and names of the chain

	mu sync.Mutex // guards no
	no error
}

func newInspector() *inspector { return &inspector{asked: make(chan string, 100)} }

func (p *inspector) say(no error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.no = no
}

func (p *inspector) check(host string, chain []*x509.Certificate) error {
	names := []string{host}
	for _, c := range chain {
		names = append(names, c.Subject.CommonName)
	}
	p.asked <- strings.Join(names, ", ")
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.no
}

// validate has check asked about the servers of j and waits until j demands that. The function it returns waits for the end.
func (s *service) validate(j *ebb.Job, check func(string, []*x509.Certificate) error) (wait func() error) {
	s.t.Helper()
	ended := make(chan error, 1)
	mine := *j // a Job is for one goroutine
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(s.t.Context())
	running.Go(func() { ended <- mine.ValidateCertificates(ctx, check) })
	s.t.Cleanup(func() { cancel(); running.Wait() })
	for deadline := time.Now().Add(patience); !j.Network.CheckCertificates; time.Sleep(time.Millisecond) {
		must(s.t, j.Refresh(s.t.Context()))
		if time.Now().After(deadline) {
			s.t.Fatal("the job never demands that certificates are checked")
		}
	}
	return func() error { return <-ended }
}

func trusting(srv *ebbtest.Server) func(*job.Spec) {
	return func(spec *job.Spec) { spec.Network.CACert = srv.CACert() }
}

func TestValidateCertificates(t *testing.T) {
	t.Parallel()
	s, p := newService(t), newInspector()
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	j := s.newJob(trusting(srv), srv.Base+"/1")
	wait := s.validate(j, p.check)
	for _, tt := range []struct {
		no   error
		want job.Code
	}{
		{fmt.Errorf("wrapped: %w", &job.Error{Code: job.AccessDenied, Text: "not on the list"}), job.AccessDenied},
		{&job.Error{Code: job.OK, Text: "not on the list"}, job.SecureFailure},
		{errors.New("not on the list"), job.SecureFailure},
	} {
		p.say(tt.no)
		s.resume(j)
		s.until(j, job.TransientError)
		if e := j.Error; e.Context != job.ContextCertificate || e.Code != tt.want || !strings.Contains(e.Text, "not on the list") {
			t.Errorf("%v: %+v", tt.no, e)
		}
	}
	p.say(nil)
	for len(p.asked) > 0 {
		<-p.asked
	}
	must(t, j.AddFiles(t.Context(), job.FileSpec{URL: srv.Base + "/2", Local: s.file("2")}))
	s.resume(j)
	s.until(j, job.Transferred)
	must(t, j.Complete(t.Context()))
	if err := wait(); err != nil {
		t.Error(err)
	}
	if n := len(p.asked); n != 1 {
		t.Fatalf("asked %d times, want once", n)
	}
	if got, want := <-p.asked, strings.TrimPrefix(srv.Base, "https://")+", ebb test server, ebb test authority"; got != want {
		t.Errorf("asked about %q, want %q", got, want)
	}
}

// TestValidateCertificatesInTime: that certificates are checked can be decided while the job is suspended alone. Who
// does it may come and go.
func TestValidateCertificatesInTime(t *testing.T) {
	t.Parallel()
	s, p := newService(t), newInspector()
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	j := s.newJob(trusting(srv), srv.URL)
	s.resume(j)
	s.until(j, job.Transferred)
	wantCode(t, "while it is not suspended", j.ValidateCertificates(t.Context(), p.check), job.ReadOnlyWhenActive)

	j = s.newJob(func(spec *job.Spec) {
		trusting(srv)(spec)
		spec.Network.CheckCertificates, spec.Network.ConnectTimeout = true, job.Duration(2*time.Second)
		spec.Files[0].Local = s.file("other")
	}, srv.URL)
	s.resume(j)
	s.until(j, job.TransientError)
	if e := j.Error; e.Context != job.ContextCertificate || e.Code != job.CertificateHookNeeded {
		t.Errorf("nobody is there: %+v", e)
	}
	wantCode(t, "switched off in TransientError", j.Set(t.Context(), set{"network": set{"check_certificates": false}}), job.ReadOnlyWhenActive)
	must(t, j.Suspend(t.Context()))
	must(t, j.Set(t.Context(), set{"network": set{"connect_timeout": "30s"}}))
	s.resume(j)
	first := s.validate(j, p.check)
	s.until(j, job.Transferred)
	s.validate(j, p.check)
	if err := first(); !errors.Is(err, ebb.ErrReplaced) {
		t.Errorf("replaced: %v", err)
	}
}

// TestValidateCertificatesOverRestarts: who was being asked is asked again.
func TestValidateCertificatesOverRestarts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	j := s.newJob(func(spec *job.Spec) { trusting(srv)(spec); spec.AutoComplete = true }, srv.URL)
	asked, answer := make(chan struct{}, 3), make(chan struct{}, 3)
	wait := s.validate(j, func(string, []*x509.Certificate) error {
		asked <- struct{}{}
		select {
		case <-answer:
		case <-t.Context().Done():
		}
		return nil
	})
	s.resume(j)
	for range 2 {
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatal("it is not asked")
		}
		s.down()
		s.up()
		answer <- struct{}{} // to a question that the service has forgotten
	}
	answer <- struct{}{}
	if err := wait(); err != nil {
		t.Error(err)
	}
	s.until(j, job.Acknowledged)

	s.down()
	if err := j.ValidateCertificates(t.Context(), nil); !errors.Is(err, ebb.ErrUnavailable) {
		t.Errorf("no service: %v", err)
	}
	s.up()
}
