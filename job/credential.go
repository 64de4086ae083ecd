package job

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of BITS for credentials.
const (
	MaxUserLen     = 300    // characters of a user name
	MaxPasswordLen = 65_536 // characters of a password or token
)

// CredentialRef names a pair that credentials are set for. It holds no secret. A job has at most one of each.
type CredentialRef struct {
	Target string `json:"target"` // "server" or "proxy"
	Scheme string `json:"scheme"` // "basic", "digest", "ntlm", "negotiate", "passport", "bearer" or "any"
}

// Credential is a secret for one (target, scheme). It goes only to the origin of the job's
// files, or to the proxy; never across a redirect.
type Credential struct {
	Target   string `json:"target"` // "server" or "proxy"
	Scheme   string `json:"scheme"` // "basic", "digest", "ntlm", "negotiate", "passport", "bearer" or "any"
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"` // for bearer the token
	// EmptyPassword says that the account has a password and that it is empty. Without it an empty Password is
	// one that was forgotten, and is refused.
	EmptyPassword bool `json:"empty_password,omitempty"`
	// Implicit stands for the credentials of the job's owner, in place of User and Password. Only NTLM and Negotiate
	// have them, and "any", which then means those two.
	Implicit bool `json:"implicit,omitempty"`
	// ServicePrincipal is the Kerberos name of the server or proxy, HTTP/host or HTTP/host@REALM, where it is not made
	// of the host in the URL. Only Negotiate, and "any", have a use for it.
	ServicePrincipal string `json:"service_principal,omitempty"`
}

const schemeBearer = "bearer"

var (
	targets  = []string{"server", "proxy"}
	schemes  = []string{"basic", "digest", "ntlm", "negotiate", "passport", schemeBearer, "any"}
	implicit = []string{"ntlm", "negotiate", "any"} // the schemes that implicit credentials can be for
	tickets  = []string{"negotiate", "any"}         // those that ask a KDC for them
)

// Targets are whom credentials can be for.
func Targets() []string { return slices.Clone(targets) }

// Schemes are what credentials can be for. "any" is whatever is offered, the strongest first.
func Schemes() []string { return slices.Clone(schemes) }

// HasImplicit reports whether there are implicit credentials for a scheme.
func HasImplicit(scheme string) bool { return slices.Contains(implicit, scheme) }

// Ref names the pair without its secret.
func (c Credential) Ref() CredentialRef { return CredentialRef{Target: c.Target, Scheme: c.Scheme} }

// String hides the secret.
func (c Credential) String() string { return c.Target + "/" + c.Scheme }

// GoString hides the secret.
func (c Credential) GoString() string { return c.String() }

// Check refuses a pair that does not exist, with code InvalidAuthTarget or InvalidAuthScheme.
func (r CredentialRef) Check() error {
	switch {
	case !slices.Contains(targets, r.Target):
		return Invalid(InvalidAuthTarget, "credential target %.60q is neither server nor proxy", r.Target)
	case !slices.Contains(schemes, r.Scheme):
		return Invalid(InvalidAuthScheme, "authentication scheme %.60q is none of %s", r.Scheme, strings.Join(schemes, ", "))
	}
	return nil
}

// Check refuses credentials that could never be used: a pair that does not exist (see [CredentialRef.Check]), a
// user or password that is too long (UsernameTooLarge, PasswordTooLarge), and with code InvalidArg those of which a
// part is missing or contradicts another.
func (c Credential) Check() error {
	if err := c.Ref().Check(); err != nil {
		return err
	}
	given := c.Password != "" || c.EmptyPassword
	switch {
	case utf8.RuneCountInString(c.User) > MaxUserLen:
		return Invalid(UsernameTooLarge, "the user name has more than %d characters", MaxUserLen)
	case utf8.RuneCountInString(c.Password) > MaxPasswordLen:
		return Invalid(PasswordTooLarge, "the password has more than %d characters", MaxPasswordLen)
	case c.Password != "" && c.EmptyPassword:
		return Invalid(InvalidArg, "the password is said to be empty, but there is one")
	case utf8.RuneCountInString(c.ServicePrincipal) > MaxUserLen:
		return Invalid(InvalidArg, "the service principal has more than %d characters", MaxUserLen)
	case c.ServicePrincipal != "" && !slices.Contains(tickets, c.Scheme):
		return Invalid(InvalidArg, "%s has no service principal; only negotiate asks for tickets", c.Scheme)
	case c.Implicit && !HasImplicit(c.Scheme):
		return Invalid(InvalidArg, "%s has no implicit credentials; give a user and a password", c.Scheme)
	case c.Implicit && (c.User != "" || given):
		return Invalid(InvalidArg, "implicit credentials are those of the job's owner; give either them or a user and a password")
	case c.Implicit:
		return nil
	case c.Scheme == schemeBearer && c.Password == "":
		return Invalid(InvalidArg, "bearer needs a token, given as the password")
	case c.Scheme == schemeBearer && c.User != "":
		return Invalid(InvalidArg, "bearer has a token, given as the password, and no user")
	case c.Scheme == schemeBearer:
		return nil
	case c.User == "" && !given && HasImplicit(c.Scheme):
		return Invalid(InvalidArg, "%s credentials need a user and a password, or to be implicit: those of the job's owner", c.Scheme)
	case c.User == "":
		return Invalid(InvalidArg, "%s credentials need a user", c.Scheme)
	case !given:
		return Invalid(InvalidArg, "%s credentials need a password; one that is empty is set by empty_password", c.Scheme)
	}
	return nil
}
