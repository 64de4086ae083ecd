package api_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestCreateHasDefaults(t *testing.T) {
	t.Parallel()
	s := newService(t)
	snap := s.alice.do("POST", "/v1/jobs", `{}`, "Content-Type: application/json; charset=utf-8").job()
	want := job.DefaultSettings()
	want.MaxDownloadTime, want.InactivityTimeout = job.Duration(job.DefaultMaxDownloadTime), job.Duration(job.DefaultInactivityTimeout)
	if diff := cmp.Diff(want, snap.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if snap.State != job.Suspended || snap.Owner != alice.ID || snap.Type != job.Download || len(snap.ID) != 36 || snap.Waits == "" {
		t.Errorf("%+v", snap)
	}
}

func TestCreateWithEverything(t *testing.T) {
	t.Parallel()
	s := newService(t)
	snap := s.alice.do("POST", "/v1/jobs", `{
		"type": "download", "name": "n", "description": "d", "priority": "low", "retry_delay": "10s",
		"no_progress_timeout": "1h", "max_download_time": "2h", "inactivity_timeout": "3h", "deadline": "2099-01-02T03:04:05Z",
		"auto_complete": true, "overwrite": true, "limit": 1000, "notify_flags": 3, "notify_command": ["/bin/true", "x"],
		"notify_url": "https://hooks.invalid/x", "webhook_key": "`+password+`",
		"network": {"proxy": "http://proxy.invalid:3128", "allow_cleartext": true, "connect_timeout": "5s", "stall_timeout": "6s"},
		"files": [{"url": "https://a.invalid/f", "local": `+quote(s.file("f"))+`, "digest": "md5=00000000000000000000000000000000"}],
		"credentials": [{"target": "server", "scheme": "basic", "user": "u", "password": "`+password+`"},
			{"target": "proxy", "scheme": "digest", "user": "u", "password": "`+password+`"}],
		"headers": [{"name": "X-Token", "value": "`+password+`"}], "resume": false}`).job()
	want := job.Settings{
		Name: "n", Description: "d", Priority: job.Low, RetryDelay: job.Duration(10 * time.Second),
		NoProgressTimeout: job.Duration(time.Hour), MaxDownloadTime: job.Duration(2 * time.Hour),
		InactivityTimeout: job.Duration(3 * time.Hour), Deadline: time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC),
		AutoComplete: true, Overwrite: true, Limit: 1000, NotifyFlags: 3, NotifyCommand: []string{"/bin/true", "x"},
		NotifyURL: "https://hooks.invalid/x", MinNotifyInterval: job.Duration(500 * time.Millisecond), HeadersWriteOnly: true,
		Network: job.Network{
			Proxy: "http://proxy.invalid:3128", AllowCleartext: true,
			ConnectTimeout: job.Duration(5 * time.Second), StallTimeout: job.Duration(6 * time.Second),
		},
	}
	if diff := cmp.Diff(want, snap.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	pairs := []job.CredentialRef{{Target: "server", Scheme: "basic"}, {Target: "proxy", Scheme: "digest"}}
	if diff := cmp.Diff(pairs, snap.Credentials); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"X-Token"}, snap.HeaderNames); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// A job from its creation to its file, with a server that asks for a password.
func TestLifeOfAJob(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.BasicAuth("user", password))
	snap := s.alice.create(srv.URL, s.file("whole"))
	path := "/v1/jobs/" + string(snap.ID)
	s.alice.do("PUT", path+"/credentials/server/basic", `{"user": "user", "password": "`+password+`"}`).into(&struct{}{})
	s.alice.do("POST", path+"/resume", "").job()
	s.alice.until(snap.ID, job.Transferred)
	s.alice.do("POST", path+"/resume", "").refused(http.StatusConflict, job.Empty)
	s.alice.do("POST", path+"/complete", "").job()
	done := s.alice.until(snap.ID, job.Acknowledged)
	if done.Result != job.OK || done.Transferred != 1<<20 || done.Size != 1<<20 {
		t.Errorf("%+v", done)
	}
	if fi, err := os.Stat(s.file("whole")); err != nil || fi.Size() != 1<<20 {
		t.Errorf("%v, %v", fi, err)
	}
	for _, command := range []string{"resume", "suspend", "cancel", "complete"} {
		text := s.alice.do("POST", path+"/"+command, "").refused(http.StatusConflict, job.InvalidState)
		if !strings.Contains(text, "acknowledged") {
			t.Errorf("%s: %q", command, text)
		}
	}
	s.alice.do("PATCH", path, `{"name": "late"}`).refused(http.StatusConflict, job.InvalidState)
	if got := s.alice.do("DELETE", path, ""); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("DELETE: %d %s", got.status, got.body)
	}
	s.alice.do("DELETE", path, "").refused(http.StatusNotFound, job.NotFound)
	s.alice.do("GET", path, "").refused(http.StatusNotFound, job.NotFound)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.alice.create("http://127.0.0.1:1/x", s.file("x")).ID
	path := "/v1/jobs/" + string(id)
	if got := s.alice.do("POST", path+"/resume", "").job(); got.State == job.Suspended {
		t.Errorf("after resume it is %s", got.State)
	}
	if got := s.alice.do("POST", path+"/suspend", "").job(); got.State != job.Suspended {
		t.Errorf("after suspend it is %s", got.State)
	}
	s.alice.do("DELETE", path, "").refused(http.StatusConflict, job.InvalidState)
	if got := s.alice.do("POST", path+"/cancel", "").job(); got.Intent != job.Cancelling {
		t.Errorf("after cancel its intent is %s", got.Intent)
	}
	s.alice.until(id, job.Cancelled)
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	s := newService(t)
	snap := s.alice.do("POST", "/v1/jobs", `{"description": "stays", "notify_command": ["/bin/one", "two"]}`).job()
	path := "/v1/jobs/" + string(snap.ID)
	got := s.alice.do("PATCH", path, `{"priority": "high", "network": {"stall_timeout": "7s"}}`).job()
	want := snap.Settings
	want.Priority, want.Network.StallTimeout = job.High, job.Duration(7*time.Second)
	if diff := cmp.Diff(want, got.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	got = s.alice.do("PATCH", path, `{"network": {"proxy": "none"}}`).job()
	if got.Network.StallTimeout != want.Network.StallTimeout || got.Network.Proxy != "none" {
		t.Errorf("network %+v", got.Network)
	}
	s.alice.do("PATCH", path, `{"network": {"client_cert": true}}`).job()
	if got := s.alice.do("GET", path, "").job(); got.Network.ClientCert {
		t.Error("a client certificate came from nowhere")
	}
}

// A change that is refused leaves no trace, not even in what package json writes over.
func TestConfigureRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	pins := func(digit string) string { return `{"pins": ["sha256/` + strings.Repeat(digit, 43) + `="]}` }
	snap := s.alice.do("POST", "/v1/jobs", `{"notify_command": ["/bin/one", "two"], "network": `+pins("A")+`}`).job()
	path := "/v1/jobs/" + string(snap.ID)
	s.alice.do("PATCH", path, `{"notify_command": ["/bin/evil", "three"], "network": `+pins("E")+`, "limit": -1}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	if got := s.alice.do("GET", path, "").job(); cmp.Diff(snap.Settings, got.Settings) != "" {
		t.Errorf("settings (-want +got):\n%s", cmp.Diff(snap.Settings, got.Settings))
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var seqs []uint64
	for i := range 7 {
		seqs = append(seqs, s.alice.do("POST", "/v1/jobs", fmt.Sprintf(`{"name": "job %d"}`, i)).job().Seq)
	}
	for _, n := range []int{1, 3} { // final
		var page struct{ Jobs []job.Snapshot }
		s.alice.do("GET", "/v1/jobs", "").into(&page)
		id := page.Jobs[n-len(seqs)+len(page.Jobs)].ID
		s.alice.do("POST", "/v1/jobs/"+string(id)+"/cancel", "")
		s.alice.until(id, job.Cancelled)
	}
	tests := []struct {
		query string
		want  []int
	}{
		{"", []int{0, 2, 4, 5, 6}},
		{"?limit=2", []int{0, 2}},
		{fmt.Sprint("?limit=2&after=", seqs[2]), []int{4, 5}},
		{fmt.Sprint("?after=", seqs[6]), nil},
		{"?all=true", []int{0, 2, 4, 5, 6, 3, 1}},
		{"?all=true&limit=6", []int{0, 2, 4, 5, 6, 3}},
		{fmt.Sprint("?all=true&before=", seqs[3]), []int{1}},
		{fmt.Sprint("?all=true&limit=1&before=", uint64(1<<62)), []int{3}},
		{"?after=18446744073709551615", nil},
	}
	for _, tt := range tests {
		var page struct{ Jobs []job.Snapshot }
		s.alice.do("GET", "/v1/jobs"+tt.query, "").into(&page)
		var got []int
		for _, snap := range page.Jobs {
			var n int
			fmt.Sscanf(snap.Name, "job %d", &n)
			got = append(got, n)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("GET /v1/jobs%s (-want +got):\n%s", tt.query, diff)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	for _, prefix := range []string{id, strings.ToUpper(id), id[:8], id[:20]} {
		if got := s.alice.do("GET", "/v1/jobs/"+prefix, "").job(); string(got.ID) != id {
			t.Errorf("%s finds %s", prefix, got.ID)
		}
	}
	ids := map[byte]bool{}
	for twice := false; !twice; { // until two begin with the same digit
		first := s.alice.do("POST", "/v1/jobs", `{}`).job().ID[0]
		twice, ids[first] = ids[first], true
		if twice {
			text := s.alice.do("GET", "/v1/jobs/"+string(first), "").refused(http.StatusUnprocessableEntity, job.InvalidArg)
			if !strings.Contains(text, "more than one") {
				t.Error(text)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	var specs []string
	for i := range 5 {
		specs = append(specs, fmt.Sprintf(`{"url": "https://a.invalid/%d", "local": %s}`, i, quote(s.file(fmt.Sprint(i)))))
	}
	snap := s.alice.do("POST", "/v1/jobs/"+id+"/files", `{"files": [`+strings.Join(specs, ",")+`]}`).job()
	if snap.Totals.Files != 5 {
		t.Errorf("%d files", snap.Totals.Files)
	}
	tests := []struct {
		query string
		want  []job.FileID
	}{
		{"", []job.FileID{1, 2, 3, 4, 5}},
		{"?from=4", []job.FileID{4, 5}},
		{"?limit=2", []job.FileID{1, 2}},
		{"?from=3&limit=1", []job.FileID{3}},
		{"?from=6", nil},
		{"?from=9223372036854775807", nil},
	}
	for _, tt := range tests {
		var page struct{ Files []job.FileSnapshot }
		s.alice.do("GET", "/v1/jobs/"+id+"/files"+tt.query, "").into(&page)
		var got []job.FileID
		for _, f := range page.Files {
			got = append(got, f.ID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}
}

func TestStatusAndStop(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var got struct {
		Version string
		Busy    bool
		Rate    int64
		Daemon  struct {
			PID      int
			StateDir string `json:"state_dir"`
		}
	}
	s.alice.do("GET", "/v1/status", "").into(&got)
	if got.Version != "1.2.3" || got.Daemon.PID != 42 || got.Daemon.StateDir != "/state" || got.Busy {
		t.Errorf("%+v", got)
	}
	s.alice.do("POST", "/v1/stop", "").refused(http.StatusForbidden, job.AccessDenied)
	if got := s.as(admin).do("POST", "/v1/stop", ""); got.status != http.StatusNoContent {
		t.Errorf("%d %s", got.status, got.body)
	}
	<-s.asked
}

// What belongs to others is not there.
func TestOthersJobsAreInvisible(t *testing.T) {
	t.Parallel()
	s := newService(t)
	bobs, admins := s.as(bob), s.as(admin)
	id := string(s.alice.create("https://a.invalid/x", s.file("x")).ID)
	requests := []struct{ method, path, body string }{
		{"GET", "/v1/jobs/" + id, ""},
		{"GET", "/v1/jobs/" + id[:12], ""},
		{"PATCH", "/v1/jobs/" + id, `{"name": "mine"}`},
		{"GET", "/v1/jobs/" + id + "/files", ""},
		{"POST", "/v1/jobs/" + id + "/files", `{"files": [{"url": "https://a.invalid/y", "local": ` + quote(s.file("y")) + `}]}`},
		{"GET", "/v1/jobs/" + id + "/credentials", ""},
		{"PUT", "/v1/jobs/" + id + "/credentials/server/basic", `{"user": "u", "password": "p"}`},
		{"DELETE", "/v1/jobs/" + id + "/credentials/server/basic", ""},
		{"POST", "/v1/jobs/" + id + "/resume", ""},
		{"POST", "/v1/jobs/" + id + "/suspend", ""},
		{"POST", "/v1/jobs/" + id + "/complete", ""},
		{"POST", "/v1/jobs/" + id + "/take-ownership", ""},
		{"GET", "/v1/watch?id=" + id, ""},
		{"POST", "/v1/jobs/" + id + "/cancel", ""},
		{"DELETE", "/v1/jobs/" + id, ""},
	}
	nothing := func() {
		t.Helper()
		for _, r := range requests {
			text := bobs.do(r.method, r.path, r.body).refused(http.StatusNotFound, job.NotFound)
			if strings.Contains(text, "alice") || strings.Contains(text, alice.ID) {
				t.Errorf("%s %s: %q", r.method, r.path, text)
			}
		}
		for _, path := range []string{"/v1/jobs", "/v1/jobs?all=true", "/v1/events"} {
			if got := bobs.do("GET", path, ""); strings.Contains(got.body, id) {
				t.Errorf("GET %s: %s", path, got.body)
			}
		}
	}
	nothing()
	before := s.alice.do("GET", "/v1/jobs/"+id, "").body
	if after := s.alice.do("GET", "/v1/jobs/"+id, "").body; after != before {
		t.Errorf("%s became %s", before, after)
	}
	if got := admins.do("GET", "/v1/jobs", ""); !strings.Contains(got.body, id) {
		t.Errorf("an administrator sees %s", got.body)
	}
	admins.do("POST", "/v1/jobs/"+id+"/cancel", "").job()
	s.alice.until(job.ID(id), job.Cancelled)
	nothing()
	for _, path := range []string{"/v1/jobs?all=true", "/v1/events"} {
		for _, c := range []*client{s.alice, admins} {
			if got := c.do("GET", path, ""); !strings.Contains(got.body, id) {
				t.Errorf("GET %s: %s", path, got.body)
			}
		}
	}
}
