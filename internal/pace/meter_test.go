package pace

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(0)
		job, other := root.Child(0), root.Child(0)
		if got := job.Rate(); got != 0 {
			t.Errorf("before the first byte: %d", got)
		}
		time.Sleep(time.Hour) // idle time before the first byte does not count
		for range 200 {
			time.Sleep(50 * time.Millisecond)
			job.Took(mib, 50*kib)
		}
		within(t, "job", job.Rate(), 1000*kib, 0.02)
		within(t, "root", root.Rate(), 1000*kib, 0.02)
		if got := other.Rate(); got != 0 {
			t.Errorf("a sibling that took nothing: %d", got)
		}
		before := float64(job.Rate())
		time.Sleep(3 * time.Second)
		within(t, "3 s of silence later", job.Rate(), int64(before/math.E), 0.02)
		time.Sleep(time.Hour)
		if got := job.Rate(); got != 0 {
			t.Errorf("an hour later: %d", got)
		}
	})
}

func TestRateSettlesSoonAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := New(0).Child(mib)
		read(t, job, mib, mib)
		within(t, "after 1 s", job.Rate(), mib, 0.05)
	})
}
