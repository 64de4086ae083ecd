package job

import (
	"slices"
	"testing"
	"time"
)

// TestTakeOwnership: nothing that the former owner trusted the job with is left; what it is about stays.
func TestTakeOwnership(t *testing.T) {
	t.Parallel()
	for _, s := range []State{Suspended, Queued, TransientError, InError, Transferred} {
		before := in(t, s, NoIntent)
		before.Name, before.Limit = "nightly", 1000
		trusted(&before)
		j, effects, err := Next(before, TakeOwnership{"uid:0"}, t0.Add(time.Minute), Policy{})
		if err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		want := before
		want.Owner, want.Credentials, want.HeaderNames, want.NeedsCredentials = "uid:0", nil, nil, s != Transferred
		want.Network, want.NotifyCommand, want.NotifyURL = Network{}, nil, ""
		want.Modified = t0.Add(time.Minute)
		if got, want := dump(t, j), dump(t, want); got != want {
			t.Errorf("%v: the job is\n%s\nwant\n%s", s, got, want)
		}
		if slices.Contains(effects, Effect(StopTransfer{})) != (s == Queued) {
			t.Errorf("%v: effects %v", s, effects)
		}
	}
}

// TestTakingOnesOwnJob changes nothing.
func TestTakingOnesOwnJob(t *testing.T) {
	t.Parallel()
	before := in(t, Queued, NoIntent)
	trusted(&before)
	j, effects, err := Next(before, TakeOwnership{before.Owner}, t0.Add(time.Minute), Policy{})
	if err != nil || effects != nil || dump(t, j) != dump(t, before) {
		t.Errorf("%v, %v:\n%s\nwant\n%s", effects, err, dump(t, j), dump(t, before))
	}
}

// TestNeedsCredentials is how long a job says so.
func TestNeedsCredentials(t *testing.T) {
	t.Parallel()
	taken := func(trust func(*Job)) Job {
		j := in(t, Queued, NoIntent)
		trust(&j)
		return step(t, j, t0, TakeOwnership{"uid:0"})
	}
	nothing := func(*Job) {}
	for _, tt := range []struct {
		name  string
		trust func(*Job)
		then  []Event
		want  bool
	}{
		{"there were none", nothing, nil, false},
		{"credentials", func(j *Job) { j.Credentials = []CredentialRef{{"server", "any"}} }, nil, true},
		{"a header", func(j *Job) { j.HeaderNames = []string{"Authorization"} }, nil, true},
		{"a client certificate", func(j *Job) { j.Network.ClientCert = true }, nil, true},
		{"set again", trusted, []Event{SetCredentials{[]CredentialRef{{"server", "ntlm"}}}}, false},
		{"headers set again", trusted, []Event{SetHeaders{[]string{"Cookie"}}}, false},
		{"no headers set", trusted, []Event{SetHeaders{}}, true},
		{"the client certificate set again", trusted, []Event{SetClientCert{true}}, false},
		{"no client certificate set", trusted, []Event{SetClientCert{false}}, true},
		{"none set", trusted, []Event{SetCredentials{}}, true},
		{"suspended and resumed", trusted, []Event{Suspend{}, Resume{}}, true},
		{"refused", trusted, []Event{Fault{errNeedsAction}}, true},
		{"one of two files without", trusted, []Event{FileDone{1, size}}, true},
		{"transferred without", trusted, []Event{FileDone{1, size}, FileDone{2, size}}, false},
		{"taken twice", trusted, []Event{TakeOwnership{"uid:1000"}}, true},
	} {
		if got := step(t, taken(tt.trust), t0, tt.then...).NeedsCredentials; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
