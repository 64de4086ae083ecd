package job

import (
	"testing"
	"time"
)

// t0 is when every test begins.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const size = 4 << 20 // of every file in the tests

var (
	errTransient   = &Error{Context: ContextTransport, Code: ConnectFailure, Class: Transient, Text: "connection refused"}
	errFatal       = &Error{Context: ContextRemoteFile, Code: HTTPStatus(404), Class: Fatal, Text: "no such file"}
	errOffline     = &Error{Context: ContextTransport, Code: NetworkDisconnected, Class: Transient, Text: "there is no network"}
	errCost        = &Error{Context: ContextTransport, Code: BlockedByCost, Class: Transient, Text: "the network is metered"}
	errNeedsAction = &Error{Context: ContextLocalFile, Code: DiskFull, Class: NeedsAction, Text: "disk full; free some space"}
)

// usual are the settings of a job that was given none.
func usual() Settings {
	s := DefaultSettings()
	s.MaxDownloadTime, s.InactivityTimeout = Duration(DefaultMaxDownloadTime), Duration(DefaultInactivityTimeout)
	return s
}

func twoFiles() AddFiles {
	return AddFiles{[]FileSpec{
		{URL: "https://example.com/a", Local: "/d/a"},
		{URL: "https://example.com/b", Local: "/d/b"},
	}}
}

// trusted gives a job what an owner trusts his jobs with.
func trusted(j *Job) {
	j.Credentials, j.HeaderNames = []CredentialRef{{"server", "basic"}, {"proxy", "ntlm"}}, []string{"Cookie"}
	j.Network.ClientCert, j.Network.AllowCleartext = true, true
	j.NotifyCommand, j.NotifyURL = []string{"/usr/bin/logger"}, "https://hooks.example.com/secret"
}

func newJob(t testing.TB, typ Type, s Settings) Job {
	t.Helper()
	j, err := New("3f2a41c7-0000-4000-8000-000000000001", "uid:1000", typ, s, t0)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// step applies an event that must be allowed.
func step(t testing.TB, j Job, now time.Time, evs ...Event) Job {
	t.Helper()
	for _, ev := range evs {
		next, _, err := Next(j, ev, now, Policy{Jitter: 0.5})
		if err != nil {
			t.Fatalf("%T in state %v: %v", ev, j.State, err)
		}
		j = next
	}
	return j
}

// queued is a job with two files, of which the second has its first 512 KiB.
func queued(t testing.TB, s Settings) Job {
	t.Helper()
	return step(t, newJob(t, Download, s), t0, twoFiles(), Resume{},
		Progress{File: 2, Filled: Prefix(512 << 10), Size: size})
}

// in is a job with two files in the given state, reached by events alone.
func in(t testing.TB, s State, i Intent) Job {
	t.Helper()
	j := queued(t, usual())
	switch s {
	case Queued:
	case Suspended:
		j = step(t, j, t0, Suspend{})
	case InError:
		j = step(t, j, t0, Fault{errFatal})
	case TransientError:
		j = step(t, j, t0, Fault{errTransient})
	case Transferred:
		j = step(t, j, t0, FileDone{1, size}, FileDone{2, size})
	case Acknowledged:
		j = step(t, j, t0, Complete{}, Settled{})
	case Cancelled:
		j = step(t, j, t0, Cancel{}, Settled{})
	default:
		t.Fatalf("no job is stored in state %v", s)
	}
	switch i {
	case Completing:
		j = step(t, j, t0, Complete{})
	case Cancelling:
		j = step(t, j, t0, Cancel{})
	case NoIntent:
	}
	if j.State != s || j.Intent != i {
		t.Fatalf("fixture is %v %v, want %v %v", j.State, j.Intent, s, i)
	}
	return j
}
