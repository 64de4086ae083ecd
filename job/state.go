package job

import "fmt"

// State is what a job is doing. The numbers are those of BITS (BG_JOB_STATE).
//
// Connecting and Transferring are never stored: they are what a worker is doing
// at this moment, and are laid over Queued when a job is shown (see [Snapshot]).
// So a crash leaves no job behind that claims to run.
type State int

// The states of a job.
const (
	Queued         State = 0 // may run; waits for a slot
	Connecting     State = 1 // soft: asks the server
	Transferring   State = 2 // soft: bytes move
	Suspended      State = 3 // waits for its owner; every new job begins here
	InError        State = 4 // stopped by an error that only its owner can clear
	TransientError State = 5 // stopped by an error that passes; RetryAt says when it is tried again
	Transferred    State = 6 // all bytes are here, but not yet under their final names
	Acknowledged   State = 7 // final: completed, the files have their names
	Cancelled      State = 8 // final: cancelled, its bytes are deleted
)

var stateNames = []string{
	"queued", "connecting", "transferring", "suspended", "error", "transient_error",
	"transferred", "acknowledged", "cancelled",
}

// States are all states a job can be stored in, in the order of their numbers.
func States() []State {
	return []State{Queued, Suspended, InError, TransientError, Transferred, Acknowledged, Cancelled}
}

// Final reports whether no event changes the job any more.
func (s State) Final() bool { return s == Acknowledged || s == Cancelled }

// String returns the state's name, such as "transient_error".
func (s State) String() string { return nameOf(stateNames, int(s), "State") }

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts a state's name.
func (s *State) UnmarshalText(b []byte) error { return parseName(stateNames, b, "state", (*int)(s)) }

// Intent is a final command that is durable but whose effect has not settled yet.
type Intent int

// The intents of a job.
const (
	NoIntent   Intent = 0
	Completing Intent = 1 // finished files are being published, the others discarded
	Cancelling Intent = 2 // all files are being discarded
)

var intentNames = []string{"", "completing", "cancelling"}

// Intents are all intents, in the order of their numbers.
func Intents() []Intent { return []Intent{NoIntent, Completing, Cancelling} }

// String returns the intent's name, "" for none.
func (i Intent) String() string { return nameOf(intentNames, int(i), "Intent") }

// MarshalText returns the intent's name.
func (i Intent) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText accepts an intent's name.
func (i *Intent) UnmarshalText(b []byte) error { return parseName(intentNames, b, "intent", (*int)(i)) }

// Type is the direction of a job, fixed when it is created (BG_JOB_TYPE).
type Type int

// The types of a job.
const (
	Download    Type = 0
	Upload      Type = 1
	UploadReply Type = 2
)

var typeNames = []string{"download", "upload", "upload_reply"}

// String returns the type's name.
func (t Type) String() string { return nameOf(typeNames, int(t), "Type") }

// MarshalText returns the type's name.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText accepts a type's name.
func (t *Type) UnmarshalText(b []byte) error { return parseName(typeNames, b, "type", (*int)(t)) }

// Priority orders jobs (BG_JOB_PRIORITY). All foreground jobs run at once; of the
// others a higher priority runs before a lower one.
type Priority int

// The priorities, highest first.
const (
	Foreground Priority = 0
	High       Priority = 1
	Normal     Priority = 2 // the default
	Low        Priority = 3
)

var priorityNames = []string{"foreground", "high", "normal", "low"}

// Priorities are all priorities, highest first.
func Priorities() []Priority { return []Priority{Foreground, High, Normal, Low} }

// String returns the priority's name.
func (p Priority) String() string { return nameOf(priorityNames, int(p), "Priority") }

// MarshalText returns the priority's name.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts a priority's name.
func (p *Priority) UnmarshalText(b []byte) error {
	return parseName(priorityNames, b, "priority", (*int)(p))
}

func nameOf(names []string, n int, kind string) string {
	if n < 0 || n >= len(names) {
		return fmt.Sprintf("%s(%d)", kind, n)
	}
	return names[n]
}

func parseName(names []string, b []byte, kind string, to *int) error {
	for n, name := range names {
		if name == string(b) {
			*to = n
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q; known are %q", kind, b, names)
}
