package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// judge is a validator that remembers what it was asked.
type judge struct {
	mu    sync.Mutex // guards all below
	asked []string
	no    error
}

func (g *judge) check(_ context.Context, host string, _ [][]byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, host)
	return g.no
}

func (g *judge) say(no error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no = no
}

func (g *judge) hosts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.asked...)
}

// checked is a job that has the certificates of srv's checked.
func (b *bench) checked(srv *ebbtest.Server, urls ...string) job.Spec {
	spec := b.download(urls...)
	spec.Resume = false
	spec.Network.CACert, spec.Network.CheckCertificates = srv.CACert(), true
	return spec
}

func (b *bench) validate(ctx context.Context, id job.ID, check CheckCertificate) context.Context {
	b.t.Helper()
	on, err := b.ValidateCertificates(ctx, id, "uid:1", check)
	if err != nil {
		b.t.Fatal(err)
	}
	return on
}

// failed resumes a job that its validator is expected to stop.
func (b *bench) failed(id job.ID, code job.Code) *job.Error {
	b.t.Helper()
	b.do(id, job.Resume{})
	e := b.until(id, job.TransientError).Error
	if e.Context != job.ContextCertificate || e.Code != code || e.Class != job.Transient {
		b.t.Errorf("%+v, want code %v", e, code)
	}
	return e
}

func hostOfServer(srv *ebbtest.Server) string { return strings.TrimPrefix(srv.Base, "https://") }

// within waits for a channel to be closed.
func within(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(30 * time.Second):
		t.Fatal(what)
	}
}

// TestCertificateAccepted: however many connections there are, a job asks once about a server and its certificate.
func TestCertificateAccepted(t *testing.T) {
	t.Parallel()
	b, g := newBench(t), &judge{}
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	snap := b.create(b.checked(srv, srv.Base+"/1", srv.Base+"/2", srv.Base+"/3"))
	on := b.validate(t.Context(), snap.ID, g.check)
	b.do(snap.ID, job.Resume{})
	b.until(snap.ID, job.Transferred)
	if diff := cmp.Diff([]string{hostOfServer(srv)}, g.hosts()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if on.Err() != nil {
		t.Error("it has ended")
	}
	b.do(snap.ID, job.Complete{})
	within(t, on.Done(), "it does not end with the job")
	if on := b.validate(t.Context(), snap.ID, g.check); on.Err() == nil {
		t.Error("one of a final job has not ended")
	}
}

// TestCertificateRejected: the job tries again, and asks again.
func TestCertificateRejected(t *testing.T) {
	t.Parallel()
	b, g := newBench(t), &judge{}
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id := b.create(b.checked(srv, srv.URL)).ID
	b.validate(t.Context(), id, g.check)
	const own job.Code = 0x8004ABCD
	g.say(&job.Error{Code: own, Text: "not on the list"})
	if e := b.failed(id, own); !strings.Contains(e.Text, "not on the list") || !strings.Contains(e.Text, hostOfServer(srv)) {
		t.Errorf("%q", e.Text)
	}
	g.say(errors.New("not today"))
	b.failed(id, job.SecureFailure)
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests to a server that was rejected", n)
	}
	g.say(nil)
	b.do(id, job.Resume{})
	b.until(id, job.Transferred)
	if n := len(g.hosts()); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

// TestNobodyChecksCertificates: what a validator let pass counts as long as it is the last one; for anything else it has to be
// there, and another job's validator is of no use.
func TestNobodyChecksCertificates(t *testing.T) {
	t.Parallel()
	b, g := newBench(t), &judge{}
	srv, second := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000)), ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	impatient := func(srv *ebbtest.Server, urls ...string) job.ID {
		spec := b.checked(srv, urls...)
		spec.Network.CACert += second.CACert()
		spec.Network.ConnectTimeout = job.Duration(2 * time.Second)
		return b.create(spec).ID
	}
	id := impatient(srv, srv.URL)
	b.failed(id, job.CertificateHookNeeded)

	ctx, leave := context.WithCancel(t.Context())
	on := b.validate(ctx, id, g.check)
	b.do(id, job.Resume{})
	b.until(id, job.Transferred)

	other := impatient(srv, srv.URL+"2")
	b.failed(other, job.CertificateHookNeeded)
	b.do(other, job.Cancel{})
	b.until(other, job.Cancelled)

	leave()
	within(t, on.Done(), "it does not end with its context")
	_, err := b.AddFiles(t.Context(), id, Actor{ID: "uid:1"}, []job.FileSpec{{URL: srv.Base + "/more", Local: b.dir + "/more"}})
	if err != nil {
		t.Fatal(err)
	}
	b.do(id, job.Resume{})
	b.until(id, job.Transferred)
	_, err = b.AddFiles(t.Context(), id, Actor{ID: "uid:1"}, []job.FileSpec{{URL: second.URL, Local: b.dir + "/second"}})
	if err != nil {
		t.Fatal(err)
	}
	b.failed(id, job.CertificateHookNeeded)
	if n := len(g.hosts()); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	if n := len(second.Requests()); n != 0 {
		t.Errorf("%d requests to a server that nobody has judged", n)
	}
}

// TestCertificateWaitsForValidator: one that comes late, and one that takes the place of another which was being asked.
func TestCertificateWaitsForValidator(t *testing.T) {
	t.Parallel()
	b, g := newBench(t), &judge{}
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id := b.create(b.checked(srv, srv.URL)).ID
	b.do(id, job.Resume{})
	b.until(id, job.Connecting)
	asked := make(chan struct{})
	first := b.validate(t.Context(), id, func(ctx context.Context, _ string, _ [][]byte) error {
		close(asked)
		<-ctx.Done()
		return nil // too late
	})
	within(t, asked, "it is not asked")
	b.validate(t.Context(), id, g.check)
	within(t, first.Done(), "it does not end")
	if err := context.Cause(first); !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
	b.until(id, job.Transferred)
	if n := len(g.hosts()); n != 1 {
		t.Errorf("the second is asked %d times, want once", n)
	}
}

// TestSuspendWhileCertificateIsChecked: nobody waits for the answer any more.
func TestSuspendWhileCertificateIsChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id := b.create(b.checked(srv, srv.URL)).ID
	asked, unasked := make(chan struct{}), make(chan struct{})
	b.validate(t.Context(), id, func(ctx context.Context, _ string, _ [][]byte) error {
		close(asked)
		<-ctx.Done()
		close(unasked)
		return ctx.Err()
	})
	b.do(id, job.Resume{})
	within(t, asked, "it is not asked")
	b.do(id, job.Suspend{})
	within(t, unasked, "it is still asked")
	if snap := b.until(id, job.Suspended); snap.Error != nil {
		t.Errorf("%+v", snap.Error)
	}
}

func TestWhoMayValidateCertificates(t *testing.T) {
	t.Parallel()
	b, g := newBench(t), &judge{}
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1000))
	id := b.create(b.checked(srv, srv.URL)).ID
	plain := b.create(job.Spec{Settings: job.DefaultSettings()}).ID
	for _, tt := range []struct {
		name  string
		id    job.ID
		actor string
		want  job.Code
	}{
		{"another user", id, "uid:2", job.AccessDenied},
		{"a job that asks nobody", plain, "uid:1", job.InvalidState},
	} {
		var e *job.Error
		if _, err := b.ValidateCertificates(t.Context(), tt.id, tt.actor, g.check); !errors.As(err, &e) || e.Code != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := b.ValidateCertificates(t.Context(), "no job", "uid:1", g.check); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no job: %v", err)
	}
	// A new owner asks programs of his own, about all servers.
	on := b.validate(t.Context(), id, g.check)
	b.do(id, job.Resume{})
	b.until(id, job.Transferred)
	if _, err := b.TakeOwnership(t.Context(), id, "uid:2"); err != nil {
		t.Fatal(err)
	}
	within(t, on.Done(), "it does not end")
	if errors.Is(context.Cause(on), ErrReplaced) {
		t.Error("nobody has replaced it")
	}
	if _, err := b.AddFiles(t.Context(), id, Actor{ID: "uid:2"}, []job.FileSpec{{URL: srv.Base + "/more", Local: b.dir + "/more"}}); err != nil {
		t.Fatal(err)
	}
	_, err := b.ValidateCertificates(t.Context(), id, "uid:2", func(context.Context, string, [][]byte) error { return errors.New("no") })
	if err != nil {
		t.Fatal(err)
	}
	b.failed(id, job.SecureFailure)
}

// TestOneQuestionPerCertificate: one at a time, and none about what was let pass.
func TestOneQuestionPerCertificate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		asked, answer := make(chan struct{}, 10), make(chan struct{})
		v := &validator{
			ctx: ctx, end: end, turn: make(chan struct{}, 1), approved: map[approval]bool{},
			check: func(ctx context.Context, _ string, _ [][]byte) error {
				asked <- struct{}{}
				select {
				case <-answer:
				case <-ctx.Done():
				}
				return ctx.Err()
			},
		}
		var vs validators
		vs.set("a job", v)
		judge := func(ctx context.Context) error { return vs.judge(ctx, "a job", "h:443", [][]byte{{1}}) }
		both := make(chan error, 2)
		for range 2 {
			go func() { both <- judge(t.Context()) }()
		}
		synctest.Wait() // one is being asked about, the other one waits for its turn
		<-asked
		impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := judge(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while another is being asked: %v", err)
		}
		close(answer)
		for range 2 {
			if err := <-both; err != nil {
				t.Error(err)
			}
		}
		end(nil) // whoever has gone has not taken anything back
		late, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := judge(late); err != nil {
			t.Error(err)
		}
		if n := len(asked); n != 0 {
			t.Errorf("asked %d times more", n)
		}
	})
}

// TestApprovalIsForOneServer and its certificate: the same one at another port is asked about, and so is another one. What was let
// pass does not wait for an answer about what was not.
func TestApprovalIsForOneServer(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan string, 10), make(chan struct{})
	v := &validator{
		ctx: t.Context(), end: func(error) {}, turn: make(chan struct{}, 1), approved: map[approval]bool{},
		check: func(ctx context.Context, host string, chain [][]byte) error {
			asked <- fmt.Sprint(host, chain)
			select {
			case <-answer:
			case <-ctx.Done():
			}
			return ctx.Err()
		},
	}
	var vs validators
	vs.set("a job", v)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	type server struct {
		host string
		leaf byte
	}
	judge := func(s server) error { return vs.judge(ctx, "a job", s.host, [][]byte{{s.leaf}, {9}}) }
	var before []server
	for _, s := range []server{{"h:443", 1}, {"h:444", 1}, {"h:443", 2}} {
		done := make(chan error, 1)
		go func() { done <- judge(s) }()
		select {
		case got := <-asked:
			if want := fmt.Sprint(s.host, [][]byte{{s.leaf}, {9}}); got != want {
				t.Errorf("asked about %s, want %s", got, want)
			}
		case err := <-done:
			t.Fatalf("%v: not asked, but %v", s, err)
		case <-ctx.Done():
			t.Fatalf("%v: %v", s, ctx.Err())
		}
		for _, s := range before {
			if err := judge(s); err != nil {
				t.Errorf("%v: %v", s, err)
			}
		}
		select {
		case answer <- struct{}{}:
		case <-ctx.Done():
		}
		if err := <-done; err != nil {
			t.Errorf("%v: %v", s, err)
		}
		before = append(before, s)
	}
}
