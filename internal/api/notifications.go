package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Callbacks is where live callbacks register; internal/notify explains each method.
type Callbacks interface {
	Register(ctx context.Context, id job.ID, after uint64, tell func(context.Context, store.Notice) error) error
	Registered(id job.ID) bool
	Slot(owner string) (release func(), ok bool)
}

// Notification is what a live callback is told.
type Notification struct {
	ID     uint64            `json:"id,omitempty" doc:"sent back as Last-Event-ID, it says that this notification and all before it are dealt with"`
	Notice uint64            `json:"notice,omitempty" doc:"to be acknowledged, before anything else is told; absent when there is nothing to acknowledge"`
	Event  string            `json:"event" enum:"transferred,error,modification,file_transferred,file_ranges_transferred,acknowledged,cancelled,replaced"`
	Job    *job.Snapshot     `json:"job,omitempty" doc:"as it was when it happened"`
	File   *job.FileSnapshot `json:"file,omitempty" doc:"of file_transferred and file_ranges_transferred, whose filled says what is here by now"`
}

// The events that are no notices of the outbox.
const (
	eventModification = "modification"
	eventRanges       = "file_ranges_transferred"
	eventReplaced     = "replaced"
)

// Acknowledgement says what became of a notification.
type Acknowledgement struct {
	OK    bool   `json:"ok" doc:"false: tell it again, or run the command in its place"`
	Error string `json:"error,omitempty" doc:"why not, for the log"`
}

type notificationsInput struct {
	JobInput
	LastEventID string `header:"Last-Event-ID" doc:"go on after this notification; without it, how the job is now is told first"`
}

type acknowledgeInput struct {
	JobInput
	Notice uint64 `path:"notice"`
	JSONInput
}

// CallbackStatus says whether a job has a live callback.
type CallbackStatus struct {
	Registered bool `json:"registered"`
}

type callbackStatusOutput struct {
	Body CallbackStatus
}

// notifications are the operations for live callbacks; callbacks is nil when there can be none.
func (s *server) notifications(a huma.API, callbacks Callbacks) {
	n := &notifications{server: s, callbacks: callbacks, asked: newAsked()}
	listen := op("listen", http.MethodGet, "/v1/jobs/{id}/notifications", "Become the job's live callback, in the place of any other")
	huma.Register(a, streamOf[Notification](a, listen,
		`server-sent events; id is the notification's. The stream ends with the event acknowledged, cancelled or replaced`), n.listen)
	acknowledge := op("acknowledge-notification", http.MethodPost, "/v1/jobs/{id}/notifications/{notice}", "Say that a notification is dealt with, or that it could not be")
	huma.Register(a, withBody[Acknowledgement](a, acknowledge, maxBody), n.acknowledge)
	huma.Register(a, op("callback-status", http.MethodGet, "/v1/jobs/{id}/notifications/status", "Whether the job has a live callback"), n.status)
}

type notifications struct {
	*server
	callbacks Callbacks
	asked     *asked
}

// there refuses what a service without callbacks cannot do, and finds the job.
func (n *notifications) there(ctx context.Context, prefix string) (job.ID, error) {
	if n.callbacks == nil {
		return "", problem(job.Invalid(job.NotImplemented, "this service has no live callbacks"))
	}
	return n.find(ctx, prefix)
}

func (n *notifications) listen(ctx context.Context, in *notificationsInput) (*huma.StreamResponse, error) {
	id, err := n.there(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	mine := sees(ctx)
	w, err := n.engine.Watch(ctx, 0, func(snap job.Snapshot) bool { return snap.ID == id })
	if err != nil {
		return nil, problem(err)
	}
	return streaming(func(ctx context.Context, to *stream) error {
		defer w.Close()
		return newListener(n, id, to).run(ctx, sequence(in.LastEventID), w, mine)
	}), nil
}

func (n *notifications) acknowledge(ctx context.Context, in *acknowledgeInput) (*struct{}, error) {
	var ack Acknowledgement
	if err := in.into(&ack); err != nil {
		return nil, err
	}
	id, err := n.there(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !ack.OK && ack.Error == "" {
		ack.Error = "it did not say why it failed"
	}
	var failed error
	if !ack.OK {
		failed = errors.New(ack.Error)
	}
	if !n.asked.answer(in.Notice, id, failed) {
		return nil, problem(job.Invalid(job.NotFound, "notification %d waits for no answer", in.Notice))
	}
	return nil, nil
}

func (n *notifications) status(ctx context.Context, in *JobInput) (*callbackStatusOutput, error) {
	id, err := n.there(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &callbackStatusOutput{CallbackStatus{n.callbacks.Registered(id)}}, nil
}
