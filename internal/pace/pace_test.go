package pace

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read takes total bytes from n in reads of at most size, and returns how long that took.
func read(t *testing.T, n *Node, total, size int) time.Duration {
	t.Helper()
	start := time.Now()
	for total > 0 {
		granted, err := n.Wait(t.Context(), min(size, total))
		if err != nil {
			t.Errorf("Wait: %v", err)
			break
		}
		if granted < 1 || granted > min(size, total) {
			t.Errorf("Wait granted %d of %d", granted, min(size, total))
			break
		}
		n.Took(granted, granted)
		total -= granted
	}
	return time.Since(start)
}

// within fails the test unless got is want ± share of it.
func within[T ~int64](t *testing.T, what string, got, want T, share float64) {
	t.Helper()
	if math.Abs(float64(got-want)) > share*float64(want) {
		t.Errorf("%s: got %v, want %v ± %v %%", what, got, want, 100*share)
	}
}

func TestOneReaderTakesExactlyItsTime(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rate        int64
		total, size int
		want        time.Duration
	}{
		{"1 MiB/s", mib, 10 * mib, mib, 10 * time.Second},
		{"small reads", mib, 10 * mib, 1000, 10 * time.Second},
		{"1 GiB/s", 1 << 30, 10 << 30, mib, 10 * time.Second},
		{"a trickle", 100, 1000, mib, 10 * time.Second},
		{"one byte per second", 1, 3600, mib, time.Hour},
		{"no limit", 0, 10 << 30, mib, 0},
		{"negative is no limit", -1, 10 << 30, mib, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := New(0).Child(0).Child(tt.rate)
				if got := read(t, job, tt.total, tt.size); got != tt.want {
					t.Errorf("%d bytes at %d/s took %v, want %v", tt.total, tt.rate, got, tt.want)
				}
			})
		})
	}
}

func TestTwoReadersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(mib)
		var wg sync.WaitGroup
		for range 2 {
			job := root.Child(0)
			wg.Go(func() { within(t, "5 MiB of 10", read(t, job, 5*mib, mib), 10*time.Second, 0.01) })
		}
		wg.Wait()
	})
}

func TestChildSlowerThanItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		global := New(mib)
		class := global.Child(0)
		slow, fast := class.Child(256*kib), class.Child(0)
		var wg sync.WaitGroup
		wg.Go(func() { within(t, "the slow job", read(t, slow, 2560*kib, mib), 10*time.Second, 0.01) })
		wg.Go(func() { within(t, "the job with the rest", read(t, fast, 7680*kib, mib), 10*time.Second, 0.01) })
		wg.Wait()
		within(t, "measured at the root", global.Rate(), mib, 0.01)
	})
}

func TestParentSlowerThanItsChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		class := New(100 * mib).Child(mib)
		var wg sync.WaitGroup
		for range 4 {
			job := class.Child(10 * mib)
			wg.Go(func() { within(t, "a quarter", read(t, job, mib, mib), 4*time.Second, 0.02) })
		}
		wg.Wait()
	})
}

// Those who wait for their own node hold up nobody.
func TestSlowSiblingsDoNotDelayEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		class := New(100 * mib).Child(0)
		var wg sync.WaitGroup
		for _, rate := range []int64{mib, 10, 64 * kib, 1} {
			job := class.Child(rate)
			wg.Go(func() {
				if got := read(t, job, int(10*rate), mib); got != 10*time.Second {
					t.Errorf("10 s worth at %d B/s took %v", rate, got)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

// A job with many connections gets what a job with one gets.
func TestSiblingsShareByNodeNotByReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(mib)
		big, small := root.Child(0), root.Child(0)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for {
					if _, err := big.Wait(ctx, mib); err != nil {
						return
					}
				}
			})
		}
		within(t, "1 MiB of 2", read(t, small, mib, mib), 2*time.Second, 0.02)
		stop()
		wg.Wait()
	})
}

// Classes below one parent share it whatever the number of jobs in each.
func TestClassesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(mib)
		busy, quiet := root.Child(0), root.Child(0)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			job := busy.Child(0)
			wg.Go(func() {
				for {
					if _, err := job.Wait(ctx, mib); err != nil {
						return
					}
				}
			})
		}
		within(t, "the only job of its class", read(t, quiet.Child(0), mib, mib), 2*time.Second, 0.02)
		stop()
		wg.Wait()
	})
}

func TestSetRateReachesThoseWhoWait(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before int64
		after  int64
		want   time.Duration // for 4 MiB, the rate changing after 1 s
	}{
		{"up", mib, 3 * mib, 2 * time.Second},
		{"down", 2 * mib, mib, 3 * time.Second},
		{"unlimited", mib, 0, time.Second},
		{"out of a stall", 1, mib, 5 * time.Second},
	} {
		for _, at := range []string{"job", "global"} {
			t.Run(tt.name+" at "+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					global := New(0)
					job := global.Child(0).Child(0)
					n := map[string]*Node{"job": job, "global": global}[at]
					n.SetRate(tt.before)
					time.AfterFunc(time.Second, func() { n.SetRate(tt.after) })
					within(t, "4 MiB", read(t, job, 4*mib, mib), tt.want, 0.01)
					if got := n.Limit(); got != tt.after {
						t.Errorf("Limit() = %d, want %d", got, tt.after)
					}
				})
			})
		}
	}
}

// After a pause a node grants its burst at once and not a byte more.
func TestBurst(t *testing.T) {
	for _, tt := range []struct {
		name       string
		rate, want int64
	}{
		{"a tenth of a second", 10 * mib, mib},
		{"16 KiB at least", 64 * kib, 16 * kib},
		{"1 GiB at most", 1 << 40, 1 << 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := New(tt.rate).Child(0)
				time.Sleep(time.Hour)
				start, got := time.Now(), int64(0)
				for {
					granted, err := job.Wait(t.Context(), mib)
					if err != nil {
						t.Fatal(err)
					}
					if time.Since(start) > 0 {
						break
					}
					got += int64(granted)
				}
				if got != tt.want {
					t.Errorf("%d bytes at once, want %d", got, tt.want)
				}
			})
		})
	}
}

// Neither a lower rate nor bytes given back leave more in a bucket than its burst.
func TestBurstIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(100 * mib)
		time.Sleep(time.Hour)
		root.SetRate(64 * kib) // 10 MiB in the bucket, 16 KiB allowed
		within(t, "80 KiB after a lower rate", read(t, root, 80*kib, mib), time.Second, 0)
		for range 2 { // the bucket is full when the latter comes, so that both together are too much
			time.Sleep(time.Hour)
			if granted, err := root.Wait(t.Context(), mib); granted != 8*kib || err != nil {
				t.Fatalf("Wait = %d, %v", granted, err)
			}
		}
		root.Took(8*kib, 0)
		root.Took(8*kib, 0)
		within(t, "80 KiB after bytes came back", read(t, root, 80*kib, mib), time.Second, 0)
		time.Sleep(time.Hour)
		root.SetRate(0)
		root.SetRate(64 * kib)
		within(t, "64 KiB after a moment without limit", read(t, root, 64*kib, mib), time.Second, 0)
	})
}

func TestGrantIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(0)
		job := root.Child(0)
		for _, tt := range []struct {
			rate int64
			want int
		}{{0, mib}, {1 << 40, 16 * kib}, {64 * kib, 8 * kib}, {1, 1}} {
			root.SetRate(tt.rate)
			if got, err := job.Wait(t.Context(), mib); got != tt.want || err != nil {
				t.Errorf("at %d B/s: granted %d, %v, want %d", tt.rate, got, err, tt.want)
			}
		}
		if got, err := job.Wait(t.Context(), 0); got != 0 || err != nil {
			t.Errorf("nothing wanted: granted %d, %v", got, err)
		}
	})
}

func TestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(16 * kib)
		job := root.Child(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		if granted, err := job.Wait(ctx, mib); granted != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %d, %v, want the deadline", granted, err)
		}
		if got := time.Since(start); got != time.Millisecond {
			t.Errorf("Wait ended after %v", got)
		}
		if granted, err := job.Wait(ctx, mib); granted != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait with an ended context = %d, %v", granted, err)
		}
		if root.tree.waiting != 0 || len(root.turns) != 0 || len(job.turns) != 0 || len(job.waiters) != 0 {
			t.Error("the cancelled wait is still in a queue")
		}
		if root.tree.timer.Stop() {
			t.Error("the timer runs on with nobody waiting")
		}
		// What the cancelled wait would have been granted is there for the next one.
		within(t, "16 KiB", time.Since(start)+read(t, job, 16*kib, mib), time.Second, 0)
	})
}

// Whoever cancels leaves the queue, and the others keep their places in it.
func TestCancelKeepsTheOrderOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(8)
		first, second := root.Child(0), root.Child(0)
		ctx, cancel := context.WithCancel(t.Context())
		order := make(chan string, 3)
		var wg sync.WaitGroup
		for _, w := range []struct {
			name string
			ctx  context.Context
			node *Node
		}{
			{"cancelled", ctx, first},
			{"first", t.Context(), first},
			{"second", t.Context(), second},
		} {
			wg.Go(func() {
				if _, err := w.node.Wait(w.ctx, 1); err == nil {
					order <- w.name
				}
			})
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		close(order)
		var got []string
		for name := range order {
			got = append(got, name)
		}
		if want := []string{"first", "second"}; !slices.Equal(got, want) {
			t.Errorf("served %q, want %q", got, want)
		}
	})
}

func TestUnreadBytesGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(mib)
		job := root.Child(mib)
		start := time.Now()
		for range mib / kib { // 1 KiB of each 16 KiB grant
			granted, err := job.Wait(t.Context(), mib)
			if err != nil {
				t.Fatal(err)
			}
			job.Took(granted, kib)
		}
		within(t, "1 MiB in short reads", time.Since(start), time.Second, 0.02)
		within(t, "measured", job.Rate(), mib, 0.02)
	})
}

// A read that was under way when a limit came has paid nothing, and what it leaves is nobody's.
func TestOnlyWhatWasPaidGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(0)
		job := root.Child(0)
		granted, err := job.Wait(t.Context(), mib)
		if err != nil {
			t.Fatal(err)
		}
		job.SetRate(kib)
		job.Took(granted, 1)
		within(t, "1 KiB after the limit has come", read(t, job, kib, kib), time.Second, 0.02)

		granted, err = job.Wait(t.Context(), kib)
		if err != nil {
			t.Fatal(err)
		}
		job.SetRate(0)
		job.SetRate(kib)
		job.Took(granted, 0)
		within(t, "1 KiB after the limit has come again", read(t, job, kib, kib), time.Second, 0.02)
	})
}

func TestRefundWakesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := New(8)
		a, b := root.Child(0), root.Child(0)
		granted, err := a.Wait(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := read(t, b, 1, 1); got != 0 {
				t.Errorf("waited %v for bytes that were given back", got)
			}
		})
		synctest.Wait()
		a.Took(granted, 0)
		wg.Wait()
	})
}
