package job

import (
	"slices"
	"time"
)

// A row is one event in one situation. Its setup changes a fixture in ways that no state shows.
type row struct {
	name  string
	setup func(j *Job)
	event Event
	at    time.Duration // after t0; 0 stands for a minute
}

// A section is rows that belong together.
type section struct {
	title string
	drawn bool // in the diagram
	rows  []row
}

func sections() []section {
	return []section{
		{"Commands for the job", true, commandRows()},
		{"Properties", false, propertyRows()},
		{"Commands for single files", false, fileRows()},
		{"Ranges", false, rangeRows()},
		{"Facts from the workers", true, workerRows()},
		{"Facts about the world", true, worldRows()},
		{"The clock", true, clockRows()},
	}
}

func rows() []row {
	var out []row
	for _, s := range sections() {
		out = append(out, s.rows...)
	}
	return out
}

// edit changes files of a fixture.
func edit(j *Job, change func(*File), ids ...FileID) {
	for _, id := range ids {
		f, _ := j.Files.Get(id)
		change(&f)
		j.setFile(f)
	}
}

func finish(f *File) {
	if !f.Done {
		f.Done, f.Size, f.Filled = true, size, Prefix(size)
	}
}

func skip(f *File) {
	if !f.Done {
		f.Skipped = true
	}
}

func lastFile(j *Job)  { edit(j, finish, 1) }    // only the second is left
func allFiles(j *Job)  { edit(j, finish, 1, 2) } // none is
func skipped(j *Job)   { edit(j, skip, 1, 2) }
func removed(j *Job)   { edit(j, func(f *File) { *f = f.void(); f.Removed = true }, 2) }
func onDemand(j *Job)  { j.OnDemand = true }
func upload(j *Job)    { j.Type = Upload }
func withPOST(j *Job)  { j.Method, j.Priority = "POST", Foreground }
func dynamic(j *Job)   { j.Dynamic = true }
func unresumed(j *Job) { j.Resumed = false }
func ranged(j *Job)    { edit(j, func(f *File) { f.Ranges = []Span{{0, size}} }, 1, 2) }

// requested is a job on demand whose second file lacks what was asked for.
func requested(j *Job) {
	onDemand(j)
	edit(j, func(f *File) { f.Requested = Ranges{{0, 1 << 20}} }, 2)
}

// blocked is what a job is whose network was lost.
func blocked(j *Job) {
	if j.State == TransientError {
		j.Error, j.RetryAt, j.FailingSince = errOffline, time.Time{}, time.Time{}
	}
}

func set(change func(*Settings)) Set {
	s := usual()
	change(&s)
	return Set{s}
}

func add(change func(*FileSpec)) AddFiles {
	spec := FileSpec{URL: "https://example.com/c", Local: "/d/c"}
	change(&spec)
	return AddFiles{[]FileSpec{spec}}
}

func commandRows() []row {
	one := add(func(*FileSpec) {})
	return []row{
		{name: "Resume", event: Resume{}},
		{name: "Resume (no files)", setup: func(j *Job) { *j = j.WithFiles(Files{}) }, event: Resume{}},
		{name: "Resume (all files done)", setup: allFiles, event: Resume{}},
		{name: "Resume (all files skipped)", setup: skipped, event: Resume{}},
		{name: "Resume (files added)", setup: func(j *Job) {
			*j = j.WithFiles(j.Files.Append(File{Local: "/d/c", Size: UnknownSize}))
		}, event: Resume{}},
		{name: "Resume (on demand, something asked for)", setup: requested, event: Resume{}},
		{name: "Resume (on demand, nothing asked for)", setup: onDemand, event: Resume{}},
		{name: "Resume (larger than max_size)", setup: func(j *Job) { j.MaxSize = 1 }, event: Resume{}},
		{name: "Suspend", event: Suspend{}},
		{name: "Cancel", event: Cancel{}},
		{name: "Complete", event: Complete{}},
		{name: "Complete (upload)", setup: upload, event: Complete{}},
		{name: "AddFiles", event: one},
		{name: "AddFiles (none)", event: AddFiles{}},
		{name: "AddFiles (second of an upload)", setup: upload, event: one},
		{name: "AddFiles (same name)", event: twoFiles()},
		{name: "SetCredentials", event: SetCredentials{[]CredentialRef{{"server", "basic"}}}},
		{name: "SetHeaders", event: SetHeaders{[]string{"Authorization"}}},
		{name: "SetClientCert", event: SetClientCert{true}},
		{name: "SetWebhookKey", event: SetWebhookKey{}},
		{name: "TakeOwnership", setup: trusted, event: TakeOwnership{"uid:0"}},
		{name: "TakeOwnership (by the owner)", setup: trusted, event: TakeOwnership{"uid:1000"}},
	}
}

func propertyRows() []row {
	method := set(func(s *Settings) { s.Method = "POST" })
	dynamically := set(func(s *Settings) { s.Dynamic = true })
	maxSize := set(func(s *Settings) { s.MaxSize = 1 << 30 })
	fast := set(func(s *Settings) { s.HighPerformance = true })
	demand := set(func(s *Settings) { s.OnDemand = true })
	acl := set(func(s *Settings) { s.ACLFlags = 4 })
	reply := set(func(s *Settings) { s.ReplyFile = "/d/reply" })
	return []row{
		{name: "Set", event: Set{usual()}},
		{name: "Set (out of range)", event: Set{Settings{Priority: 7}}},
		{name: "Set (auto_complete)", event: set(func(s *Settings) { s.AutoComplete = true })},
		{name: "Set (auto_complete, files added)", setup: func(j *Job) {
			*j = j.WithFiles(j.Files.Append(File{Local: "/d/c", Size: UnknownSize}))
		}, event: set(func(s *Settings) { s.AutoComplete = true })},
		{name: "Set (no_progress_timeout 0)", event: set(func(s *Settings) { s.NoProgressTimeout = 0 })},
		{name: "Set (method, before the first Resume)", setup: unresumed, event: method},
		{name: "Set (method, after it)", event: method},
		{name: "Set (method, files with ranges)", setup: func(j *Job) { unresumed(j); ranged(j) }, event: method},
		{name: "Set (priority of a job with a method)", setup: withPOST, event: set(func(s *Settings) { s.Method = "POST" })},
		{name: "Set (dynamic, before the first Resume)", setup: unresumed, event: dynamically},
		{name: "Set (dynamic, after it)", event: dynamically},
		{name: "Set (dynamic, files with ranges)", setup: func(j *Job) { unresumed(j); ranged(j) }, event: dynamically},
		{name: "Set (max_size, before the first Resume)", setup: unresumed, event: maxSize},
		{name: "Set (max_size, after it)", event: maxSize},
		{name: "Set (high_performance, before AddFiles)", setup: func(j *Job) { *j = j.WithFiles(Files{}) }, event: fast},
		{name: "Set (high_performance, after it)", event: fast},
		{name: "Set (headers readable again)", event: set(func(s *Settings) { s.HeadersWriteOnly = false })},
		{name: "Set (on_demand, nothing asked for)", event: demand},
		{name: "Set (on_demand, something asked for)", setup: requested, event: demand},
		{name: "Set (on_demand, files with ranges)", setup: ranged, event: demand},
		{name: "Set (method of an upload)", setup: upload, event: method},
		{name: "Set (acl_flags)", event: acl},
		{name: "Set (check_certificates)", event: set(func(s *Settings) { s.Network.CheckCertificates = true })},
		{name: "Set (reply_file)", event: reply},
		{name: "Set (reply_file of an upload-reply)", setup: func(j *Job) { j.Type = UploadReply }, event: reply},
	}
}

func fileRows() []row {
	other := SetRemoteName{2, "https://example.org/b"}
	wrong := SetValidation{1, false}
	return []row{
		{name: "SetRemoteName", event: other},
		{name: "SetRemoteName (file done)", setup: allFiles, event: other},
		{name: "SetRemoteName (the same)", event: SetRemoteName{2, "https://example.com/b"}},
		{name: "SetRemoteName (no URL)", event: SetRemoteName{2, "b"}},
		{name: "SetRemoteName (no such file)", event: SetRemoteName{9, "https://example.org/b"}},
		{name: "SetRemoteName (upload)", setup: upload, event: other},
		{name: "ReplaceRemotePrefix", event: ReplaceRemotePrefix{"https://example.com/", "https://example.org/"}},
		{name: "ReplaceRemotePrefix (none begins so)", event: ReplaceRemotePrefix{"https://example.net/", "https://example.org/"}},
		{name: "ReplaceRemotePrefix (empty)", event: ReplaceRemotePrefix{"", "https://example.org/"}},
		{name: "ReplaceRemotePrefix (upload)", setup: upload, event: ReplaceRemotePrefix{"https://example.com/", "https://example.org/"}},
		{name: "SkipFile", event: SkipFile{1, true}},
		{name: "SkipFile (last unfinished)", setup: lastFile, event: SkipFile{2, true}},
		{name: "SkipFile (the others skipped already)", setup: func(j *Job) { edit(j, skip, 1) }, event: SkipFile{2, true}},
		{name: "SkipFile (no more)", setup: func(j *Job) { edit(j, skip, 1) }, event: SkipFile{1, false}},
		{name: "RetryFile", event: RetryFile{2}},
		{name: "RetryFile (file done)", setup: lastFile, event: RetryFile{1}},
		{name: "RetryFile (skipped)", setup: func(j *Job) { edit(j, skip, 1) }, event: RetryFile{1}},
		{name: "RemoveFile", event: RemoveFile{1}},
		{name: "RemoveFile (last unfinished)", setup: lastFile, event: RemoveFile{2}},
		{name: "RemoveFile (the only one)", setup: removed, event: RemoveFile{1}},
		{name: "RemoveFile (removed already)", setup: removed, event: RemoveFile{2}},
		{name: "SetValidation (right)", setup: lastFile, event: SetValidation{1, true}},
		{name: "SetValidation (wrong)", setup: lastFile, event: wrong},
		{name: "SetValidation (file not done)", setup: func(j *Job) { edit(j, func(f *File) { f.Done = false }, 1) }, event: wrong},
		{name: "SetValidation (upload)", setup: func(j *Job) { upload(j); lastFile(j) }, event: wrong},
	}
}

func rangeRows() []row {
	first := RequestRanges{2, Ranges{{0, 1 << 20}}}
	withRanges := add(func(f *FileSpec) { f.Ranges = []Span{{100, 5}, {0, 10}} })
	return []row{
		{name: "AddFiles (with ranges)", event: withRanges},
		{name: "AddFiles (with ranges that overlap)", event: add(func(f *FileSpec) { f.Ranges = []Span{{100, 5}, {104, 1}} })},
		{name: "AddFiles (with a range that is none)", event: add(func(f *FileSpec) { f.Ranges = []Span{{-1, 5}} })},
		{name: "AddFiles (with ranges, dynamic)", setup: dynamic, event: withRanges},
		{name: "AddFiles (with ranges, on demand)", setup: onDemand, event: withRanges},
		{name: "AddFiles (with ranges, method)", setup: withPOST, event: withRanges},
		{name: "AddFiles (with ranges, upload)", setup: func(j *Job) { upload(j); *j = j.WithFiles(Files{}) }, event: withRanges},
		{name: "RequestRanges", event: first},
		{name: "RequestRanges (on demand)", setup: onDemand, event: first},
		{name: "RequestRanges (asked for already)", setup: requested, event: first},
		{name: "RequestRanges (outside)", event: RequestRanges{2, Ranges{{size, size + 1}}}},
		{name: "RequestRanges (none)", event: RequestRanges{2, nil}},
		{name: "RequestRanges (dynamic)", setup: dynamic, event: first},
		{name: "RequestRanges (method)", setup: withPOST, event: first},
		{name: "RequestRanges (file with ranges)", setup: ranged, event: first},
		{name: "RequestRanges (upload)", setup: upload, event: first},
		{name: "UpdatePosition", event: UpdatePosition{2, 1 << 20}},
		{name: "UpdatePosition (where it is)", event: UpdatePosition{2, 0}},
		{name: "UpdatePosition (outside)", event: UpdatePosition{2, size + 1}},
		{name: "UpdatePosition (dynamic)", setup: dynamic, event: UpdatePosition{2, 1 << 20}},
	}
}

func workerRows() []row {
	bytes := Progress{File: 2, Filled: Prefix(2 << 20), Size: size}
	return []row{
		{name: "Progress", event: bytes},
		{name: "Progress (unknown file)", event: Progress{File: 9}},
		{name: "Progress (removed file)", setup: removed, event: bytes},
		{name: "Progress (on demand, all asked for is here)", setup: requested, event: bytes},
		{name: "Progress (larger than max_size)", setup: func(j *Job) { j.MaxSize = 1 << 20 }, event: bytes},
		{name: "FileDone", event: FileDone{2, size}},
		{name: "FileDone (file_transferred wanted)", setup: func(j *Job) { j.NotifyFlags |= NotifyFileTransferred }, event: FileDone{2, size}},
		{name: "FileDone (last)", setup: lastFile, event: FileDone{2, size}},
		{name: "FileDone (last but a skipped one)", setup: func(j *Job) { edit(j, skip, 1) }, event: FileDone{2, size}},
		{name: "FileDone (last, auto-complete)", setup: func(j *Job) { lastFile(j); j.AutoComplete = true }, event: FileDone{2, size}},
		{name: "FileDone (last, larger than max_size)", setup: func(j *Job) { lastFile(j); j.MaxSize = size }, event: FileDone{2, size}},
		{name: "FileDone (skipped meanwhile)", setup: func(j *Job) { edit(j, skip, 2) }, event: FileDone{2, size}},
		{name: "FileDone (removed meanwhile)", setup: removed, event: FileDone{2, size}},
		{name: "Changed", event: Changed{2}},
		{name: "Fault (transient)", event: Fault{errTransient}},
		{name: "Fault (transient, no-progress timeout 0)", setup: func(j *Job) { j.NoProgressTimeout = 0 }, event: Fault{errTransient}},
		{name: "Fault (transient, method)", setup: withPOST, event: Fault{errTransient}},
		{name: "Fault (fatal)", event: Fault{errFatal}},
		{name: "Fault (needs action)", event: Fault{errNeedsAction}},
		{name: "Ran", event: Ran{time.Second}},
		{name: "Ran (max download time)", event: Ran{DefaultMaxDownloadTime}},
		{name: "Settled", event: Settled{}},
		{name: "Unsettled", event: Unsettled{errNeedsAction}},
	}
}

func worldRows() []row {
	return []row{
		{name: "Blocked", event: Blocked{errOffline}},
		{name: "Blocked (again)", setup: blocked, event: Blocked{errOffline}},
		{name: "Blocked (by something else now)", setup: blocked, event: Blocked{errCost}},
		{name: "Unblocked", setup: blocked, event: Unblocked{}},
		{name: "Unblocked (all files done)", setup: func(j *Job) { blocked(j); allFiles(j) }, event: Unblocked{}},
		{name: "Unblocked (not blocked)", event: Unblocked{}},
		{name: "NetworkUp", event: NetworkUp{}},
		{name: "NetworkUp (blocked)", setup: blocked, event: NetworkUp{}},
	}
}

func clockRows() []row {
	return []row{
		{name: "Tick (too early)", event: Tick{}, at: time.Millisecond},
		{name: "Tick (retry time)", event: Tick{}, at: time.Minute},
		{name: "Tick (retry time, all files done)", setup: allFiles, event: Tick{}, at: time.Minute},
		{name: "Tick (retry time, all files skipped)", setup: skipped, event: Tick{}, at: time.Minute},
		{name: "Tick (blocked)", setup: blocked, event: Tick{}, at: time.Hour},
		{name: "Tick (no progress)", setup: func(j *Job) {
			if j.State == Queued {
				j.Error, j.FailingSince = errTransient, t0
			}
		}, event: Tick{}, at: DefaultNoProgressTimeout},
		{name: "Tick (blocked for longer than that)", setup: blocked, event: Tick{}, at: DefaultNoProgressTimeout},
		{name: "Tick (inactivity)", event: Tick{}, at: DefaultInactivityTimeout},
		{name: "Tick (deadline)", setup: func(j *Job) { j.Deadline = t0.Add(time.Hour) }, event: Tick{}, at: time.Hour},
		{name: "Boot", event: Boot{}},
		{name: "Boot (blocked)", setup: blocked, event: Boot{}},
	}
}

func rowNames() []string {
	var out []string
	for _, r := range rows() {
		out = append(out, r.name)
	}
	slices.Sort(out)
	return out
}
