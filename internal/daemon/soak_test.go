//go:build integration && linux

package daemon_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

var soakFor = flag.Duration("soak", time.Minute, "how long TestSoak makes trouble")

const (
	soakClients = 8
	soakJobs    = 2000
	soakSettle  = 3 * time.Minute  // for what is left to be transferred in peace
	soakMemory  = 256 << 20        // bytes that the daemon may have resident
	killEvery   = 20 * time.Second // of a long run; a short one has ten kills all the same
	mostlyWell  = 0.3              // of the answers are not as they should be
)

// soak is 2,000 jobs of 8 clients, on a daemon behind a network of its own, and a server with moods.
type soak struct {
	*testing.T
	p       *process
	wire    *wire
	server  *ebbtest.Moody
	clients []*soakClient
	memory  []int64 // the most that each process had resident
	jumps   int
}

// TestSoak makes trouble for as long as -soak says: clients that command at random, a server that misbehaves in twelve ways, a
// network that is cut, a clock that jumps by hours while the daemon is dead, and kill -9. Then every job must be what its
// history implies, every file that has its name must be right, nothing may be left behind, and memory must have stayed flat.
// At last whatever is not final is completed in peace: nothing is stuck.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	s.trouble(*soakFor)
	s.peace()
	s.settle()
	s.judge("after the trouble") // before a new process sweeps up what this one left behind
	s.p.kill()
	s.p.start()
	s.settle()
	s.judge("after the last kill") // what was acknowledged is durable
	s.finish()
	s.judge("in the end")
	s.checkMemory()
	s.report()
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	config := filepath.Join(t.TempDir(), "ebb.toml")
	if err := os.WriteFile(config, []byte("[limits]\nbackground = 8\nslice = \"1s\"\nper_host = 32\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EBB_CONFIG", config)
	w := newWire(t)
	s := &soak{T: t, wire: w, server: ebbtest.NewMoody(t, w.addr+":0"), p: newProcess(t)}
	s.p.kill()
	s.p.binary = w.wrap(s.p.binary)
	s.p.start()
	for n := range soakClients {
		c := newSoakClient(t, n, filepath.Join(s.p.state, "ebb.sock"))
		c.server, c.want, c.within, c.pause = s.server.Base, soakJobs/soakClients, *soakFor*3/4, *soakFor/10_000
		s.clients = append(s.clients, c)
	}
	return s
}

// trouble lasts for d.
func (s *soak) trouble(d time.Duration) {
	s.server.Misbehave(mostlyWell)
	ctx, cancel := context.WithTimeout(s.Context(), d)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	for _, c := range s.clients {
		running.Go(func() { c.run(ctx) })
	}
	running.Go(func() { s.cut(ctx, d) })
	every := min(killEvery, d/10)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every/2 + rand.N(every)):
		}
		s.measure()
		s.p.kill()
		if n%3 == 2 {
			s.jump(time.Duration(rand.IntN(13)-6) * time.Hour)
		}
		s.p.start()
	}
}

// cut pulls the cable now and then.
func (s *soak) cut(ctx context.Context, d time.Duration) {
	every := min(killEvery, d/8)
	defer s.wire.plug(true)
	for in := false; ; in = !in {
		pause := every/2 + rand.N(every)
		if in {
			pause = every / 8
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			s.wire.plug(in)
		}
	}
}

// jump does to a dead daemon's state what a wall clock does that was put forward by d meanwhile, or back: all stored times
// have another distance to now.
func (s *soak) jump(d time.Duration) {
	s.Helper()
	st, err := sqlite.Open(s.Context(), s.p.state, sqlite.Options{})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	var b store.Batch
	_, err = st.Load(s.Context(), func(j job.Job) error {
		for _, at := range []*time.Time{&j.RetryAt, &j.FailingSince, &j.Created, &j.Modified, &j.Finished} {
			if !at.IsZero() {
				*at = at.Add(-d)
			}
		}
		b.Jobs = append(b.Jobs, store.Change{Job: j})
		return nil
	})
	if err == nil && len(b.Jobs) > 0 {
		_, err = st.Commit(s.Context(), b)
	}
	if err != nil {
		s.Fatal(err)
	}
	s.jumps++
}

// peace is a server as it should be.
func (s *soak) peace() {
	s.server.Misbehave(0)
	s.measure()
	s.p.kill()
	s.jump(-3 * time.Hour) // the clock is put back, and no network comes up to make up for it
	s.p.start()
}

// each yields the jobs of all clients as they are now, with their accounts.
func (s *soak) each(do func(a *account, j *ebb.Job)) {
	s.Helper()
	for _, c := range s.clients {
		for _, a := range c.jobs {
			j, err := s.p.client.Job(s.Context(), string(a.id))
			if err != nil {
				s.Fatalf("job %s: %v", a.id, err)
			}
			do(a, j)
		}
	}
}

// settle waits until nothing moves any more.
func (s *soak) settle() {
	s.Helper()
	for deadline := time.Now().Add(soakSettle); ; time.Sleep(200 * time.Millisecond) {
		var moving []*ebb.Job
		for j, err := range s.p.client.Jobs(s.Context(), false) {
			if err != nil {
				s.Fatal(err)
			}
			if !ebb.AtRest(j.Snapshot) {
				moving = append(moving, j)
			}
		}
		if len(moving) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.Errorf("%d jobs do not come to rest", len(moving))
			for _, j := range moving[:min(5, len(moving))] {
				s.Errorf("job %s is %s, retry at %s: %s", j.ID, j.State, j.RetryAt, j.Waits)
			}
			return
		}
	}
}

// finish completes whatever is not final, in peace, but for every fourth job, which it cancels with all its bytes.
func (s *soak) finish() {
	s.Helper()
	s.each(func(a *account, j *ebb.Job) {
		if !j.State.Final() && j.Resume(s.Context()) == nil {
			a.resume(true, true)
		}
	})
	s.settle()
	n := 0
	s.each(func(a *account, j *ebb.Job) {
		if j.State.Final() {
			return
		}
		if j.State != job.Transferred {
			s.Errorf("job %s is %s in peace: %v", j.ID, j.State, j.Error)
		}
		if n++; n%4 == 0 {
			if err := j.Cancel(s.Context()); err != nil {
				s.Errorf("cancel job %s: %v", j.ID, err)
			}
			a.cancelled = yes
			return
		}
		if err := j.Complete(s.Context()); err != nil {
			s.Errorf("complete job %s: %v", j.ID, err)
		}
		a.completed = yes
	})
	for j, err := range s.p.client.Jobs(s.Context(), false) { // the strays
		if err != nil {
			s.Fatal(err)
		}
		if err := j.Cancel(s.Context()); err != nil && j.Intent == job.NoIntent {
			s.Logf("cancel job %s: %v", j.ID, err)
		}
	}
	s.settle()
}

// measure takes down what the daemon has had resident at most.
func (s *soak) measure() {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.p.cmd.Process.Pid))
	if err != nil {
		return // it has just ended
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if rest, ok := strings.CutPrefix(in.Text(), "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			s.memory = append(s.memory, kib<<10)
		}
	}
}

// checkMemory: the last third of the processes has no more than the one before it, and none has too much.
func (s *soak) checkMemory() {
	s.Helper()
	s.measure()
	most := slices.Max(s.memory)
	if most > soakMemory {
		s.Errorf("the daemon had %d MiB resident", most>>20)
	}
	third := len(s.memory) / 3
	if third == 0 {
		return
	}
	before, after := slices.Max(s.memory[third:2*third+1]), slices.Max(s.memory[2*third:])
	if after > before+before/2 {
		s.Errorf("memory grows: at most %d MiB in the second third, %d MiB in the last", before>>20, after>>20)
	}
}

func (s *soak) report() {
	commands, unknown, strays, jobs := 0, 0, 0, 0
	refused := map[job.Code]int{}
	for _, c := range s.clients {
		commands, unknown, strays, jobs = commands+c.commands, unknown+c.unknown, strays+c.strays, jobs+len(c.jobs)
		for code, n := range c.refused {
			refused[code] += n
		}
	}
	s.Logf("%d jobs, %d commands, %d without an answer (%d of them creations), refused: %v", jobs, commands, unknown, strays, refused)
	s.Logf("%d kills, %d cuts, %d jumps of the clock, resident at most %d MiB", len(s.memory)-2, s.wire.pulls, s.jumps, slices.Max(s.memory)>>20)
	s.Logf("the server: %v", s.server.Seen())
	for _, mood := range ebbtest.Moods() {
		if s.server.Seen()[mood] == 0 {
			s.Errorf("the server never %s", mood)
		}
	}
	if jobs < soakJobs/2 || s.wire.pulls == 0 || s.jumps == 0 {
		s.Errorf("only %d jobs, %d cuts and %d jumps: the machine is too slow for a soak of %s", jobs, s.wire.pulls, s.jumps, *soakFor)
	}
}
