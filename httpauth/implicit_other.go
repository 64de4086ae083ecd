//go:build !windows

package httpauth

// newImplicit returns the scheme with the credentials of the logged-on user. Only Kerberos keeps some.
func newImplicit(c Credentials, k Kerberos) scheme {
	if c.Scheme == NTLM {
		return &ntlmScheme{}
	}
	return newNegotiate(c, k)
}
