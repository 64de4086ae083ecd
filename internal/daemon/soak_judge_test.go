//go:build integration && linux

package daemon_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// judge compares every job with its history, and what is in the folders with the jobs.
func (s *soak) judge(when string) {
	s.Helper()
	events := map[job.ID][]ebb.Event{}
	last := uint64(0)
	for e, err := range s.p.client.Events(s.Context(), 0) {
		if err != nil {
			s.Fatal(err)
		}
		if e.ID <= last {
			s.Errorf("event %d comes after %d", e.ID, last)
		}
		last = e.ID
		events[e.Job.ID] = append(events[e.Job.ID], e)
	}
	states, live := map[job.State]int{}, map[job.ID]bool{}
	published := map[string]bool{} // paths that may be in the folders
	s.each(func(a *account, j *ebb.Job) {
		states[j.State]++
		live[j.ID] = !j.State.Final()
		if wrong := a.wrong(j, events[j.ID]); wrong != "" {
			s.Errorf("%s, job %s is %s: %s\naccount: %+v\nerror: %v", when, j.ID, j.State, wrong, *a, j.Error)
		}
		s.judgeFiles(j, published)
	})
	for _, c := range s.clients {
		s.judgeFolder(c.folder, published, live)
	}
	s.Logf("%s: %v", when, states)
}

// judgeFiles compares the files of a job with all that they have been on the server.
func (s *soak) judgeFiles(j *ebb.Job, published map[string]bool) {
	s.Helper()
	for f, err := range j.Files(s.Context()) {
		if err != nil {
			s.Fatal(err)
		}
		name := f.Temporary
		if j.State == job.Acknowledged {
			published[f.Local], name = f.Done, f.Local
		}
		if !f.Done || j.State == job.Cancelled {
			continue
		}
		u, err := url.Parse(f.URL)
		if err != nil {
			s.Fatal(err)
		}
		if name == "" {
			s.Errorf("file %d of job %s is done and nowhere", f.ID, j.ID)
		} else if got := sum(s.T, name); !slices.Contains(s.server.Versions(u.Path), got) {
			s.Errorf("file %d of job %s (%s) is no version of %s", f.ID, j.ID, j.State, f.URL)
		}
	}
}

// judgeFolder looks for files that should not be there, and for partial files that no job needs.
func (s *soak) judgeFolder(folder string, published map[string]bool, live map[job.ID]bool) {
	s.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, ".ebb-") {
			if done, known := published[filepath.Join(folder, name)]; known && !done {
				s.Errorf("%s has its name and is not whole", name)
			}
			continue
		}
		owned := false
		for id, lives := range live {
			owned = owned || lives && strings.Contains(name, string(id))
		}
		if _, err := s.p.client.Job(s.Context(), idIn(name)); !owned && err != nil {
			s.Errorf("partial file %s belongs to no job: %v", name, err)
		} else if !owned && !s.stray(idIn(name)) {
			s.Errorf("partial file %s belongs to a job that is final", name)
		}
	}
}

// idIn is the ID of the job in the name of a partial file.
func idIn(name string) string {
	const idLen = 36
	for i := 0; i+idLen <= len(name); i++ {
		if id := name[i : i+idLen]; strings.Count(id, "-") == 4 && id[8] == '-' && id[23] == '-' {
			return id
		}
	}
	return name
}

// stray reports whether a job lives that no client knows of: one whose creation was not acknowledged.
func (s *soak) stray(id string) bool {
	j, err := s.p.client.Job(s.Context(), id)
	return err == nil && !j.State.Final()
}
