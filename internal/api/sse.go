package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// stream writes server-sent events (WHATWG HTML, section 9.2). It is for one goroutine.
//
// A reader may be as slow as it likes: the writer waits for it, and whoever fills the stream
// keeps for it only what it needs (see engine.Watcher).
type stream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf bytes.Buffer // what is added and not flushed yet
}

// streaming is an answer that send fills until it returns or ctx ends. The reader sees the end of the stream,
// never the error: it comes back, and a refusal tells it why it cannot.
func streaming(send func(ctx context.Context, to *stream) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		to := &stream{w: w, rc: http.NewResponseController(w)}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if r.Method == http.MethodHead {
			cancel() // there is nothing to wait for
		}
		// A reader that does not read must not hold up the end of the service.
		defer context.AfterFunc(r.Context(), to.abort)()
		if to.flush() == nil {
			_ = send(ctx, to)
		}
	}}
}

// abort ends what waits for the reader, and the stream with it. It may be called from any goroutine.
func (s *stream) abort() { _ = s.rc.SetWriteDeadline(time.Unix(1, 0)) }

// streamBuffer is how much is sent at once.
const streamBuffer = 64 << 10

// add appends one event to what the next flush sends, and may begin to send it. An id of 0 is left out.
func (s *stream) add(event string, id uint64, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if id > 0 {
		fmt.Fprintf(&s.buf, "id: %d\n", id)
	}
	fmt.Fprintf(&s.buf, "event: %s\ndata: %s\n\n", event, b)
	if s.buf.Len() < streamBuffer {
		return nil
	}
	return s.flush()
}

// flush sends what was added, and waits until the reader has taken it.
func (s *stream) flush() error {
	_, err := s.w.Write(s.buf.Bytes())
	s.buf.Reset()
	if err != nil {
		return err
	}
	return s.rc.Flush()
}
