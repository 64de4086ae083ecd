package idle

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// minTick bounds how often a controller is asked.
	minTick = time.Millisecond
	// countEvery bounds how often the interfaces are asked: other traffic counts over a much longer time.
	countEvery = 25 * time.Millisecond
	// lingering is how long a connection without a request stays with its path: the next request often follows at once.
	lingering = 500 * time.Millisecond
	// remembered is how long a path is known that has no connection.
	remembered = 10 * time.Minute
	never      = time.Duration(math.MaxInt64)
)

// Manager watches the connections of all background transfers of a process and holds them to what their lines have left. Its
// methods, and those of its flows, may be called from any goroutine.
type Manager struct {
	log     *slog.Logger
	control func(seed uint64) controller
	windows bool // can be held
	locate  func(*net.TCPConn) (place, bool)
	start   time.Time     // zero of all clocks
	wake    chan struct{} // tells Run that due has changed; holds one

	mu       sync.Mutex // guards all below, and what is in flows, links, paths and lines
	marking  bool
	links    map[end]*link // those with requests, and those that linger
	paths    map[place]*path
	lines    map[int]*line // by index of the interface
	counters counters
	counted  time.Duration // when the interfaces were asked last
	lastID   uint64
	due      time.Duration // of the next step
}

// controller is what a path needs of a [Controller].
type controller interface {
	Step(now time.Duration, conns []Sample, s Surroundings) (windows []int64, again time.Duration)
	Status() Status
}

// New returns a manager without flows. It marks packets (see [Manager.Mark]).
func New(log *slog.Logger) *Manager {
	return &Manager{
		log: log, control: func(seed uint64) controller { return NewController(seed) }, windows: windowed, locate: locate,
		start: time.Now(), wake: make(chan struct{}, 1), marking: true, due: never,
		links: map[end]*link{}, paths: map[place]*path{}, lines: map[int]*line{},
	}
}

// Run paces the background connections until ctx ends. Without any, it sleeps. It must run, once, as long as flows are used.
func (m *Manager) Run(ctx context.Context) {
	timer := time.NewTimer(never)
	defer timer.Stop()
	defer m.end()
	var probes sync.WaitGroup
	defer probes.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-timer.C:
		}
		m.probe(ctx, &probes)
		timer.Reset(m.tick())
	}
}

// tick makes the step that is due, and returns how long it is until the next one.
func (m *Manager) tick() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.due <= m.now() {
		m.step()
	}
	return m.due - m.now()
}

// end leaves all connections alone.
func (m *Manager) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		m.free(l)
	}
	m.counters.close()
}

// Mark says whether what background connections send is marked as Lower-Effort (RFC 8622), so that networks that know the mark let
// everything else go first. It holds for the connections of now as well. On Windows, programs cannot mark.
func (m *Manager) Mark(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marking = on
	for _, l := range m.links {
		if l.held {
			l.mark(on)
		}
	}
}

// Flow returns a new transfer, such as a job, that has all its connections beside each other count as much as weight says. Flows share
// a line by weight. 0 is the foreground, where nothing is held back.
func (m *Manager) Flow(weight int) *Flow {
	return newFlow(m, &whole{weight: weight, parts: map[*Flow]struct{}{}})
}

func (m *Manager) now() time.Duration { return time.Since(m.start) }

// step looks at all background connections and sets their windows. The caller holds m.mu.
func (m *Manager) step() {
	now := m.now()
	counting := now-m.counted >= countEvery
	if counting {
		m.counted = now
		for _, l := range m.lines { // before the connections, so that what comes meanwhile is not taken for that of others
			l.in.read, l.out.read = m.counters.of(l.index)
		}
	}
	for _, l := range m.links {
		switch {
		case l.path == nil:
		case len(l.flows) == 0 && now-l.left >= lingering:
			m.leave(l)
		default:
			if err := l.look(now); err != nil {
				m.forget(l) // it is closed, as a rule
			}
		}
	}
	if counting {
		for _, l := range m.lines {
			l.in.settle()
			l.out.settle()
		}
	}
	m.due = never
	for _, p := range m.paths {
		switch {
		case len(p.links) == 0:
		case p.prober != nil:
			m.due = min(m.due, p.prober.due())
		default:
			m.due = min(m.due, now+max(p.step(now, m.log), minTick))
		}
	}
}

// alarm has Run sleep until due.
func (m *Manager) alarm() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// settle has the connection treated as its flows want. The caller holds m.mu.
func (m *Manager) settle(l *link) {
	switch {
	case len(l.flows) == 0 && l.path != nil:
		l.left = m.now()
	case len(l.flows) == 0:
		m.leave(l)
	case l.foreground():
		m.free(l)
	case !l.held:
		m.hold(l)
	}
}

// hold makes the connection one of the background.
func (m *Manager) hold(l *link) {
	at, ok := m.locate(l.conn)
	if !ok {
		return // nobody shares that line
	}
	at.up = l.up
	l.held, l.at = true, at
	l.prefer(false)
	l.mark(m.marking)
	switch {
	case m.windows:
		m.join(l, at)
		m.step()
		m.alarm()
	case !l.preferred:
		m.join(l, at)
		m.pace(l)
	}
}

// join puts the connection among those of its path.
func (m *Manager) join(l *link, at place) {
	p := m.paths[at]
	if p == nil {
		m.forgetPaths()
		p = &path{place: at, control: m.control(rand.Uint64()), tally: m.tallyOf(at.String())}
		m.paths[at] = p
	}
	if len(p.links) == 0 {
		p.used = m.now()
	}
	if m.lines[at.index] == nil {
		m.lines[at.index] = newLine(at.index)
	}
	l.path, l.line = p, m.lines[at.index]
	l.line.links++
	m.lastID++
	l.begin(m.lastID)
	p.links = append(p.links, l)
}

// forgetPaths drops what is known of paths that have not been used for long.
func (m *Manager) forgetPaths() {
	now := m.now()
	for at, p := range m.paths {
		if len(p.links) == 0 && now-p.used > remembered {
			delete(m.paths, at)
		}
	}
}

// free gives the connection all the window it can have.
func (m *Manager) free(l *link) {
	if !l.held {
		return
	}
	l.held = false
	m.part(l)
	l.prefer(true)
	l.mark(false)
	l.open()
	l.admit()
}

// part takes the connection out of its path.
func (m *Manager) part(l *link) {
	if l.path == nil {
		return
	}
	l.path.remove(l)
	if l.line.links--; l.line.links == 0 {
		delete(m.lines, l.line.index)
	}
	l.path, l.line = nil, nil
}

// leave forgets a connection that nobody uses any more.
func (m *Manager) leave(l *link) {
	m.free(l)
	delete(m.links, l.end)
}

// forget forgets a connection that is closed.
func (m *Manager) forget(l *link) {
	m.part(l)
	for f := range l.flows {
		f.drop(l)
		f.admit()
	}
	delete(m.links, l.end)
}
