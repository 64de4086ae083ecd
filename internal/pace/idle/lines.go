package idle

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Line is what leaves by one interface: how the background connections share it now, and what has become of it since the first of them.
// A line that none has used for ten minutes is forgotten, and begins anew.
type Line struct {
	Name        string // of the interface, and whether its own network is meant or what lies behind; as in the log
	Mechanism   Mechanism
	Connections int // that make room for others, those that linger between two requests included
	// Status has neither state nor signal, window, rate or delay without connections, and nothing at all with [SystemMechanism].
	Status
	Spent  map[State]time.Duration // how long there were connections in each state; nil with [SystemMechanism]
	Yields map[Signal]int64        // how often each signal began a yield; nil with [SystemMechanism]
}

// Lines are all lines that are known, by name. It may be called from any goroutine.
func (m *Manager) Lines() []Line {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines, latest := map[string]Line{}, map[string]time.Duration{}
	for _, p := range m.paths {
		name := p.String()
		if used, twice := latest[name]; !twice || p.used > used {
			lines[name], latest[name] = p.show(name), p.used
		}
	}
	for _, l := range m.links {
		if l.path == nil && l.held && l.preferred {
			line := lines[l.at.String()]
			line.Name, line.Mechanism = l.at.String(), SystemMechanism
			line.Connections++
			lines[line.Name] = line
		}
	}
	return slices.SortedFunc(maps.Values(lines), func(a, b Line) int { return cmp.Compare(a.Name, b.Name) })
}

// show is the path as others see it.
func (p *path) show(name string) Line {
	is := p.control.Status()
	if len(p.links) == 0 {
		is = Status{Capacity: is.Capacity, Base: is.Base} // the rest is of the last connection
	}
	return Line{
		Name: name, Mechanism: p.mechanism(), Connections: len(p.links), Status: is,
		Spent: maps.Clone(p.spent), Yields: maps.Clone(p.yields),
	}
}

// tally is what has become of a line. Paths of one name, of interfaces that came and went, have one together.
type tally struct {
	spent  map[State]time.Duration
	yields map[Signal]int64
}

// tallyOf is that of the paths that are called so, or a new one.
func (m *Manager) tallyOf(name string) *tally {
	for _, p := range m.paths {
		if p.String() == name {
			return p.tally
		}
	}
	return &tally{
		spent:  map[State]time.Duration{Ramping: 0, Holding: 0, Yielding: 0, Draining: 0},
		yields: map[Signal]int64{DelaySignal: 0, HostSignal: 0, DeficitSignal: 0, LossSignal: 0, SenderSignal: 0},
	}
}

// count takes note of a step, which came so long after the one before.
func (t *tally) count(elapsed time.Duration, before State, is Status) {
	t.spent[before] += elapsed
	if is.State == Yielding && before != Yielding {
		t.yields[is.Signal]++
	}
}
