package job_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

// TestCredentialRefusals has each refusal of BITS under the name of its error, and beside it the nearest
// credentials that are not refused.
func TestCredentialRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", job.MaxUserLen) // characters, not bytes
	longest := strings.Repeat("é", job.MaxPasswordLen)
	basic := func(user, password string) job.Credential {
		return job.Credential{Target: "server", Scheme: "basic", User: user, Password: password}
	}
	pair := func(target, scheme string) job.Credential {
		return job.Credential{Target: target, Scheme: scheme, User: "alice", Password: "secret"}
	}
	for _, tt := range []struct {
		want     job.Code
		bad, fit job.Credential
	}{
		{job.UsernameTooLarge, basic(long+"é", "secret"), basic(long, "secret")},
		{job.PasswordTooLarge, basic("alice", longest+"é"), basic("alice", longest)},
		{job.InvalidAuthTarget, pair("moon", "basic"), pair("proxy", "basic")},
		{job.InvalidAuthTarget, pair("", "basic"), pair("server", "basic")},
		{job.InvalidAuthTarget, pair("Server", "basic"), pair("server", "basic")},
		{job.InvalidAuthScheme, pair("server", "rot13"), pair("server", "passport")},
		{job.InvalidAuthScheme, pair("server", "BASIC"), pair("server", "any")},
		{job.InvalidAuthScheme, pair("proxy", ""), pair("proxy", "ntlm")},
		{job.InvalidArg, basic("", "secret"), basic("alice", "secret")},
		{
			job.InvalidArg,
			job.Credential{Target: "server", Scheme: "ntlm", Implicit: true, ServicePrincipal: "HTTP/files"},
			job.Credential{Target: "server", Scheme: "negotiate", Implicit: true, ServicePrincipal: "HTTP/files"},
		},
		{
			job.InvalidArg, basic("alice", ""), // forgotten
			job.Credential{Target: "server", Scheme: "basic", User: "alice", EmptyPassword: true},
		},
		{
			job.InvalidArg,
			job.Credential{Target: "server", Scheme: "digest", User: "alice", Password: "secret", EmptyPassword: true},
			pair("server", "digest"),
		},
		{
			job.InvalidArg,
			job.Credential{Target: "proxy", Scheme: "ntlm", User: "alice", Implicit: true},
			job.Credential{Target: "proxy", Scheme: "ntlm", Implicit: true},
		},
		{
			job.InvalidArg,
			job.Credential{Target: "server", Scheme: "negotiate", EmptyPassword: true, Implicit: true},
			job.Credential{Target: "server", Scheme: "negotiate", Implicit: true},
		},
		{
			job.InvalidArg,
			job.Credential{Target: "server", Scheme: "bearer", EmptyPassword: true},
			job.Credential{Target: "server", Scheme: "bearer", Password: "token"},
		},
		{
			job.InvalidArg,
			job.Credential{Target: "server", Scheme: "bearer", User: "alice", Password: "token"},
			job.Credential{Target: "server", Scheme: "bearer", Password: "token"},
		},
	} {
		t.Run(fmt.Sprint(tt.want, " ", tt.bad), func(t *testing.T) {
			t.Parallel()
			err := tt.bad.Check()
			if refusal := (*job.Error)(nil); !errors.As(err, &refusal) || refusal.Code != tt.want || refusal.Class != job.Fatal {
				t.Errorf("%v: %v, want %v", tt.bad, err, tt.want)
			} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "éé") {
				t.Errorf("%v repeats what it refuses: %v", tt.bad, err)
			}
			if err := tt.fit.Check(); err != nil {
				t.Errorf("%v: %v, want no refusal", tt.fit, err)
			}
		})
	}
}

// TestNoCredentialsAtAll is the NULL of BITS: a user and a password that are both absent are those of the job's owner
// where there are such, and only when that is said.
func TestNoCredentialsAtAll(t *testing.T) {
	t.Parallel()
	for _, target := range job.Targets() {
		for _, scheme := range job.Schemes() {
			c := job.Credential{Target: target, Scheme: scheme}
			var refusal *job.Error
			if err := c.Check(); !errors.As(err, &refusal) || refusal.Code != job.InvalidArg {
				t.Errorf("%v without user and password: %v, want E_INVALIDARG", c, err)
			}
			c.Implicit = true
			want := job.OK
			if scheme != "ntlm" && scheme != "negotiate" && scheme != "any" {
				want = job.InvalidArg
			}
			refusal = &job.Error{}
			if err := c.Check(); errors.As(err, &refusal) && refusal.Code != want || (err == nil) != (want == job.OK) {
				t.Errorf("%v, implicit: %v, want %v", c, err, want)
			}
		}
	}
}

func TestPairsThatDoNotExist(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ref  job.CredentialRef
		want job.Code
	}{
		{job.CredentialRef{Target: "server", Scheme: "any"}, job.OK},
		{job.CredentialRef{Target: "", Scheme: "any"}, job.InvalidAuthTarget},
		{job.CredentialRef{Target: "proxy", Scheme: "any "}, job.InvalidAuthScheme},
	} {
		refusal := &job.Error{Code: job.OK}
		if err := tt.ref.Check(); (err == nil) != (tt.want == job.OK) || errors.As(err, &refusal) && refusal.Code != tt.want {
			t.Errorf("%+v: %v, want %v", tt.ref, err, tt.want)
		}
	}
}
