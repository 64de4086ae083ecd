package env

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Watch calls tell with what the machine says, and again whenever that changes, one call at a time. The first call comes
// within a second, whoever has answered by then. What goes wrong with a source is logged, and then what it says is
// unknown. Watch returns, and everything it started has ended, when ctx ends.
func Watch(ctx context.Context, log *slog.Logger, tell func(News)) {
	networks, said := make(chan network), make(chan services)
	var sources sync.WaitGroup
	sources.Go(func() { watchKernel(ctx, log, networks) })
	sources.Go(func() { watchBus(ctx, log, said) })
	fold(ctx, networks, said, tell)
	sources.Wait()
}

// patience is how long the first call waits for all sources.
const patience = time.Second

// fold makes one story of what the sources say, until ctx ends.
func fold(ctx context.Context, networks <-chan network, said <-chan services, tell func(News)) {
	var m machine
	var told *telling // nil until the first call
	var kernel, bus bool
	e := newEpochs()
	defer e.later.Stop()
	first := time.NewTimer(patience)
	defer first.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-first.C:
			kernel, bus = true, true
		case m.services = <-said:
			bus = true
		case n := <-networks:
			kernel = true
			e.after(m.see(n))
		case <-e.later.C:
			e.rise()
		}
		now := telling{m.facts(), e.count}
		if kernel && bus && (told == nil || now != *told) {
			told = &now
			tell(now.news())
		}
	}
}

// calm is between two epochs, at least, while there is a network.
const calm = 30 * time.Second

// epochs counts the networks.
type epochs struct {
	count   uint64
	last    time.Time   // when it rose
	later   *time.Timer // when it rises next
	pending bool        // later is set
}

func newEpochs() *epochs {
	e := &epochs{later: time.NewTimer(0)}
	e.later.Stop()
	return e
}

func (e *epochs) after(c change) {
	switch {
	case c == came:
		e.rise()
	case c == replaced && !e.pending:
		e.pending = true
		e.later.Reset(max(0, calm-time.Since(e.last)))
	}
}

func (e *epochs) rise() {
	e.count++
	e.last, e.pending = time.Now(), false
	e.later.Stop()
}
