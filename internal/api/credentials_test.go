package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	s := newService(t)
	path := "/v1/jobs/" + string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID) + "/credentials"
	const secret = `{"user": "u", "password": "` + password + `"}`
	list := func(a answer) (pairs []job.CredentialRef) {
		t.Helper()
		var page struct{ Credentials []job.CredentialRef }
		a.into(&page)
		return page.Credentials
	}
	if got := list(s.alice.do("GET", path, "")); got == nil || len(got) != 0 {
		t.Errorf("at first %v", got)
	}
	list(s.alice.do("PUT", path+"/server/basic", secret))
	list(s.alice.do("PUT", path+"/proxy/any", secret))
	list(s.alice.do("PUT", path+"/server/basic", secret)) // replaces
	list(s.alice.do("PUT", path+"/server/basic", `{"user": "guest", "empty_password": true}`))
	want := []job.CredentialRef{{Target: "proxy", Scheme: "any"}, {Target: "server", Scheme: "basic"}}
	if diff := cmp.Diff(want, list(s.alice.do("GET", path, ""))); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	list(s.alice.do("DELETE", path+"/server/basic", ""))
	list(s.alice.do("DELETE", path+"/server/digest", "")) // never set
	if diff := cmp.Diff(want[:1], list(s.alice.do("GET", path, ""))); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

// TestCredentialsAreRefusedWithTheCodesOfBITS, in a new job and in one that is there.
func TestCredentialsAreRefusedWithTheCodesOfBITS(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	user := func(n int) string { return strings.Repeat("u", n) }
	for _, tt := range []struct {
		name, target, scheme, secret string // secret is the rest of the JSON object
		want                         job.Code
	}{
		{"BG_E_USERNAME_TOO_LARGE", "server", "basic", `"user": "` + user(301) + `", "password": "p"`, job.UsernameTooLarge},
		{"BG_E_PASSWORD_TOO_LARGE", "server", "basic", `"user": "u", "password": "` + user(65_537) + `"`, job.PasswordTooLarge},
		{"BG_E_INVALID_AUTH_TARGET", "cookie", "basic", `"user": "u", "password": "p"`, job.InvalidAuthTarget},
		{"BG_E_INVALID_AUTH_SCHEME", "server", "rot13", `"user": "u", "password": "p"`, job.InvalidAuthScheme},
		{"E_INVALIDARG neither", "server", "digest", ``, job.InvalidArg},
		{"E_INVALIDARG no password", "server", "digest", `"user": "u"`, job.InvalidArg},
		{"E_INVALIDARG no user", "server", "digest", `"password": "p"`, job.InvalidArg},
		{"E_INVALIDARG implicit", "server", "digest", `"implicit": true`, job.InvalidArg},
		{"E_INVALIDARG implicit and more", "proxy", "negotiate", `"implicit": true, "user": "u", "password": "p"`, job.InvalidArg},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pair := `"target": "` + tt.target + `", "scheme": "` + tt.scheme + `"`
			spec := `{"credentials": [{` + strings.TrimSuffix(pair+", "+tt.secret, ", ") + `}]}`
			s.alice.do("POST", "/v1/jobs", spec).refused(http.StatusUnprocessableEntity, tt.want)
			path := "/v1/jobs/" + id + "/credentials/" + tt.target + "/" + tt.scheme
			s.alice.do("PUT", path, "{"+tt.secret+"}").refused(http.StatusUnprocessableEntity, tt.want)
		})
	}
	if got := s.alice.do("GET", "/v1/jobs", ""); strings.Count(got.body, `"id"`) != 1 || strings.Contains(got.body, "credentials") {
		t.Errorf("something was stored: %s", got.body)
	}
}

// TestTakeOwnership: an administrator becomes the owner of alice's job, which then is hers no more. Her password is gone.
func TestTakeOwnership(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.BasicAuth("user", password))
	s := newService(t)
	admins := s.as(admin)
	path := "/v1/jobs/" + string(s.alice.create(srv.URL, s.file("x")).ID)
	const secret = `{"user": "user", "password": "` + password + `"}`
	s.alice.do("PUT", path+"/credentials/server/basic", secret).into(&struct{}{})

	if own := s.alice.do("POST", path+"/take-ownership", "").job(); own.Owner != alice.ID || len(own.Credentials) != 1 {
		t.Errorf("alice takes her own job: owner %s, %v", own.Owner, own.Credentials)
	}
	admins.do("PUT", path+"/credentials/server/basic", secret).refused(http.StatusForbidden, job.AccessDenied)
	watched := s.alice.stream(t.Context(), "/v1/watch?id="+path[len("/v1/jobs/"):])
	if got := snapshotOf(t, watched.next()); got.Owner != alice.ID {
		t.Errorf("alice watches a job of %s", got.Owner)
	}
	taken := admins.do("POST", path+"/take-ownership", "").job()
	if taken.Owner != admin.ID || !taken.NeedsCredentials || taken.Credentials != nil || taken.State != job.Suspended {
		t.Errorf("taken: %+v", taken)
	}
	if !strings.Contains(taken.Waits, "needs credentials: ownership changed") {
		t.Errorf("why: %s", taken.Waits)
	}
	if e, err := watched.read(); !errors.Is(err, io.EOF) {
		t.Errorf("alice still watches it: %+v, %v", e, err)
	}
	s.alice.do("GET", path, "").refused(http.StatusNotFound, job.NotFound)
	s.alice.do("POST", path+"/take-ownership", "").refused(http.StatusNotFound, job.NotFound)

	admins.do("POST", path+"/resume", "").job()
	if got := admins.until(taken.ID, job.InError); got.Error.Code != job.HTTPStatus(http.StatusUnauthorized) {
		t.Errorf("without credentials: %v", got.Error)
	}
	admins.do("PUT", path+"/credentials/server/basic", secret).into(&struct{}{})
	admins.do("POST", path+"/resume", "").job()
	admins.until(taken.ID, job.Transferred)
	admins.do("POST", path+"/cancel", "").job()
	admins.until(taken.ID, job.Cancelled)
	admins.do("POST", path+"/take-ownership", "").refused(http.StatusConflict, job.InvalidState)
}
