package idle

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// moody is a controller that is told its status: next holds from the next step on.
type moody struct{ is, next Status }

func (m *moody) Step(_ time.Duration, conns []Sample, _ Surroundings) ([]int64, time.Duration) {
	m.is = m.next
	return make([]int64, len(conns)), time.Hour
}

func (m *moody) Status() Status { return m.is }

// newMoodyRig is a rig whose only controller it returns.
func newMoodyRig(t *testing.T, begin Status) (*rig, *moody) {
	r, mood := newRig(t), &moody{begin, begin}
	r.control = func(uint64) controller { return mood }
	return r, mood
}

// only is the line that there is.
func (r *rig) only() Line {
	r.t.Helper()
	lines := r.Lines()
	if len(lines) != 1 {
		r.t.Fatalf("%d lines, want one: %+v", len(lines), lines)
	}
	return lines[0]
}

func TestLineCountsStatesAndYields(t *testing.T) {
	t.Parallel()
	r, mood := newMoodyRig(t, Status{State: Ramping})
	c, _ := dial(t)
	r.Flow(1).Use(c)
	p := r.links[end{conn: c}].path
	begin, began := p.used, r.only().Spent[Ramping]
	for _, step := range []struct {
		at     time.Duration
		state  State
		signal Signal
	}{
		{2 * time.Second, Yielding, DelaySignal},
		{5 * time.Second, Holding, DelaySignal},
		{6 * time.Second, Yielding, HostSignal},
		{8 * time.Second, Yielding, DelaySignal}, // the same one
		{9 * time.Second, Draining, DelaySignal},
		{13 * time.Second, Yielding, HostSignal},
	} {
		mood.next = Status{State: step.state, Signal: step.signal, Window: 9, Rate: 8, Capacity: 7, Base: 6, Delay: 5}
		p.step(begin+step.at, r.log)
	}
	want := Line{
		Name: "lo", Mechanism: WindowMechanism, Connections: 1, Status: mood.next,
		Spent:  map[State]time.Duration{Ramping: began + 2*time.Second, Yielding: 6 * time.Second, Holding: time.Second, Draining: 4 * time.Second},
		Yields: map[Signal]int64{DelaySignal: 1, HostSignal: 2, DeficitSignal: 0, LossSignal: 0, SenderSignal: 0},
	}
	if diff := cmp.Diff(want, r.only()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLineAtRest(t *testing.T) {
	t.Parallel()
	r, _ := newMoodyRig(t, Status{State: Holding, Signal: DelaySignal, Window: 9, Rate: 8, Capacity: 7, Base: 6, Delay: 5})
	c, _ := dial(t)
	f := r.Flow(1)
	f.Use(c)
	p := r.links[end{conn: c}].path
	r.forget(r.links[end{conn: c}])
	rest := r.only()
	if want := (Status{Capacity: 7, Base: 6}); rest.Status != want || rest.Connections != 0 {
		t.Errorf("without connections there are %d, and the status is %+v, want %+v", rest.Connections, rest.Status, want)
	}
	p.used -= time.Hour
	f.Use(c)
	if is := r.only(); is.Spent[Holding] >= time.Minute || is.Connections != 1 {
		t.Errorf("the hour without connections counts: %v in %+v", is.Spent[Holding], is)
	}
}

// An interface that comes back is another one for the kernel, and the same line for people.
func TestLinesOfOneNameAreOne(t *testing.T) {
	t.Parallel()
	r, mood := newMoodyRig(t, Status{State: Holding})
	index := 0
	r.locate = func(*net.TCPConn) (place, bool) { index++; return place{index: index, name: "tun0"}, true }
	for range 2 {
		c, _ := dial(t)
		mood.is, mood.next = Status{State: Holding}, Status{State: Yielding, Signal: LossSignal}
		r.Flow(1).Use(c)
		if index == 1 {
			r.forget(r.links[end{conn: c}])
		}
	}
	if is := r.only(); len(r.paths) != 2 || is.Name != "tun0" || is.Connections != 1 || is.Yields[LossSignal] != 2 {
		t.Errorf("of %d paths: %+v", len(r.paths), is)
	}
}

func TestLineOfTheSystem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		c, _ := dial(t)
		r.links[end{conn: c}] = &link{held: true, preferred: true, at: place{index: 2, name: "en0", near: true}}
	}
	c, _ := dial(t)
	r.links[end{conn: c}] = &link{at: place{index: 2, name: "en0"}} // in the foreground by now
	want := Line{Name: "en0, local network", Mechanism: SystemMechanism, Connections: 2}
	if diff := cmp.Diff(want, r.only()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
