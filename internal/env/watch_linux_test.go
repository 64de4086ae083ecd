package env

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	unknown = network{}
	alone   = network{known: true}
	home    = network{true, "192.0.2.7/24 on 2"}
	away    = network{true, "198.51.100.7/24 on 3"}
)

// stage lets a test play the sources, in virtual time.
type stage struct {
	t        *testing.T
	networks chan network
	said     chan services
	told     chan News
}

func onStage(t *testing.T, play func(*stage)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, networks: make(chan network), said: make(chan services), told: make(chan News, 16)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			fold(ctx, s.networks, s.said, func(n News) { s.told <- n })
		}()
		play(s)
		stop()
		<-done
	})
}

// expect says what must have been told since the last time.
func (s *stage) expect(what string, want ...News) {
	s.t.Helper()
	synctest.Wait()
	var got []News
	for range len(s.told) {
		got = append(got, <-s.told)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFirstNewsWaitsForAllSources(t *testing.T) {
	onStage(t, func(s *stage) {
		s.networks <- home
		s.expect("one has answered")
		s.said <- services{asleep: true}
		s.expect("both have", News{Facts: sched.Facts{Asleep: true}})
		time.Sleep(time.Hour)
		s.expect("nothing changed")
	})
}

func TestFirstNewsWaitsNotForEver(t *testing.T) {
	onStage(t, func(s *stage) {
		s.networks <- home
		time.Sleep(patience)
		s.expect("the bus is slow", News{})
		s.said <- services{}
		s.expect("and has nothing to say")
		s.said <- services{cost: job.CostCapped}
		s.expect("but then has", News{Facts: sched.Facts{Cost: job.CostCapped}})
	})
}

func TestEpochs(t *testing.T) {
	onStage(t, func(s *stage) {
		s.said <- services{}
		s.networks <- alone
		s.expect("no network at first", News{})
		s.networks <- home
		s.expect("the first one", News{Epoch: 1})
		s.networks <- home
		s.expect("the same")
		lost := sched.Facts{Offline: "no network interface is up"}
		s.networks <- alone
		s.expect("lost", News{Facts: lost, Epoch: 1})
		s.networks <- home
		s.expect("back", News{Epoch: 2})

		s.networks <- away
		s.expect("another one, too soon")
		s.networks <- home
		time.Sleep(calm - time.Nanosecond)
		s.expect("and another one")
		time.Sleep(time.Nanosecond)
		s.expect("counts once, and late", News{Epoch: 3})
		time.Sleep(calm)
		s.expect("not again")
		s.networks <- away
		s.expect("another one, after a while", News{Epoch: 4})

		s.networks <- home
		s.networks <- alone
		s.networks <- away
		s.expect("back before the change counted", News{Facts: lost, Epoch: 4}, News{Epoch: 5})
		time.Sleep(calm)
		s.expect("which counts no more")

		s.networks <- unknown
		s.networks <- home
		s.expect("what nobody knew was no change")
	})
}

func TestOfflineNeedsTwoWitnesses(t *testing.T) {
	const nm, kernel = "NetworkManager says that it is disconnected", "no network interface is up"
	for _, tc := range []struct {
		name string
		was  network
		is   network
		says services
		want string
	}{
		{"nobody knows", unknown, unknown, services{}, ""},
		{"a container with loopback alone", alone, alone, services{}, ""},
		{"all interfaces went down", home, alone, services{}, kernel},
		{"all are down, and NetworkManager says so", alone, alone, services{manages: true, disconnected: true}, nm},
		{"all went down, and NetworkManager says so", home, alone, services{manages: true, disconnected: true}, nm},
		{"all are down, but NetworkManager does not mind", home, alone, services{manages: true}, ""},
		{"a network that NetworkManager does not know of", home, home, services{manages: true, disconnected: true}, ""},
		{"only NetworkManager answers", unknown, unknown, services{manages: true, disconnected: true}, ""},
		{"the kernel answers no more", home, unknown, services{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var m machine
			m.see(tc.was)
			m.see(tc.is)
			m.services = tc.says
			if got := m.facts().offline; got != tc.want {
				t.Errorf("offline is %q, want %q", got, tc.want)
			}
		})
	}
}
