// Package env tells the scheduler what the machine says of itself: network, cost, power and sleep.
//
// It asks those who know and guesses nothing. On Linux they are, over the system's D-Bus, NetworkManager, UPower,
// power-profiles-daemon and logind, and, over rtnetlink, the kernel. What nobody tells is unknown, and blocks nobody; so it is
// wherever there is no bus or no such service, and on every other system.
package env

import "github.com/ebb-transfer/ebb/internal/sched"

// News is what the machine says of itself at one time.
type News struct {
	// Facts are complete but for Paused and HostClosed, which are the engine's own.
	//
	// Offline needs two witnesses: no interface but the loopback one has an address and carrier, and no route leads
	// anywhere; and NetworkManager says that it has no network, or, where it does not run, there was one
	// before. So a container that has nothing but loopback is never offline.
	//
	// Cost is job.CostCapped on a network that NetworkManager calls metered, or guesses to be: the same that Windows
	// tells BITS of a connection set as metered.
	//
	// Power.Saver is the profile power-saver of power-profiles-daemon while on battery; on mains it saves noise.
	Facts sched.Facts
	// Epoch rises when a network came, came back, or was replaced by another: what failed on the last one may work now, so
	// that all jobs with a transient error are to be tried (job.NetworkUp). It begins at 0, and only whether it differs from
	// that of the last News counts. A network that is there changes it at most once in 30 s, since each container that starts
	// or ends may be such a change.
	Epoch uint64
}
