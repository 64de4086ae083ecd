package notify

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var sent = time.Unix(1_780_000_000, 0)

func signed(stamp, body, key string) http.Header {
	h := http.Header{}
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, signature([]byte(key), stamp, []byte(body)))
	return h
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const stamp = "1780000000"
	tests := []struct {
		name   string
		change func(http.Header)
		body   string
		key    string
		now    time.Time
		want   error
	}{
		{"as sent", nil, "body", "key", sent, nil},
		{"just in time", nil, "body", "key", sent.Add(time.Minute), nil},
		{"clock behind", nil, "body", "key", sent.Add(-time.Minute), nil},
		{"too old", nil, "body", "key", sent.Add(61 * time.Second), ErrTimestamp},
		{"from the future", nil, "body", "key", sent.Add(-61 * time.Second), ErrTimestamp},
		{"another body", nil, "Body", "key", sent, ErrSignature},
		{"another key", nil, "body", "Key", sent, ErrSignature},
		{"no key", nil, "body", "", sent, ErrSignature},
		{"moved in time", func(h http.Header) { h.Set(HeaderTimestamp, "1780000030") }, "body", "key", sent, ErrSignature},
		{"no timestamp", func(h http.Header) { h.Del(HeaderTimestamp) }, "body", "key", sent, ErrSignature},
		{"no signature", func(h http.Header) { h.Del(HeaderSignature) }, "body", "key", sent, ErrSignature},
		{"empty signature", func(h http.Header) { h.Set(HeaderSignature, "sha256=") }, "body", "key", sent, ErrSignature},
		{"another algorithm", func(h http.Header) {
			h.Set(HeaderSignature, strings.Replace(h.Get(HeaderSignature), "sha256", "sha1", 1))
		}, "body", "key", sent, ErrSignature},
	}
	for _, tt := range tests {
		h := signed(stamp, "body", "key")
		if tt.change != nil {
			tt.change(h)
		}
		if err := Verify(h, []byte(tt.body), []byte(tt.key), tt.now, time.Minute); !errors.Is(err, tt.want) {
			t.Errorf("%s: Verify = %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := Verify(signed("soon", "body", "key"), []byte("body"), []byte("key"), sent, time.Minute); !errors.Is(err, ErrTimestamp) {
		t.Errorf("a timestamp that is no number: Verify = %v, want ErrTimestamp", err)
	}
	if err := Verify(signed("", "body", ""), []byte("body"), nil, sent, time.Minute); !errors.Is(err, ErrSignature) {
		t.Errorf("signed with the empty key: Verify = %v, want ErrSignature", err)
	}
}

// The same with openssl: printf '1780000000.{"id":1}' | openssl dgst -sha256 -hmac key
func TestSignatureIsHMACSHA256(t *testing.T) {
	t.Parallel()
	const want = "sha256=a7be51529d06421f8fb5a8a308f9f415c31822e12f7ca1ad6a9a7e295de07a6f"
	if got := signature([]byte("key"), "1780000000", []byte(`{"id":1}`)); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "-1", "99999999999999999999", "Wed, 21 Oct 2126 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, sent); d < 0 {
			t.Errorf("retryAfter(%q) = %s", value, d)
		}
	})
}

// A receiver checks the signature before it looks at the body.
func ExampleVerify() {
	key := []byte("the key that was set for the job")
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too long", http.StatusRequestEntityTooLarge)
			return
		}
		if err := Verify(r.Header, body, key, time.Now(), 5*time.Minute); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	resp, err := receiver.Client().Post(receiver.URL, "application/json", strings.NewReader(`{"id": 1}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Print(resp.StatusCode, " ", string(text))
	if err != nil {
		fmt.Println(err)
	}
	// Output: 403 the signature is missing or wrong
}
