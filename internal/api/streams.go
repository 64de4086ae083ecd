package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

type watchInput struct {
	ID          []string `query:"id" doc:"only these jobs; the beginning of an ID is enough"`
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

type eventPageOutput struct {
	Body struct {
		Events []store.Notice `json:"events"`
	}
}

func (s *server) streams(a huma.API) {
	huma.Register(a, op("list-events", http.MethodGet, "/v1/events", "The durable events, oldest first"), s.eventPage)
	sse.Register(a, op("follow-events", http.MethodGet, "/v1/events/stream", "The durable events, and each new one as it happens"),
		map[string]any{"event": store.Notice{}}, s.followEvents)
	sse.Register(a, op("watch-jobs", http.MethodGet, "/v1/watch", "Jobs as they change; a slow reader gets the latest of each"),
		map[string]any{"job": job.Snapshot{}}, s.watch)
}

func (s *server) eventPage(ctx context.Context, in *eventPageInput) (*eventPageOutput, error) {
	notices, err := s.engine.Notices(ctx, in.After, in.Limit)
	if err != nil {
		return nil, problem(err)
	}
	out := &eventPageOutput{}
	out.Body.Events = visible(ctx, notices)
	return out, nil
}

func visible(ctx context.Context, notices []store.Notice) []store.Notice {
	mine := sees(ctx)
	out := []store.Notice{}
	for _, n := range notices {
		if mine(n.Job.Job) {
			out = append(out, n)
		}
	}
	return out
}

const eventPageLen = 256

func (s *server) followEvents(ctx context.Context, in *eventsInput, send sse.Sender) {
	after := max(in.After, sequence(in.LastEventID))
	for ctx.Err() == nil {
		more := s.engine.Noticed() // before the look, so that nothing slips through
		notices, err := s.engine.Notices(ctx, after, eventPageLen)
		if err != nil {
			return
		}
		for _, n := range visible(ctx, notices) {
			if send(sse.Message{ID: int(n.ID), Data: n}) != nil {
				return
			}
		}
		if len(notices) > 0 {
			after = notices[len(notices)-1].ID
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}

func (s *server) watch(ctx context.Context, in *watchInput, send sse.Sender) {
	ids, err := s.watched(ctx, in.ID)
	if err != nil {
		return
	}
	mine := sees(ctx)
	since := sequence(in.LastEventID)
	w, err := s.engine.Watch(ctx, since, func(snap job.Snapshot) bool {
		return mine(snap.Job) && (len(ids) == 0 || slices.Contains(ids, snap.ID))
	})
	if err != nil {
		return
	}
	defer w.Close()
	if !s.sendFinal(ctx, ids, send) {
		return
	}
	for {
		snaps, err := w.Next(ctx)
		if err != nil {
			return
		}
		for _, snap := range snaps {
			if send(sse.Message{ID: int(snap.Rev), Data: snap}) != nil {
				return
			}
		}
	}
}

// watched are the whole IDs of what the caller asks for; those nobody knows are an error.
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

// sendFinal shows the watched jobs that are final already: nothing would be told of them any
// more. It reports false when the reader has gone.
func (s *server) sendFinal(ctx context.Context, ids []job.ID, send sse.Sender) bool {
	for _, id := range ids {
		snap, err := s.engine.Job(ctx, id)
		if err == nil && snap.State.Final() && send.Data(snap) != nil {
			return false
		}
	}
	return true
}

// sequence reads a Last-Event-ID; one that is not ours begins from the start.
func sequence(id string) uint64 {
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}
