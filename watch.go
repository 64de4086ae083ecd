package ebb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// Event is a durable event: it is stored in the same commit as the change it tells of.
type Event struct {
	ID   uint64       `json:"id"` // rises; never used twice
	At   time.Time    `json:"at"`
	Kind job.Notice   `json:"kind"`
	Job  job.Snapshot `json:"job"` // as it was then
	File *job.File    `json:"file,omitempty"`
}

// Watch yields jobs as they change, beginning with how they are now: those with these IDs (or beginnings of
// IDs), or all that are not final. Of a job that changes quickly only the latest is yielded. It goes on over a restart of the
// service and ends with an error when the service does not come back within about ten seconds, when there is no such job
// ([ErrNotFound]), or when ctx ends. Jobs named by ID are told of even when they became final during the restart; of
// all others [Client.Follow] tells.
func (c *Client) Watch(ctx context.Context, ids ...string) iter.Seq2[job.Snapshot, error] {
	query := url.Values{"id": ids}
	return follow(ctx, c, "/watch?"+query.Encode(), 0, func(s job.Snapshot) uint64 { return s.Rev })
}

// Events yields the stored events with an ID above after, oldest first. They are kept as long as
// their jobs are in the history. An error ends the sequence.
func (c *Client) Events(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			var page struct {
				Events []Event `json:"events"`
			}
			path := fmt.Sprintf("/events?limit=%d&after=%d", pageLen, after)
			if err := c.request(ctx, http.MethodGet, path, nil, &page); err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Events {
				if after = e.ID; !yield(e, nil) {
					return
				}
			}
			if len(page.Events) < pageLen {
				return
			}
		}
	}
}

// Follow yields the events with an ID above after and then each new one, until ctx ends. It goes on
// over a restart of the service, and loses and repeats none: a program that keeps the ID of the last event it has dealt
// with goes on there after its own restart, too. It ends with an error as Watch does.
func (c *Client) Follow(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return follow(ctx, c, "/events/stream", after, func(e Event) uint64 { return e.ID })
}

// A stream waits for a service that went away: reconnects times, first as short as reconnectSoon, then longer
// and longer up to reconnectLate. That is about ten seconds.
const (
	reconnects    = 14
	reconnectSoon = 20 * time.Millisecond
	reconnectLate = time.Second
)

// follow reads a stream of server-sent events and resumes it after the last one it got.
func follow[T any](ctx context.Context, c *Client, path string, last uint64, seq func(T) uint64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for tries := 0; ; tries++ {
			got, more, err := stream(ctx, c, path, &last, seq, yield)
			if got {
				tries = 0
			}
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(none, ctx.Err())
				return
			case !comesBack(err) || tries >= reconnects:
				yield(none, err)
				return
			}
			pause(ctx, min(reconnectSoon<<tries, reconnectLate))
		}
	}
}

// comesBack reports whether a service that gave this error is worth waiting for.
func comesBack(err error) bool { return errors.Is(err, ErrUnavailable) || errors.Is(err, errEnding) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// errEnded is why a stream that was not broken is over: the service is about to end.
var errEnded = fmt.Errorf("%w: it has ended", ErrUnavailable)

// stream yields what one connection brings until it ends, with the reason. got says whether it brought anything, more
// whether the caller wants to go on.
func stream[T any](ctx context.Context, c *Client, path string, last *uint64, seq func(T) uint64, yield func(T, error) bool) (got, more bool, err error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if *last > 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(*last, 10))
	}
	resp, err := c.send(ctx, http.MethodGet, path, nil, header)
	if err != nil {
		return false, true, err
	}
	defer resp.Body.Close()
	for data, err := range events(resp.Body) {
		if err != nil {
			return got, true, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return got, true, fmt.Errorf("the service sent an event that cannot be read: %w", err)
		}
		got, *last = true, max(*last, seq(v))
		if !yield(v, nil) {
			return got, false, nil
		}
	}
	return got, true, errEnded
}

// events yields the data of each server-sent event.
func events(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReader(r)
		var data []byte
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				if err != io.EOF {
					yield(nil, err)
				}
				return
			}
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 && len(data) > 0 {
				if !yield(data, nil) {
					return
				}
				data = nil
			}
			if rest, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				data = append(data, bytes.TrimPrefix(rest, []byte(" "))...)
			}
		}
	}
}
