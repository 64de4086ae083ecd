package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// webhookCall is what a receiver of webhooks was sent.
type webhookCall struct {
	event, signature, signed string // signed: the text that the signature is of
}

// webhook NAME starts a receiver of webhooks; $NAME is its URL.
func webhook(ts *testscript.TestScript, _ bool, args []string) {
	calls := make(chan webhookCall, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- webhookCall{r.Header.Get("Ebb-Event"), r.Header.Get("Ebb-Signature"), r.Header.Get("Ebb-Timestamp") + "." + string(body)}
	}))
	ts.Defer(srv.Close)
	ts.Setenv(args[0], srv.URL)
	serversOf(ts).calls[args[0]] = calls
}

// signed NAME EVENT KEY waits for the webhook's next call, and demands that it is of the event and signed with the key.
func signed(ts *testscript.TestScript, neg bool, args []string) {
	var c webhookCall
	select {
	case c = <-serversOf(ts).calls[args[0]]:
	case <-time.After(30 * time.Second):
		ts.Fatalf("the webhook is not called")
	}
	mac := hmac.New(sha256.New, []byte(args[2]))
	mac.Write([]byte(c.signed))
	want := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if c.event != args[1] || (c.signature == want) == neg {
		ts.Fatalf("%s is told, with the signature %q", c.event, c.signature)
	}
}
