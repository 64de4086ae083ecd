package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// CheckCertificate judges the certificate of a server: host is HOST:PORT, chain the certificates in DER from the server's own to
// the authority's. nil is yes. The code of a *job.Error says why not; another error is job.SecureFailure. ctx ends when nobody
// waits for the answer any more.
type CheckCertificate func(ctx context.Context, host string, chain [][]byte) error

// ErrReplaced is the cause of the end of a validator when another one was set for its job.
var ErrReplaced = errors.New("another validator was set for this job")

// judgeTime is how long a server may have to wait for the validator's answer when the job has no connect timeout.
const judgeTime = 30 * time.Second

// maxApproved bounds the certificates that a job remembers the approval of.
const maxApproved = 256

// ValidateCertificates has check asked about the servers of a job whose Network.CheckCertificates is set, until the context that it
// returns ends: because ctx does, because another validator was set for the job (its cause is [ErrReplaced]), or because the job
// is final or has become another's. check is called for one server at a time. A yes is remembered for the server and
// its certificate until another validator is set, even when this one has gone; a no is not remembered.
//
// It is for the job's owner only, and refused with [job.ErrState] when the job asks nobody. Nothing of it is stored.
func (e *Engine) ValidateCertificates(ctx context.Context, id job.ID, actor string, check CheckCertificate) (context.Context, error) {
	if _, err := e.Job(ctx, id); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	v := &validator{check: check, ctx: ctx, end: end, turn: make(chan struct{}, 1), approved: map[approval]bool{}}
	live, err := ask(ctx, e, func(s *session) (bool, error) {
		en, live := s.jobs[id]
		switch {
		case !live:
		case en.job.Owner != actor:
			return false, notOwner(id, "judge the certificates of its servers")
		case !en.job.Network.CheckCertificates:
			return false, job.Invalid(job.InvalidState, "job %s asks nobody about certificates; suspend it and set network.check_certificates first", id)
		default:
			e.validators.set(id, v)
		}
		return live, nil
	})
	if err != nil || !live {
		end(err)
	}
	return ctx, err
}

// validators are who judges certificates, by job: the last that was set, even if it has gone.
type validators struct {
	mu     sync.Mutex // guards last and of
	last   uint64
	of     map[job.ID]*validator
	change signal // raised after each set
}

type validator struct {
	number uint64 // no two have the same
	check  CheckCertificate
	ctx    context.Context // ended: it has gone
	end    context.CancelCauseFunc

	turn chan struct{} // whoever has put its token is the only one to ask

	mu       sync.Mutex        // guards approved
	approved map[approval]bool // what got a yes
}

// approval is a server and its own certificate.
type approval struct {
	host string
	leaf [sha256.Size]byte
}

// set lets v have the word. One whose caller has given up meanwhile is not set.
func (vs *validators) set(id job.ID, v *validator) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v.ctx.Err() != nil {
		return
	}
	if before := vs.of[id]; before != nil {
		before.end(ErrReplaced)
	}
	if vs.of == nil {
		vs.of = map[job.ID]*validator{}
	}
	vs.last++
	v.number, vs.of[id] = vs.last, v
	vs.change.raise()
}

// forget is for a job that is final or has become another's.
func (vs *validators) forget(id job.ID) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.of[id]; v != nil {
		v.end(nil)
		delete(vs.of, id)
	}
}

func (vs *validators) find(id job.ID) *validator {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.of[id]
}

// checkOf is what a transport needs to have the certificates of a job's servers judged: the check, and its name, so that nothing
// that one validator let pass is taken for another's. Nobody is asked any more once run ends: package net/http goes on with a
// handshake whose request has been given up.
func (vs *validators) checkOf(run context.Context, j job.Job) (check CheckCertificate, name string) {
	number := uint64(0)
	if v := vs.find(j.ID); v != nil {
		number = v.number
	}
	patience := cmp.Or(time.Duration(j.Network.ConnectTimeout), judgeTime)
	nobody := &job.Error{
		Context: job.ContextCertificate, Code: job.CertificateHookNeeded, Class: job.Transient,
		Text: fmt.Sprintf("no program that may judge it has answered for %v; start the one that checks certificates for job %s", patience, j.ID),
	}
	check = func(ctx context.Context, host string, chain [][]byte) error {
		ctx, cancel := context.WithTimeoutCause(ctx, patience, nobody)
		defer cancel()
		defer context.AfterFunc(run, cancel)()
		return vs.judge(ctx, j.ID, host, chain)
	}
	return check, fmt.Sprintf("%s/%s/%d", j.ID, j.Owner, number)
}

// judge asks whoever has the word until ctx ends. A validator that is not there may come: after a restart of the service
// its jobs are often quicker than the programs that come back to it.
func (vs *validators) judge(ctx context.Context, id job.ID, host string, chain [][]byte) error {
	for {
		change := vs.change.wait() // before the look, so that nothing slips through
		if v := vs.find(id); v != nil {
			if err := v.judge(ctx, host, chain); !errors.Is(err, errGone) {
				return err
			}
		}
		select {
		case <-change:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errGone = errors.New("the validator has gone")

// judge asks v, or remembers its yes, which waits for nobody's turn. What it says while it goes is not heard.
func (v *validator) judge(ctx context.Context, host string, chain [][]byte) error {
	server := approval{host, sha256.Sum256(chain[0])}
	if v.knows(server) {
		return nil
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-v.turn }()
	if v.knows(server) { // by now
		return nil
	}
	if v.ctx.Err() != nil {
		return errGone
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(v.ctx, stop)()
	err := v.check(asking, host, chain)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case v.ctx.Err() != nil:
		return errGone
	case err != nil:
		return err
	}
	v.remember(server)
	return nil
}

func (v *validator) knows(server approval) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.approved[server]
}

func (v *validator) remember(server approval) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.approved) >= maxApproved {
		clear(v.approved)
	}
	v.approved[server] = true
}
