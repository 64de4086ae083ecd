package api_test

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// listed are the numbers of a job's files.
func (c *client) listed(path string) (ids []job.FileID) {
	c.t.Helper()
	var page struct{ Files []job.FileSnapshot }
	c.do("GET", path+"/files", "").into(&page)
	for _, f := range page.Files {
		ids = append(ids, f.ID)
	}
	return ids
}

func (c *client) file(path string, n string) (f job.FileSnapshot) {
	c.t.Helper()
	c.do("GET", path+"/files/"+n, "").into(&f)
	return f
}

func TestSingleFiles(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	s := newService(t)
	path := "/v1/jobs/" + string(s.alice.create(srv.URL+"/one", s.file("1")).ID)
	s.alice.do("POST", path+"/files", `{"files": [{"url": "`+srv.URL+`/two", "local": `+quote(s.file("2"))+`}]}`).job()
	s.alice.do("GET", path+"/files/3", "").refused(http.StatusNotFound, job.FileNotFound)
	s.alice.do("DELETE", path+"/files/0", "").refused(http.StatusNotFound, job.FileNotFound)
	s.alice.do("GET", path+"/files/x", "").refused(http.StatusUnprocessableEntity, job.InvalidArg)
	s.alice.do("PATCH", path+"/files/1", `{}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	s.alice.do("PATCH", path+"/files/1", `{"local": "/x"}`).refused(http.StatusBadRequest, job.InvalidArg)

	// All of a change or nothing of it.
	s.alice.do("PATCH", path+"/files/1", `{"url": "http://a.invalid/", "validated": true}`).refused(http.StatusConflict, job.Pending)
	if f := s.alice.file(path, "1"); f.URL != srv.URL+"/one" {
		t.Errorf("a refused change left the URL %s", f.URL)
	}
	s.alice.do("PATCH", path+"/files/1", `{"url": "`+srv.URL+`/first", "position": 10}`).job()
	if f := s.alice.file(path, "1"); f.URL != srv.URL+"/first" || f.Position != 10 {
		t.Errorf("changed: %+v", f)
	}
	s.alice.do("POST", path+"/files/2/ranges", `{"ranges": "0-99,200-299"}`).job()
	if f := s.alice.file(path, "2"); f.Requested.Len() != 200 {
		t.Errorf("requested: %v", f.Requested)
	}
	s.alice.do("POST", path+"/files/2/ranges", `{}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	s.alice.do("GET", path+"/files/1/answer", "").refused(http.StatusConflict, job.Pending)

	var replaced struct {
		Replaced int
		Job      job.Snapshot
	}
	s.alice.do("POST", path+"/replace-prefix", `{"old": "`+srv.URL+`/f", "new": "`+srv.URL+`/F"}`).into(&replaced)
	if f := s.alice.file(path, "1"); replaced.Replaced != 1 || replaced.Job.Totals.Files != 2 || f.URL != srv.URL+"/First" {
		t.Errorf("replaced: %+v, %s", replaced, f.URL)
	}
	s.alice.do("PATCH", path+"/files/2", `{"skipped": true}`).job()
	if skipped := s.alice.do("POST", path+"/resume", "").job(); skipped.Totals.Skipped != 1 {
		t.Errorf("skipped: %+v", skipped.Totals)
	}
	snap := s.alice.until(s.alice.do("GET", path, "").job().ID, job.Transferred)
	s.alice.do("PATCH", path+"/files/1", `{"validated": false}`).job()
	if f := s.alice.file(path, "1"); f.Done || f.Filled != nil {
		t.Errorf("found wrong: %+v", f)
	}
	if failed := s.alice.do("GET", path, "").job(); failed.State != job.InError || failed.Error.Code != job.ValidationFailed {
		t.Errorf("found wrong: %v, %v", failed.State, failed.Error)
	}
	s.alice.do("POST", path+"/resume", "").job()
	s.alice.until(snap.ID, job.Transferred)
	s.alice.do("PATCH", path+"/files/1", `{"validated": true}`).job()
	s.alice.do("POST", path+"/files/1/retry", "").job()
	if f := s.alice.file(path, "1"); f.Done || f.Validated {
		t.Errorf("to be fetched anew: %+v", f)
	}
	if diff := cmp.Diff([]job.FileID{1, 2}, s.alice.listed(path)); diff != "" {
		t.Error(diff)
	}
	s.alice.do("DELETE", path+"/files/1", "").job()
	if diff := cmp.Diff([]job.FileID{2}, s.alice.listed(path)); diff != "" {
		t.Errorf("after file 1 was removed: %s", diff)
	}
	s.alice.do("PATCH", path+"/files/1", `{"skipped": true}`).refused(http.StatusNotFound, job.FileNotFound)
	s.alice.do("POST", path+"/files", `{"files": [{"url": "`+srv.URL+`/three", "local": `+quote(s.file("1"))+`}]}`).job() // its name is free again
	if diff := cmp.Diff([]job.FileID{2, 3}, s.alice.listed(path)); diff != "" {
		t.Errorf("numbers are used again: %s", diff)
	}
}

// TestRemovedFilesLeaveNothingBehind: neither among the partial files, nor once the job is completed.
func TestRemovedFilesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	s := newService(t)
	id := s.alice.create(srv.URL+"/one", s.file("1")).ID
	path := "/v1/jobs/" + string(id)
	s.alice.do("POST", path+"/files", `{"files": [{"url": "`+srv.URL+`/two", "local": `+quote(s.file("2"))+`}]}`).job()
	s.alice.do("POST", path+"/resume", "").job()
	s.alice.until(id, job.Transferred)
	s.alice.do("DELETE", path+"/files/2", "").job()
	s.alice.do("POST", path+"/complete", "").job()
	if done := s.alice.until(id, job.Acknowledged); done.Result != job.OK {
		t.Errorf("completed with %v", done.Result)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Collect(func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.Name()) {
				return
			}
		}
	})
	if diff := cmp.Diff([]string{"1"}, names); diff != "" {
		t.Errorf("in the folder (-want +got):\n%s", diff)
	}
	var f job.FileSnapshot
	s.alice.do("GET", path+"/files/1", "").into(&f) // still there to be asked for
	if !f.Done {
		t.Errorf("file 1 of the completed job: %+v", f)
	}
	s.alice.do("DELETE", path+"/files/1", "").refused(http.StatusConflict, job.InvalidState)
}

func TestHeadersAreTheOwners(t *testing.T) {
	t.Parallel()
	s := newService(t)
	admins := s.as(admin)
	path := "/v1/jobs/" + string(s.alice.do("POST", "/v1/jobs", `{"headers_write_only": false}`).job().ID)
	headers := func() (list []job.Header) {
		t.Helper()
		var out struct{ Headers []job.Header }
		s.alice.do("GET", path+"/headers", "").into(&out)
		return out.Headers
	}
	if got := headers(); got == nil || len(got) != 0 {
		t.Errorf("at first %v", got)
	}
	const body = `{"headers": [{"name": "X-One", "value": "1"}, {"name": "X-Two", "value": "2"}]}`
	if set := s.alice.do("PUT", path+"/headers", body).job(); !slices.Equal(set.HeaderNames, []string{"X-One", "X-Two"}) {
		t.Errorf("names %v", set.HeaderNames)
	}
	if diff := cmp.Diff([]job.Header{{Name: "X-One", Value: "1"}, {Name: "X-Two", Value: "2"}}, headers()); diff != "" {
		t.Error(diff)
	}
	admins.do("PUT", path+"/headers", body).refused(http.StatusForbidden, job.AccessDenied)
	admins.do("GET", path+"/headers", "").refused(http.StatusForbidden, job.AccessDenied)
	s.as(bob).do("GET", path+"/headers", "").refused(http.StatusNotFound, job.NotFound)
	s.alice.do("PUT", path+"/headers", `{"headers": [{"name": "X:", "value": "1"}]}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	long := string(slices.Repeat([]byte("x"), 16_400))
	s.alice.do("PUT", path+"/headers", `{"headers": [{"name": "X", "value": "`+long+`"}]}`).refused(http.StatusUnprocessableEntity, job.StringTooLong)

	s.alice.do("PATCH", path, `{"headers_write_only": true}`).job()
	s.alice.do("PUT", path+"/headers", `{"headers": [{"name": "X", "value": "`+password+`"}]}`).job()
	s.alice.do("GET", path+"/headers", "").refused(http.StatusForbidden, job.AccessDenied)
	s.alice.do("PATCH", path, `{"headers_write_only": false}`).refused(http.StatusUnprocessableEntity, job.ReadOnlyProperty)
	if cleared := s.alice.do("PUT", path+"/headers", `{"headers": null}`).job(); cleared.HeaderNames != nil {
		t.Errorf("cleared: %v", cleared.HeaderNames)
	}
	if _, err := s.store.Secret(t.Context(), s.alice.do("GET", path, "").job().ID, "headers"); err == nil {
		t.Error("the cleared headers are still stored")
	}
}

func TestWebhookKeyIsTheOwners(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.alice.do("POST", "/v1/jobs", `{}`).job().ID
	path := "/v1/jobs/" + string(id)
	const body = `{"webhook_key": "` + password + `"}`
	s.as(admin).do("PUT", path+"/webhook-key", body).refused(http.StatusForbidden, job.AccessDenied)
	s.as(bob).do("PUT", path+"/webhook-key", body).refused(http.StatusNotFound, job.NotFound)
	s.alice.do("PUT", path+"/webhook-key", `{"webhook_key": ""}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	s.alice.do("PUT", path+"/webhook-key", `{"client_pem": "x"}`).refused(http.StatusBadRequest, job.InvalidArg)
	s.alice.do("PUT", path+"/webhook-key", body).job()
	if key, err := s.engine.Secret(t.Context(), id, store.SecretWebhook); err != nil || string(key) != password {
		t.Errorf("the key is %q, %v", key, err)
	}
	s.as(admin).do("POST", path+"/take-ownership", "").job()
	if key, err := s.engine.Secret(t.Context(), id, store.SecretWebhook); err != nil || key != nil {
		t.Errorf("the new owner has the key %q, %v", key, err)
	}
	s.as(admin).do("PUT", path+"/webhook-key", body).job()
	s.as(admin).do("POST", path+"/cancel", "").job()
	s.as(admin).do("PUT", path+"/webhook-key", body).refused(http.StatusConflict, job.InvalidState)
}

func TestClientCertificateIsTheOwners(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.ClientCert())
	s := newService(t)
	spec := `{"auto_complete": true, "network": {"ca_cert": ` + quote(srv.CACert()) + `}, "files": [{"url": "` + srv.URL + `", "local": ` + quote(s.file("x")) + `}]}`
	id := s.alice.do("POST", "/v1/jobs", spec).job().ID
	path := "/v1/jobs/" + string(id)
	pem := `{"client_pem": ` + quote(string(srv.ClientCert())) + `}`
	s.as(admin).do("PUT", path+"/client-certificate", pem).refused(http.StatusForbidden, job.AccessDenied)
	s.as(admin).do("DELETE", path+"/client-certificate", "").refused(http.StatusForbidden, job.AccessDenied)
	s.alice.do("PUT", path+"/client-certificate", `{"client_pem": ""}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	s.alice.do("PUT", path+"/client-certificate", `{"client_pem": "cheese"}`).refused(http.StatusUnprocessableEntity, job.InvalidArg)
	if set := s.alice.do("PUT", path+"/client-certificate", pem).job(); !set.Network.ClientCert {
		t.Error("there is none")
	}
	// A change of other settings leaves it, and what it does not name of them.
	if set := s.alice.do("PATCH", path, `{"network": {"stall_timeout": "5s"}}`).job(); !set.Network.ClientCert || set.Network.CACert != srv.CACert() {
		t.Errorf("after another change: %+v", set.Network)
	}
	if none := s.alice.do("DELETE", path+"/client-certificate", "").job(); none.Network.ClientCert {
		t.Error("it is still there")
	}
	s.alice.do("PUT", path+"/client-certificate", pem).job()
	s.alice.do("POST", path+"/resume", "").job()
	s.alice.until(id, job.Acknowledged)
}

// TestChecklist18TakeOwnershipWipes all that the former owner trusted the job with: what is stored of it, too.
func TestChecklist18TakeOwnershipWipes(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.ClientCert())
	s := newService(t)
	old := s.alice.do("POST", "/v1/jobs", `{
		"notify_command": ["/bin/true"], "notify_url": "https://hooks.invalid/x", "webhook_key": "`+password+`",
		"headers_write_only": false, "headers": [{"name": "X-Token", "value": "`+password+`"}],
		"credentials": [{"target": "server", "scheme": "basic", "user": "u", "password": "`+password+`"}],
		"network": {"allow_cleartext": true}, "client_pem": `+quote(string(srv.ClientCert()))+`}`).job()
	names := []string{"headers", "client_cert", "webhook", "credentials/server/basic"}
	for _, name := range names {
		if _, err := s.store.Secret(t.Context(), old.ID, name); err != nil {
			t.Errorf("before: %s: %v", name, err)
		}
	}
	path := "/v1/jobs/" + string(old.ID)
	taken := s.as(admin).do("POST", path+"/take-ownership", "").job()
	if taken.Credentials != nil || taken.HeaderNames != nil || taken.NotifyCommand != nil || taken.NotifyURL != "" ||
		taken.Network.ClientCert || taken.Network.AllowCleartext || !taken.NeedsCredentials {
		t.Errorf("taken: %+v", taken)
	}
	for _, name := range names {
		if _, err := s.store.Secret(t.Context(), old.ID, name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is still stored: %v", name, err)
		}
	}
	var list struct{ Headers []job.Header }
	s.as(admin).do("GET", path+"/headers", "").into(&list)
	if len(list.Headers) != 0 {
		t.Errorf("the new owner reads the headers of the former one: %v", list.Headers)
	}
}
