package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const (
	webhookTimeout = 30 * time.Second // for the whole exchange
	maxAnswer      = 64 << 10         // bytes read of an answer that nobody looks at, to keep the connection
)

// post delivers to the job's webhook: POST with the [Payload] as JSON. 2xx is success, 410 (Gone)
// means never again, anything else is tried again, after Retry-After if the answer has it.
// Redirects are not followed: they would take the job's data where its owner did not send it.
func (n *Notifier) post(ctx context.Context, j job.Job, e *entry, body []byte) *failure {
	ctx, cancel := context.WithTimeout(ctx, n.webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.NotifyURL, bytes.NewReader(body))
	if err != nil {
		return &failure{err: errors.New("the webhook's URL is not valid; set another one"), hopeless: true}
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ebb/"+n.cfg.Version)
	req.Header.Set(HeaderEvent, e.Kind.String())
	req.Header.Set(HeaderDelivery, strconv.FormatUint(e.ID, 10))
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if err := n.sign(ctx, j.ID, req.Header, body); err != nil {
		return &failure{err: fmt.Errorf("cannot sign for the webhook at %s: %w", req.URL.Host, err)}
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return &failure{err: fmt.Errorf("webhook at %s: %w", req.URL.Host, withoutURL(err))}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // an error: the status has said it all
	return judge(req.URL.Host, resp, now)
}

// judge tells by the status whether the webhook took the notice.
func judge(host string, resp *http.Response, now time.Time) *failure {
	code := resp.StatusCode
	text := fmt.Sprintf("webhook at %s answered %d %s", host, code, http.StatusText(code))
	switch {
	case code >= 200 && code <= 299:
		return nil
	case code == http.StatusGone:
		return &failure{err: errors.New(text), hopeless: true}
	case code >= 300 && code <= 399:
		text += "; redirects are not followed, set the URL it leads to"
	}
	return &failure{err: errors.New(text), retryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
}

// sign adds the signature, unless the job has no key. A key that does not open is an error:
// a receiver that expects a signature must not get used to none.
func (n *Notifier) sign(ctx context.Context, id job.ID, h http.Header, body []byte) error {
	key, err := n.cfg.Secret(ctx, id, store.SecretWebhook)
	if errors.Is(err, store.ErrNotFound) || (err == nil && len(key) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(key)
	h.Set(HeaderSignature, signature(key, h.Get(HeaderTimestamp), body))
	return nil
}

// retryAfter parses the header of that name (RFC 9110 section 10.2.3): seconds or a date.
// It is 0 for what is neither, or has passed.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// withoutURL is the cause of an error of http.Client. Many webhooks carry a secret in their
// path or query, so it must not be logged.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
