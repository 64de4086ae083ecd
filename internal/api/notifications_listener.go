package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// listener is a live callback at the other end of a stream. Notices of the outbox come to it from [Callbacks]; what may be
// left out, modifications and ranges, it makes itself of what a watcher sees. It tells one thing at a time and waits for its
// answer.
type listener struct {
	*notifications
	id   job.ID
	turn chan struct{} // has a token while nothing is being told; whoever holds it may use to
	to   *stream
	end  context.CancelFunc // of the stream

	stopFollowing context.CancelFunc
	stopAsking    context.CancelFunc // what follow asks: nobody waits for that answer any more
	following     sync.WaitGroup     // follow

	// All below belongs to follow, and once that has returned to farewell.
	seen   job.Snapshot // the job as it was when its modifications were last looked at
	begun  bool         // seen is set
	change bool         // there is a modification to tell
	moved  bool         // there may be ranges to tell
	told   map[job.FileID]job.Ranges
	last   time.Time // when that was last told
}

func newListener(n *notifications, id job.ID, to *stream) *listener {
	l := &listener{notifications: n, id: id, to: to, turn: make(chan struct{}, 1), told: map[job.FileID]job.Ranges{}, moved: true}
	l.turn <- struct{}{}
	return l
}

// run is the callback until the stream ends.
func (l *listener) run(ctx context.Context, after uint64, w *engine.Watcher, mine func(job.Job) bool) error {
	ctx, l.end = context.WithCancel(ctx)
	defer func() {
		l.end()
		l.following.Wait()
		<-l.turn // for good: the stream is over
	}()
	asking, stopAsking := context.WithCancel(ctx)
	watch, stopFollowing := context.WithCancel(ctx)
	l.stopAsking, l.stopFollowing = stopAsking, stopFollowing
	defer stopAsking()
	defer stopFollowing()
	l.following.Go(func() { l.follow(asking, watch, w, mine) })
	err := l.callbacks.Register(ctx, l.id, after, l.tell)
	if err != nil {
		return err
	}
	return l.say(ctx, Notification{Event: eventReplaced})
}

// tell is called for one notice at a time.
func (l *listener) tell(ctx context.Context, n store.Notice) error {
	note := Notification{ID: n.ID, Event: n.Kind.String(), Job: &n.Job}
	if n.File != nil {
		note.File = l.file(ctx, *n.File)
	}
	if n.Kind != job.NoticeAcknowledged && n.Kind != job.NoticeCancelled {
		return l.ask(ctx, note)
	}
	l.farewell(ctx)
	err := l.say(ctx, note)
	l.end()
	return err
}

// file is a finished file as it is now, for its temporary name; as it was then when it cannot be asked for.
func (l *listener) file(ctx context.Context, then job.File) *job.FileSnapshot {
	now, err := l.engine.Files(ctx, l.id, then.ID, 1)
	if err != nil || len(now) == 0 || now[0].ID != then.ID {
		return &job.FileSnapshot{File: then, Transferred: then.Filled.Len()}
	}
	return &now[0]
}

// ask tells something and waits for the answer.
func (l *listener) ask(ctx context.Context, note Notification) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer func() { l.turn <- struct{}{} }()
	number, answer := l.asked.ask(l.id)
	defer l.asked.forget(number)
	note.Notice = number
	if err := l.send(ctx, note); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say tells something that needs no answer.
func (l *listener) say(ctx context.Context, note Notification) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer func() { l.turn <- struct{}{} }()
	return l.send(ctx, note)
}

func (l *listener) take(ctx context.Context) error {
	select {
	case <-l.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send is for whoever has the turn. A stream that is broken, or whose reader has taken nothing by the end of ctx, ends the
// callback; then it waits until that is known everywhere, so that nobody takes the error for the callback's own.
func (l *listener) send(ctx context.Context, note Notification) error {
	defer context.AfterFunc(ctx, l.to.abort)()
	err := l.to.add(note.Event, note.ID, note)
	if err == nil {
		err = l.to.flush()
	}
	if err != nil {
		l.end()
		<-ctx.Done()
	}
	return err
}

// follow tells modifications and ranges, no more often than the job's interval says and only while its owner has a place
// free, until watch ends; the end of asking ends what is being told. One who may no longer see the job is told of nothing any
// more: his stream ends.
func (l *listener) follow(asking, watch context.Context, w *engine.Watcher, mine func(job.Job) bool) {
	for {
		wait, cancel := watch, context.CancelFunc(func() {})
		if l.wants() {
			wait, cancel = context.WithDeadline(watch, l.due())
		}
		snaps, err := w.Next(wait)
		cancel()
		switch {
		case watch.Err() != nil:
			return
		case err == nil:
			for _, snap := range snaps {
				if !mine(snap.Job) {
					l.end()
					return
				}
				l.see(snap)
			}
		default:
			l.tellChanges(asking)
		}
	}
}

// due is when something may be told again.
func (l *listener) due() time.Time { return l.last.Add(time.Duration(l.seen.MinNotifyInterval)) }

func (l *listener) wants() bool {
	return l.change && l.asksFor(job.NotifyModification) || l.moved && l.asksFor(job.NotifyFileRanges)
}

func (l *listener) asksFor(flag job.NotifyFlags) bool {
	return l.begun && l.seen.NotifyFlags&(flag|job.NotifyDisable) == flag
}

// see takes note of a change. What leads to error or transferred is no modification, as in BITS: the job's notice tells
// of that, and of what changed right before.
func (l *listener) see(snap job.Snapshot) {
	entered := snap.State != l.seen.State
	switch {
	case !l.begun:
	case entered && (snap.State == job.InError || snap.State == job.Transferred):
		l.change = false
	case entered, !snap.Modified.Equal(l.seen.Modified), snap.Transferred != l.seen.Transferred:
		l.change = true
	}
	l.moved = l.moved || snap.Transferred != l.seen.Transferred
	if l.seen, l.begun = snap, true; l.seen.NotifyFlags&job.NotifyDisable != 0 {
		l.change = false
	}
}

const (
	crowded = 100 * time.Millisecond // how long a change waits at least when its owner has no place free
	// placeTime is how long what may be left out keeps a place from the owner's other notices.
	placeTime = 10 * time.Second
)

// tellChanges takes a place of the owner's; without one it tries again after the interval. Who takes longer to answer than the
// place is there for holds up the notices of his own job alone.
func (l *listener) tellChanges(ctx context.Context) {
	release, ok := l.callbacks.Slot(l.seen.Owner)
	if !ok {
		l.last = time.Now().Add(crowded)
		return
	}
	defer release()
	late := time.AfterFunc(placeTime, release)
	defer late.Stop()
	l.changes(ctx)
	l.last = time.Now()
}

// changes tells what is to be told. Whether the callback succeeds makes no difference.
func (l *listener) changes(ctx context.Context) {
	if l.change && l.asksFor(job.NotifyModification) {
		l.change = false
		_ = l.ask(ctx, Notification{Event: eventModification, Job: &l.seen})
	}
	if !l.moved || !l.asksFor(job.NotifyFileRanges) {
		return
	}
	l.moved = false
	for from := job.FileID(1); ; {
		files, err := l.engine.Files(ctx, l.id, from, filesPage)
		if err != nil {
			return // the service ends, or the job is no more
		}
		for _, f := range files {
			if !slices.Equal(f.Filled, l.told[f.ID]) {
				l.told[f.ID] = f.Filled
				_ = l.ask(ctx, Notification{Event: eventRanges, Job: &l.seen, File: &f})
			}
		}
		if len(files) < filesPage {
			return
		}
		from = files[len(files)-1].ID + 1
	}
}

// filesPage is how many files are looked at at a time.
const filesPage = 1000

// farewell tells what changed last, before the end of the job, as far as there is time for it. It has the notice's place among
// the owner's.
func (l *listener) farewell(ctx context.Context) {
	l.stopFollowing()
	defer context.AfterFunc(ctx, l.stopAsking)()
	l.following.Wait()
	snap, err := l.engine.Job(ctx, l.id)
	if err != nil || ctx.Err() != nil {
		return // the service ends, or an answer did not come
	}
	if l.see(snap); !l.wants() {
		return
	}
	due := time.NewTimer(time.Until(l.due()))
	defer due.Stop()
	select {
	case <-due.C:
		l.changes(ctx)
	case <-ctx.Done():
	}
}
