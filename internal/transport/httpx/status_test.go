package httpx

import (
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

// TestStatusClass is the whole table, against the rule as the documentation of BITS words it: 300 to 305, 307, 501,
// 505 and all of 4xx but 408 and 409 are fatal, everything else is transient.
func TestStatusClass(t *testing.T) {
	t.Parallel()
	better := map[int]job.Class{
		204: job.Fatal, 205: job.Fatal, // a success without a file
		308: job.Fatal,       // did not exist; like 307
		401: job.NeedsAction, // the job goes to Error just so, and says what it wants
		407: job.NeedsAction,
		429: job.Transient, // with Retry-After
	}
	for status := 100; status <= 599; status++ {
		want := job.Transient
		switch {
		case status >= 300 && status <= 305, status == 307, status == 501, status == 505:
			want = job.Fatal
		case status >= 400 && status <= 499 && status != 408 && status != 409:
			want = job.Fatal
		}
		if own, ok := better[status]; ok {
			want = own
		}
		if got := statusClass(status); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}
