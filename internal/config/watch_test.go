package config

import (
	"context"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// report is what Watch said.
type report struct {
	rate   int64
	failed bool
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "[limits]\nrate = 1")
		current, err := File{Path: path}.Load()
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		reports := make(chan report, 100)
		done := make(chan struct{})
		go func() {
			defer close(done)
			File{Path: path}.Watch(ctx, current, func(c Config, err error) { reports <- report{c.Limits.Rate, err != nil} })
		}()
		save := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const never = -1
		expect := func(what string, within time.Duration, want report) {
			t.Helper()
			time.Sleep(within)
			synctest.Wait()
			select {
			case got := <-reports:
				if got != want {
					t.Errorf("%s: got %+v, want %+v", what, got, want)
				}
			default:
				if want.rate != never {
					t.Errorf("%s: nothing was reported, want %+v", what, want)
				}
			}
		}
		silence := report{rate: never}

		expect("nothing changed", time.Minute, silence)
		save("[limits]\nrate = 22")
		expect("a change", 4*time.Second, report{22, false})
		expect("that change again", time.Minute, silence)

		save("[limits]\nrate = 333")
		expect("a file in the making", 3*time.Second, silence)
		save("[limits]\nrate = 4444")
		expect("still in the making", 2*time.Second, silence)
		expect("a file at rest", 2*time.Second, report{4444, false})

		save("[limits]\nrate = 4444 # a comment")
		expect("a comment", time.Minute, silence)
		save("[limits]\nrate = 'no'")
		expect("a mistake", 4*time.Second, report{4444, true})
		expect("that mistake again", time.Minute, silence)
		save("[limits]\nrate = 4444")
		expect("the mistake is undone", 4*time.Second, report{4444, false})

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect("deleted", 4*time.Second, report{0, false})
		save("[limits]\nrate = 55555")
		expect("made anew", 4*time.Second, report{55555, false})
		stop()
		<-done
	})
}

// What EBB_CONFIG names is missed when it is deleted, though what it said stays in force.
func TestWatchMissesANamedFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = "[network]\nforbid_cleartext = true"
		f := File{Path: write(t, text), Named: true}
		current, err := f.Load()
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var failures []bool
		go f.Watch(ctx, current, func(c Config, err error) {
			if failures = append(failures, err != nil); !c.Network.ForbidCleartext {
				t.Errorf("it fell back to %+v", c.Network)
			}
		})
		if err := os.Remove(f.Path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		stop()
		synctest.Wait()
		if !slices.Equal(failures, []bool{true, false}) {
			t.Errorf("the reports failed: %v; want one for the deleted file, then one that it is back", failures)
		}
	})
}

// What changes between Load and Watch must not be missed.
func TestWatchReportsWhatChangedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		changed := 0
		go File{Path: write(t, "[limits]\nrate = 1")}.Watch(ctx, Default(), func(Config, error) { changed++ })
		time.Sleep(4 * time.Second)
		stop()
		synctest.Wait()
		if changed != 1 {
			t.Errorf("reported %d times, want once", changed)
		}
	})
}
