package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/job"
)

type request struct {
	method, path string
	header       http.Header
	body         []byte
}

// hook serves a webhook that answers with the given handler. It returns its URL and what arrives.
func hook(t *testing.T, answer http.HandlerFunc) (url string, arrived <-chan request) {
	t.Helper()
	requests := make(chan request, 2000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the request: %v", err)
		}
		requests <- request{r.Method, r.URL.Path, r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func toURL(url string) func(*job.Job) {
	return func(j *job.Job) { j.NotifyURL = url }
}

func TestWebhookGetsTheNotice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url, arrived := hook(t, status(http.StatusOK))
	j := f.newJob(toURL(url + "/hook"))
	f.keys[j.ID] = "key"
	id := f.put(j, job.NoticeFileTransferred)
	want := f.entry()
	stop := f.run()

	got := receive(t, arrived)
	if got.method != http.MethodPost || got.path != "/hook" {
		t.Errorf("%s %s, want POST /hook", got.method, got.path)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "ebb/1.2.3",
		HeaderEvent: "file_transferred", HeaderDelivery: strconv.FormatUint(id, 10),
	} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := Verify(got.header, got.body, []byte("key"), time.Now(), time.Minute); err != nil {
		t.Errorf("Verify = %v", err)
	}
	var payload Payload
	if err := json.Unmarshal(got.body, &payload); err != nil {
		t.Fatalf("%v in %s", err, got.body)
	}
	if diff := cmp.Diff(Payload{ID: id, Event: want.Kind, At: want.At.UTC(), Job: want.Job, File: want.File}, payload, cmp.AllowUnexported(job.Files{})); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	stop()
	if waiting := f.pending(); len(waiting) != 0 {
		t.Errorf("still waiting: %v", waiting)
	}
}

func TestWebhookWithoutKeyIsNotSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url, arrived := hook(t, status(http.StatusNoContent))
	f.put(f.newJob(toURL(url)), job.NoticeTransferred)
	f.run()
	if got := receive(t, arrived); got.header.Values(HeaderSignature) != nil {
		t.Errorf("signature %q, want none", got.header.Values(HeaderSignature))
	}
}

func TestWebhookIsNotCalledUnsignedWhenTheKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Secret = func(context.Context, job.ID, string) ([]byte, error) { return nil, errors.New("sealed") }
	})
	url, arrived := hook(t, status(http.StatusOK))
	j := f.newJob(toURL(url))
	f.put(j, job.NoticeTransferred)
	if got := f.post(t.Context(), j, f.entry(), nil); got == nil || got.hopeless || !strings.Contains(got.Error(), "sealed") {
		t.Errorf("post = %v, want to try again because of the key", got)
	}
	if len(arrived) != 0 {
		t.Error("the webhook was called")
	}
}

func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	const tryAgain, giveUp = "try again", "give up"
	tests := []struct {
		code       int
		retryAfter string
		want       string
		wait       time.Duration
	}{
		{200, "", "", 0},
		{204, "", "", 0},
		{299, "7", "", 0},
		{301, "", tryAgain, 0},
		{307, "", tryAgain, 0},
		{400, "", tryAgain, 0},
		{404, "", tryAgain, 0},
		{410, "7", giveUp, 0},
		{429, "7", tryAgain, 7 * time.Second},
		{500, "", tryAgain, 0},
		{503, "Thu, 01 Jan 1970 00:00:10 GMT", tryAgain, 0},
		{503, "-7", tryAgain, 0},
		{503, "junk", tryAgain, 0},
	}
	for _, tt := range tests {
		t.Run(strconv.Itoa(tt.code)+" "+tt.retryAfter, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			url, arrived := hook(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.WriteHeader(tt.code)
				_, _ = io.CopyN(w, zeros{}, 1<<20) // nobody is interested in it
			})
			t.Cleanup(f.client.CloseIdleConnections)
			j := f.newJob(toURL(url + "/token?token=hush"))
			f.put(j, job.NoticeTransferred)
			got := f.post(t.Context(), j, f.entry(), []byte("{}"))
			verdict := ""
			if got != nil {
				verdict = tryAgain
				if got.hopeless {
					verdict = giveUp
				}
				if got.retryAfter != tt.wait || !strings.Contains(got.Error(), strconv.Itoa(tt.code)) || strings.Contains(got.Error(), "hush") {
					t.Errorf("failure %q with Retry-After %s; want the status, no token and %s", got, got.retryAfter, tt.wait)
				}
			}
			if verdict != tt.want || len(arrived) != 1 {
				t.Errorf("verdict %q after %d requests, want %q after 1", verdict, len(arrived), tt.want)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	if got := retryAfter(sent.Add(90*time.Second).UTC().Format(http.TimeFormat), sent); got != 90*time.Second {
		t.Errorf("retryAfter = %s, want 1m30s", got)
	}
}

func TestWebhookErrorTellsNoPath(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j := f.newJob(toURL("http://127.0.0.1:1/services/hush?token=hush"))
	f.put(j, job.NoticeTransferred)
	got := f.post(t.Context(), j, f.entry(), nil)
	if got == nil || got.hopeless || strings.Contains(got.Error(), "hush") || !strings.Contains(got.Error(), "127.0.0.1:1") {
		t.Errorf("failure %v; want one with the host and without the path", got)
	}
}

func TestWebhookTimesOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.webhookTimeout = 50 * time.Millisecond
	url, _ := hook(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	j := f.newJob(toURL(url))
	f.put(j, job.NoticeTransferred)
	if got := f.post(t.Context(), j, f.entry(), nil); got == nil || !errors.Is(got.err, context.DeadlineExceeded) {
		t.Errorf("failure %v, want a timeout", got)
	}
}

func TestWebhookThatIsGoneEndsTheWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url, arrived := hook(t, status(http.StatusGone))
	j := f.newJob(toURL(url))
	f.put(j, job.NoticeTransferred)
	f.put(j, job.NoticeAcknowledged)
	stop := f.run()
	receive(t, arrived)
	receive(t, arrived)
	stop()
	if waiting := f.pending(); len(waiting) != 0 || len(arrived) != 0 {
		t.Errorf("%d notices wait and %d more requests came, want 0 and 0", len(waiting), len(arrived))
	}
	f.log.want(t, "webhook given up", "410 Gone")
}
