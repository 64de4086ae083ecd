// Package notify tells the world what happened to a job: it drains the outbox of the store to the job's live callback, its
// command and its webhook.
//
// Every notice that waits is delivered at least once: a crash between a delivery and its record repeats it, so receivers
// go by the notice's ID. The notices of one job are delivered in their order, the next one only after the last one
// has arrived or was given up; jobs do not wait for each other. What worked is not repeated while something else
// fails, except after a restart.
//
// A callback that takes a notice keeps the command from being run for it. One that fails is replaced by the command and, when
// that succeeds, not called again for that notice. When both fail, both are tried again after the job's retry delay, as a
// command without a callback is: as long as there is the job, that is, until it is final. The webhook goes out whatever the others
// do. Callbacks are not durable: only what the command and the webhook wait for is (see [Wants]), and a callback that
// comes, or comes back, is told of what it missed (see [Notifier.Register]).
//
// A webhook that fails, and a callback without a command, is tried again with full jitter over 1 s, 2 s, 4 s … up to the
// job's retry delay, or after the webhook's Retry-After when that is longer. That is recorded, so it survives a
// restart. The first try uses the job as it was when it happened, every later one its settings as they are by then:
// correcting a wrong URL or command delivers what waits for it, removing it ends the waiting. A notice is given up, and that
// is logged, after [MaxAge] and [MinAttempts], but not before the job is final when a command or a callback failed.
//
// At most 4 deliveries of one owner are under way at a time, as in BITS, and 64 in all.
package notify

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// A notice is given up once it is MaxAge old, but not before MinAttempts: a machine that was
// switched off over the weekend still has its chance.
const (
	MaxAge      = 3 * 24 * time.Hour
	MinAttempts = 16
)

const (
	maxInFlight         = 64
	maxInFlightPerOwner = 4 // BITS: four per user
)

// Payload is a notice as it is told: on the standard input of a command, followed by a newline,
// and as the body of a webhook. Like this, with more of the job's fields:
//
//	{"id": 17, "event": "file_transferred", "at": "2026-03-01T12:00:00Z",
//	 "job": {"id": "3f2a…", "state": "queued", "name": "backup", "transferred": 1048576, "size": 4194304, …},
//	 "file": {"id": 1, "url": "https://example.com/a", "local": "/data/a", "size": 1048576, "done": true, …}}
type Payload struct {
	ID    uint64       `json:"id"`    // rises; the same when a notice is repeated
	Event job.Notice   `json:"event"` // such as "transferred"
	At    time.Time    `json:"at"`    // when it happened, RFC 3339
	Job   job.Snapshot `json:"job"`   // the job as it was then
	File  *job.File    `json:"file,omitempty"`
}

// Outbox is what is needed of a [store.Store].
type Outbox interface {
	Pending(ctx context.Context) ([]store.Notice, error)
	Notices(ctx context.Context, after uint64, limit int) ([]store.Notice, error)
	Delivered(ctx context.Context, id uint64, done bool, next time.Time) error
	Job(ctx context.Context, id job.ID) (job.Job, error)
}

// Config is what a [Notifier] needs. All fields but Transport are required.
type Config struct {
	Store Outbox
	// Secret returns a job's secret in the clear; nil, or store.ErrNotFound, when there is none.
	// The notifier asks for "webhook", the key that signs, and wipes what it gets.
	Secret func(ctx context.Context, id job.ID, name string) ([]byte, error)
	Log    *slog.Logger
	// Transport carries the webhooks; nil is one that heeds the environment's proxies.
	Transport http.RoundTripper
	Version   string // of ebb, for the User-Agent
}

// Notifier delivers notices while [Notifier.Run] runs.
type Notifier struct {
	cfg      Config
	client   *http.Client
	wake     chan struct{} // holds at most one: the outbox has something new
	live     live
	joins    chan join // callbacks that come
	slots    slots
	stopping <-chan struct{} // closed when Run has to end; set by Run

	commandTimeout, commandGrace   time.Duration
	callbackTimeout, callbackGrace time.Duration
	webhookTimeout, drainTimeout   time.Duration
}

// New returns a notifier that does nothing before [Notifier.Run].
func New(cfg Config) *Notifier {
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConns:           maxInFlight,
			MaxIdleConnsPerHost:    maxInFlightPerOwner,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &Notifier{
		cfg: cfg,
		client: &http.Client{
			Transport:     cfg.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		wake:            make(chan struct{}, 1),
		live:            live{all: map[job.ID]*callback{}, came: make(chan struct{})},
		joins:           make(chan join),
		slots:           slots{of: map[string]int{}, freed: make(chan struct{}, 1)},
		commandTimeout:  commandTimeout,
		commandGrace:    commandGrace,
		callbackTimeout: callbackTimeout,
		callbackGrace:   callbackGrace,
		webhookTimeout:  webhookTimeout,
		drainTimeout:    drainTimeout,
	}
}

// Wake says that a commit added notices. It never blocks and may be called at any time.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default: // it will look anyway
	}
}
