package job

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTexts writes and reads every value of every type that has names.
func TestTexts(t *testing.T) {
	t.Parallel()
	roundTrip(t, State(0), 9)
	roundTrip(t, Intent(0), 3)
	roundTrip(t, Type(0), 3)
	roundTrip(t, Priority(0), 4)
	roundTrip(t, Class(0), 3)
	roundTrip(t, Context(0), 9)
	roundTrip(t, Notice(0), 5)
}

// roundTrip checks that the values 0 to n-1 have names of their own and the others none.
func roundTrip[T interface {
	~int
	fmt.Stringer
	encoding.TextMarshaler
}](t *testing.T, _ T, n int,
) {
	t.Helper()
	unmarshal := func(to *T, text string) error { return any(to).(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) }
	seen := map[string]bool{}
	for v := range T(n) {
		text, err := v.MarshalText()
		if err != nil || string(text) != v.String() || seen[string(text)] {
			t.Errorf("%T %d is written %q, %v", v, int(v), text, err)
		}
		seen[string(text)] = true
		back := T(-1)
		if err := unmarshal(&back, string(text)); err != nil || back != v {
			t.Errorf("%T: %q reads as %d, %v; want %d", v, text, int(back), err, int(v))
		}
	}
	for _, v := range []T{-1, T(n)} {
		if got, want := v.String(), fmt.Sprintf("(%d)", int(v)); !strings.HasSuffix(got, want) {
			t.Errorf("%T %d is written %q", v, int(v), got)
		}
	}
	to := T(1)
	if err := unmarshal(&to, "no such name"); err == nil || to != 1 || !strings.Contains(err.Error(), "no such name") {
		t.Errorf("%T: a name that does not exist reads as %d, %v", to, int(to), err)
	}
}

// TestNumbersOfBITS pins what other programs may rely on.
func TestNumbersOfBITS(t *testing.T) {
	t.Parallel()
	for want, got := range []State{Queued, Connecting, Transferring, Suspended, InError, TransientError, Transferred, Acknowledged, Cancelled} {
		if int(got) != want {
			t.Errorf("%v is %d, in BITS %d", got, int(got), want)
		}
	}
	for want, got := range []Priority{Foreground, High, Normal, Low} {
		if int(got) != want {
			t.Errorf("%v is %d, in BITS %d", got, int(got), want)
		}
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code      Code
		name, hex string
		status    int
	}{
		{OK, "S_OK", "0x00000000", 0},
		{Empty, "BG_E_EMPTY", "0x80200003", 0},
		{DiskFull, "ERROR_DISK_FULL", "0x80070070", 0},
		{HTTPStatus(404), "BG_E_HTTP_ERROR_404", "0x80190194", 404},
		{HTTPStatus(99), "0x80190063", "0x80190063", 0},
		{0xDEADBEEF, "0xDEADBEEF", "0xDEADBEEF", 0},
	} {
		if tc.code.String() != tc.name || tc.code.Hex() != tc.hex || tc.code.HTTP() != tc.status {
			t.Errorf("got %s, %s, %d; want %s, %s, %d", tc.code, tc.code.Hex(), tc.code.HTTP(), tc.name, tc.hex, tc.status)
		}
		for _, text := range []string{tc.hex, strings.ToLower(tc.hex[2:])} {
			var back Code
			if err := back.UnmarshalText([]byte(text)); err != nil || back != tc.code {
				t.Errorf("%q reads as %v, %v", text, back, err)
			}
		}
	}
	seen := map[string]Code{}
	for _, row := range codeRows {
		if other, twice := seen[row.name]; twice {
			t.Errorf("%s is both %s and %s", row.name, row.code.Hex(), other.Hex())
		}
		seen[row.name] = row.code
	}
	for _, text := range []string{"", "0x", "BG_E_EMPTY", "0x123456789", "-1"} {
		if err := new(Code).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as a code", text)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"10m0s": 10 * time.Minute, "336h0m0s": DefaultNoProgressTimeout, "0s": 0} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want || d.String() != text {
			t.Errorf("%q reads as %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "10", "-1s", "1 day", "99999999999h"} {
		if err := new(Duration).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as a duration", text)
		}
	}
}

// TestJobAsJSON: what a store writes, it reads back.
func TestJobAsJSON(t *testing.T) {
	t.Parallel()
	for _, s := range States() {
		j := in(t, s, NoIntent)
		b, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		var back Job
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		back = back.WithFiles(j.Files)
		if got, want := dump(t, back), dump(t, j); got != want {
			t.Errorf("%v: read back as\n%s\nwant\n%s", s, got, want)
		}
		if back.State != s || !back.RetryAt.Equal(j.RetryAt) || back.Totals != j.Totals {
			t.Errorf("%v: read back as %v, %v, %+v", s, back.State, back.RetryAt, back.Totals)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for want, e := range map[string]*Error{
		"text":       {Text: "text", Err: cause, Code: DiskFull},
		"cause":      {Err: cause, Code: DiskFull},
		"BG_E_EMPTY": {Code: Empty},
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
		if errors.Is(e, cause) != (e.Err != nil) {
			t.Errorf("%q does not lead to its cause", want)
		}
	}
}

func TestRemedy(t *testing.T) {
	t.Parallel()
	const id = "3f2a41c7-0000-4000-8000-000000000001"
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{&Error{Code: HTTPStatus(401)}, "for other credentials: ebb credentials set 3f2a41c7; then: ebb resume 3f2a41c7"},
		{&Error{Code: HTTPStatus(407)}, "for other credentials: ebb credentials set 3f2a41c7 --target proxy; then: ebb resume 3f2a41c7"},
		{&Error{Code: DiskFull}, "once that is cleared: ebb resume 3f2a41c7"},
		{nil, "once that is cleared: ebb resume 3f2a41c7"},
	} {
		if got := (Job{ID: id, Error: tt.err}).Remedy(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
	if got := ID("3f2").Short(); got != "3f2" {
		t.Errorf("a short ID is %q", got)
	}
}

func TestValidators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		v      Validator
		strong bool
		etag   string
	}{
		{Validator{}, false, ""},
		{Validator{ETag: `"a"`}, true, `"a"`},
		{Validator{ETag: `W/"a"`}, false, ""},
		{Validator{ETag: `W/"a"`, LastModified: "Sun, 06 Nov 1994 08:49:37 GMT"}, true, ""},
		{Validator{ETag: `"`}, false, ""},
		{Validator{ETag: "a"}, false, ""},
	} {
		if tc.v.Strong() != tc.strong || tc.v.StrongETag() != tc.etag {
			t.Errorf("%+v: strong %v, ETag %q", tc.v, tc.v.Strong(), tc.v.StrongETag())
		}
	}
}
