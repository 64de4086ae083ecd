package httpx

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
)

// TestPoolForgets: a client that nobody asks for is gone after a while, and its credentials with it.
func TestPoolForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		http1, err := httpauth.New(httpauth.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var p pool
		c := p.put(&client{http1: http1})
		if other := p.put(&client{http1: http1}); other != c {
			t.Error("two clients with one key")
		}
		for range 3 {
			time.Sleep(clientIdle - time.Second)
			if p.get(c.key, "") != c {
				t.Fatal("forgotten although it is used")
			}
		}
		time.Sleep(clientIdle + time.Second)
		if p.get(c.key, "") != nil {
			t.Error("not forgotten")
		}
		p.drop(c) // once more does no harm
	})
}
