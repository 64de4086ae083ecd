package env

import (
	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// network is where the machine can reach. The zero value is for nobody knows.
type network struct {
	known bool
	// ways are the addresses and routes that lead beyond the machine, one a line; "" when none does.
	ways string
}

// services is what the services on the bus say; the zero value says nothing.
type services struct {
	manages      bool // NetworkManager runs
	disconnected bool // it says that there is no network
	cost         job.Cost
	asleep       bool
	power        sched.Power
}

// machine is what all sources have said.
type machine struct {
	network  network
	services services
	had      bool // there was a network
}

// change is what became of the network.
type change int

const (
	nothing  change = iota // that could make a difference for what failed
	came                   // there was none, or it is back
	replaced               // by another one
)

// see takes note of a network.
func (m *machine) see(n network) change {
	was := m.network
	m.network = n
	m.had = m.had || n.ways != ""
	switch {
	case !was.known || n.ways == "" || n == was:
		return nothing
	case was.ways == "":
		return came
	default:
		return replaced
	}
}

// facts are those of sched that can be compared.
type facts struct {
	offline string
	cost    job.Cost
	power   sched.Power
	asleep  bool
}

func (m machine) facts() facts {
	return facts{m.offline(), m.services.cost, m.services.power, m.services.asleep}
}

// offline says why there is no network; when in doubt, there is one.
func (m machine) offline() string {
	switch {
	case !m.network.known || m.network.ways != "":
		return ""
	case m.services.disconnected:
		return "NetworkManager says that it is disconnected"
	case m.had && !m.services.manages:
		return "no network interface is up"
	default:
		return ""
	}
}

// telling is News that can be compared.
type telling struct {
	facts facts
	epoch uint64
}

func (t telling) news() News {
	return News{
		Facts: sched.Facts{Offline: t.facts.offline, Cost: t.facts.cost, Power: t.facts.power, Asleep: t.facts.asleep},
		Epoch: t.epoch,
	}
}
