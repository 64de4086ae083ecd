package api

import (
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// asked are the notifications that wait for their answers.
type asked struct {
	mu      sync.Mutex // guards all below
	last    uint64
	waiting map[uint64]question
}

type question struct {
	job    job.ID
	answer chan<- error
}

// newAsked begins above all numbers of a former process, for somebody may still answer those.
func newAsked() *asked {
	return &asked{last: uint64(time.Now().UnixMicro()), waiting: map[uint64]question{}}
}

// ask gives a notification its number. The channel gets at most one answer, nil for success.
func (a *asked) ask(id job.ID) (number uint64, answer <-chan error) {
	ch := make(chan error, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	a.waiting[a.last] = question{id, ch}
	return a.last, ch
}

func (a *asked) forget(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, number)
}

// answer reports false when nobody waits for it any more.
func (a *asked) answer(number uint64, id job.ID, failed error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	q, ok := a.waiting[number]
	if !ok || q.job != id {
		return false
	}
	delete(a.waiting, number)
	q.answer <- failed
	return true
}
