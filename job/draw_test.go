package job

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"
)

func drawSettings(t *rapid.T, typ Type) Settings {
	s := usual()
	pick := func(name string, d ...time.Duration) Duration { return Duration(rapid.SampledFrom(d).Draw(t, name)) }
	s.RetryDelay = pick("retry delay", 0, time.Minute, DefaultRetryDelay)
	s.NoProgressTimeout = pick("no progress", 0, time.Minute, time.Hour, DefaultNoProgressTimeout)
	s.MaxDownloadTime = pick("max download time", time.Minute, DefaultMaxDownloadTime)
	s.InactivityTimeout = pick("inactivity", time.Hour, DefaultInactivityTimeout)
	s.AutoComplete = rapid.Bool().Draw(t, "auto-complete")
	s.NotifyFlags = NotifyFlags(rapid.SampledFrom([]int{3, 0x13, 0x14}).Draw(t, "notify"))
	if rapid.Bool().Draw(t, "has deadline") {
		s.Deadline = t0.Add(rapid.SampledFrom([]time.Duration{0, time.Hour, 24 * time.Hour}).Draw(t, "deadline"))
	}
	s.HeadersWriteOnly = rapid.Bool().Draw(t, "headers write-only")
	s.ACLFlags = rapid.SampledFrom([]uint32{0, 0, 0, 4}).Draw(t, "ACL flags")
	if typ != Download {
		return s
	}
	s.MaxSize = rapid.SampledFrom([]int64{0, 0, 0, 2 * size}).Draw(t, "max size")
	s.HighPerformance = rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "high performance")
	switch rapid.SampledFrom([]string{"", "", "", "", "on demand", "on demand", "dynamic", "method"}).Draw(t, "kind") {
	case "on demand":
		s.OnDemand = true
	case "dynamic":
		s.Dynamic = true
	case "method":
		s.Method, s.Priority = "POST", Foreground
	}
	return s
}

// drawTime lets some time pass, often exactly until the job wants to be woken.
func drawTime(t *rapid.T, j Job, now time.Time) time.Time {
	step := rapid.SampledFrom([]time.Duration{0, time.Second, 10 * time.Minute, 24 * time.Hour, -1}).Draw(t, "time")
	if wake := j.Wake(); step < 0 && wake.After(now) {
		return wake
	}
	return now.Add(max(step, 0))
}

func drawEvent(t *rapid.T, j Job) Event {
	id := FileID(rapid.IntRange(1, max(j.Files.Len(), 1)+1).Draw(t, "file"))
	if f, ok := j.Files.Get(id); ok && f.Done {
		id = 1
	}
	f, _ := j.Files.Get(id)
	local := max(f.LocalSize(size), 0)
	return rapid.OneOf(
		rapid.Just[Event](Resume{}), rapid.Just[Event](Resume{}), rapid.Just[Event](Resume{}),
		rapid.Just[Event](Suspend{}),
		rapid.Just[Event](Tick{}), rapid.Just[Event](Tick{}), rapid.Just[Event](Boot{}),
		rapid.SampledFrom([]Event{Cancel{}, Complete{}, Settled{}, Settled{UnableToDeleteFiles}, Unsettled{errNeedsAction}, Unsettled{errNeedsAction}}),
		rapid.Custom(func(t *rapid.T) Event { return drawFiles(t, j) }),
		rapid.Custom(func(t *rapid.T) Event { return drawProgress(t, f, local) }),
		rapid.Just[Event](FileDone{id, local}), rapid.Just[Event](FileDone{id, local}), rapid.Just[Event](Changed{id}),
		rapid.Map(rapid.SampledFrom([]time.Duration{0, time.Second, 100 * time.Hour}), func(after time.Duration) Event {
			e := *errTransient
			e.RetryAfter, e.File = after, id
			return Fault{&e}
		}),
		rapid.SampledFrom([]Event{Fault{errFatal}, Fault{errNeedsAction}, Ran{time.Second}, Ran{time.Minute}, Fault{longError()}}),
		rapid.SampledFrom([]Event{Blocked{errOffline}, Blocked{errCost}, Unblocked{}, NetworkUp{}}),
		rapid.Custom(func(t *rapid.T) Event { return Set{drawSettings(t, j.Type)} }),
		rapid.SampledFrom([]Event{SetCredentials{[]CredentialRef{{"server", "digest"}}}, SetHeaders{[]string{"Cookie"}}, SetClientCert{true}, SetWebhookKey{}}),
		rapid.SampledFrom([]Event{TakeOwnership{"uid:1"}, TakeOwnership{"uid:2"}}),
		rapid.SampledFrom([]Event{
			SkipFile{id, true},
			SkipFile{id, true},
			SkipFile{id, false},
			RetryFile{id},
			RemoveFile{id},
			RemoveFile{id},
			SetValidation{id, true},
			SetValidation{id, false},
		}),
		rapid.SampledFrom([]Event{
			SetRemoteName{id, "https://example.org/moved"},
			ReplaceRemotePrefix{"https://example.com/", "https://example.org/"},
			RequestRanges{id, Prefix(1 << 18)},
			RequestRanges{id, Ranges{{1 << 18, 1 << 19}}},
			UpdatePosition{id, 1 << 18},
		}),
	).Draw(t, "event")
}

func longError() *Error {
	return &Error{Code: ConnectFailure, Class: Transient, Text: strings.Repeat("ż", maxErrorText)}
}

// drawFiles adds some, perhaps with ranges.
func drawFiles(t *rapid.T, j Job) Event {
	specs := make([]FileSpec, rapid.IntRange(0, 3).Draw(t, "files"))
	for i := range specs {
		name := fmt.Sprint("/d/", j.Files.Len()+i)
		specs[i] = FileSpec{URL: "https://example.com" + name, Local: name, NameFromServer: i%2 == 0}
		if rapid.IntRange(0, 7).Draw(t, "ranges") == 0 {
			specs[i].Ranges = []Span{{1 << 20, ToEOF}, {0, 1 << 19}}
			specs[i].Sparse = rapid.Bool().Draw(t, "sparse")
		}
	}
	return AddFiles{specs}
}

// drawProgress reports bytes that the file is to have.
func drawProgress(t *rapid.T, f File, local int64) Event {
	at := rapid.IntRange(0, 15).Draw(t, "at")
	bytes := Range{int64(at) << 18, int64(at+1) << 18}
	f.Size = local
	ev := Progress{File: f.ID, Size: local, Boot: "boot", Validator: Validator{ETag: `"1"`}, Name: fmt.Sprint(at % 4)}
	for _, whole := range f.Whole() {
		ev.Filled = ev.Filled.Add(Range{max(bytes.Start, whole.Start), min(bytes.End, whole.End)})
	}
	if at == 0 {
		ev.Redirected = "https://mirror.example.com/"
	}
	return ev
}
