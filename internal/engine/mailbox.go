package engine

import "context"

// mailboxLen is how many letters wait before their senders do.
const mailboxLen = 1024

// letter is something to be done by the control goroutine.
type letter func(*session)

type answer[T any] struct {
	value T
	err   error
}

// ask runs f on the control goroutine and returns its answer once everything f changed is
// durable. When ctx ends first, what f changed may still happen.
func ask[T any](ctx context.Context, e *Engine, f func(*session) (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	post := func(s *session) {
		value, err := f(s)
		s.afterCommit(func(failed error) {
			if failed != nil {
				err = failed
			}
			done <- answer[T]{value, err}
		})
	}
	var none T
	select {
	case e.mail <- post:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-e.stopped:
		return none, ErrStopped
	}
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-e.stopped:
		return none, ErrStopped
	}
}

// post hands a letter of a worker over. It is void once the session has ended: it is about records
// that were loaded anew since.
func (s *session) post(l letter) {
	mine := func(reader *session) {
		if reader == s {
			l(s)
		}
	}
	select {
	case s.mail <- mine:
	case <-s.dead:
	}
}

// postDurable hands a fact over and waits until it is durable. It reports false when
// the session or ctx ended before, or when f refused the fact.
func (s *session) postDurable(ctx context.Context, f func(*session) bool) bool {
	done := make(chan bool, 1)
	s.post(func(s *session) {
		taken := f(s)
		s.afterCommit(func(failed error) { done <- taken && failed == nil })
	})
	select {
	case ok := <-done:
		return ok
	case <-ctx.Done():
		return false
	case <-s.dead:
		return false
	}
}
