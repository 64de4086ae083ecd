package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

type watchInput struct {
	ID          []string `query:"id,explode" nullable:"false" doc:"only these jobs; the beginning of an ID is enough"`
	LastEventID string   `header:"Last-Event-ID" doc:"go on after this snapshot"`
}

type eventsInput struct {
	After       uint64 `query:"after" doc:"only events with a higher ID"`
	LastEventID string `header:"Last-Event-ID" doc:"go on after this event"`
}

type eventPageInput struct {
	After uint64 `query:"after" doc:"only events with a higher ID"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

// EventList is a page of events.
type EventList struct {
	Events []store.Notice `json:"events"`
}

type eventPageOutput struct {
	Body EventList
}

func (s *server) streams(a huma.API) {
	huma.Register(a, op("list-events", http.MethodGet, "/v1/events", "The durable events, oldest first"), s.eventPage)
	events := op("follow-events", http.MethodGet, "/v1/events/stream", "The durable events, and each new one as it happens")
	huma.Register(a, streamOf[store.Notice](a, events,
		`server-sent events of type "event"; id is the event's`), s.followEvents)
	watch := op("watch-jobs", http.MethodGet, "/v1/watch", "Jobs as they change; a slow reader gets the latest of each")
	huma.Register(a, streamOf[job.Snapshot](a, watch,
		`server-sent events of type "job"; id is the snapshot's rev`), s.watch)
}

// eventPage returns a full page when there is one, whatever the caller may not see in between: a
// page that is not full is the last.
func (s *server) eventPage(ctx context.Context, in *eventPageInput) (*eventPageOutput, error) {
	out := &eventPageOutput{EventList{[]store.Notice{}}}
	for after := in.After; len(out.Body.Events) < in.Limit; {
		notices, err := s.engine.Notices(ctx, after, eventPageLen)
		if err != nil {
			return nil, problem(err)
		}
		if len(notices) == 0 {
			break
		}
		after = notices[len(notices)-1].ID
		out.Body.Events = append(out.Body.Events, visible(ctx, notices)...)
	}
	out.Body.Events = out.Body.Events[:min(in.Limit, len(out.Body.Events))]
	return out, nil
}

// visible are those of the notices that the caller may see, in the same memory.
func visible(ctx context.Context, notices []store.Notice) []store.Notice {
	mine := sees(ctx)
	return slices.DeleteFunc(notices, func(n store.Notice) bool { return !mine(n.Job.Job) })
}

// eventPageLen is how many events are read at a time.
const eventPageLen = 256

func (s *server) followEvents(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	after := max(in.After, sequence(in.LastEventID))
	return streaming(func(ctx context.Context, to *stream) error {
		for {
			more := s.engine.Noticed() // before the look, so that nothing slips through
			notices, err := s.engine.Notices(ctx, after, eventPageLen)
			if err != nil {
				return err
			}
			if len(notices) == 0 {
				select {
				case <-more:
					continue
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			after = notices[len(notices)-1].ID
			for _, n := range visible(ctx, notices) {
				if err := to.add("event", n.ID, n); err != nil {
					return err
				}
			}
			if err := to.flush(); err != nil {
				return err
			}
		}
	}), nil
}

func (s *server) watch(ctx context.Context, in *watchInput) (*huma.StreamResponse, error) {
	ids, err := s.watched(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	mine := sees(ctx)
	w, err := s.engine.Watch(ctx, sequence(in.LastEventID), func(snap job.Snapshot) bool {
		if len(ids) == 0 {
			return mine(snap.Job)
		}
		return slices.Contains(ids, snap.ID) // whoever owns it by then: see tell
	})
	if err != nil {
		return nil, problem(err)
	}
	return streaming(func(ctx context.Context, to *stream) error {
		defer w.Close()
		return s.tell(ctx, to, ids, w, mine)
	}), nil
}

// tell sends the jobs of ids that are final, of which nothing would be told any more, and then what
// the watcher sees. A job that has become another's ends the stream: the caller who comes back learns that it is
// not there for him any more, instead of waiting for it.
func (s *server) tell(ctx context.Context, to *stream, ids []job.ID, w *engine.Watcher, mine func(job.Job) bool) error {
	for _, id := range ids {
		snap, err := s.engine.Job(ctx, id)
		if err == nil && snap.State.Final() {
			err = to.add("job", snap.Rev, snap)
		}
		if err != nil {
			return err
		}
	}
	if err := to.flush(); err != nil {
		return err
	}
	for {
		snaps, err := w.Next(ctx)
		if err != nil {
			return err
		}
		for _, snap := range snaps {
			if !mine(snap.Job) {
				return to.flush()
			}
			if err := to.add("job", snap.Rev, snap); err != nil {
				return err
			}
		}
		if err := to.flush(); err != nil {
			return err
		}
	}
}

// watched are the whole IDs of what the caller asks for; those nobody knows are refused.
func (s *server) watched(ctx context.Context, prefixes []string) ([]job.ID, error) {
	var ids []job.ID
	for _, prefix := range prefixes {
		id, err := s.find(ctx, prefix)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// sequence reads a Last-Event-ID; one that is not ours begins from the start.
func sequence(id string) uint64 {
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}
