package httpx

import (
	"fmt"
	"net/url"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	targetServer = "server"
	targetProxy  = "proxy"
	schemeAny    = "any"
)

// anySchemes are those that a user and password are registered for under the name "any". Passport is not among
// them: it is used only where it is asked for by name, as in BITS.
var anySchemes = []httpauth.Scheme{httpauth.Negotiate, httpauth.NTLM, httpauth.Digest, httpauth.Basic}

// implicitSchemes are those that know credentials of the logged-on user.
var implicitSchemes = []httpauth.Scheme{httpauth.Negotiate, httpauth.NTLM}

// credentials are those of src bound to where they may go: the origin of u, and the proxy that is the way there.
// Without one, those for a proxy are left out.
func (d *Downloader) credentials(src transport.Source, u, way *url.URL) ([]httpauth.Credentials, error) {
	given := src.Credentials
	if way != nil && way.User != nil && !slices.ContainsFunc(given, isForProxy) {
		password, _ := way.User.Password()
		given = append(slices.Clip(given), job.Credential{
			Target: targetProxy, Scheme: schemeAny, User: way.User.Username(), Password: password,
		})
	}
	var out []httpauth.Credentials
	for _, explicit := range []bool{true, false} { // a scheme's own credentials win over "any"
		for _, c := range given {
			if explicit == (c.Scheme == schemeAny) {
				continue
			}
			bound, err := bind(c, u, way)
			if err != nil {
				return nil, err
			}
			for _, b := range bound {
				if !slices.ContainsFunc(out, func(o httpauth.Credentials) bool { return o.Target == b.Target && o.Scheme == b.Scheme }) {
					out = append(out, b)
				}
			}
		}
	}
	return out, nil
}

func isForProxy(c job.Credential) bool { return c.Target == targetProxy }

// bind turns c into credentials of httpauth.
func bind(c job.Credential, u, way *url.URL) ([]httpauth.Credentials, error) {
	bound := httpauth.Credentials{User: c.User, Password: c.Password, Implicit: c.Implicit}
	var err error
	switch c.Target {
	case targetServer:
		bound.Origin, err = httpauth.Origin(u)
	case targetProxy:
		bound.Target = httpauth.Proxy
		if way != nil {
			bound.Origin, err = httpauth.Origin(way)
		}
	default:
		return nil, job.Invalid(job.InvalidAuthTarget, "credential target %q is neither server nor proxy", c.Target)
	}
	if err != nil {
		return nil, job.Invalid(job.InvalidArg, "%v", err)
	}
	schemes, err := schemesFor(c)
	if err != nil {
		return nil, err
	}
	if c.Target == targetProxy && way == nil {
		// Nobody to send them to; they are still checked, so that mistakes show at once.
		bound.Origin = "http://localhost"
	}
	var out []httpauth.Credentials
	for _, s := range schemes {
		bound.Scheme, bound.ServicePrincipal = s, ""
		if s == httpauth.Negotiate {
			bound.ServicePrincipal = c.ServicePrincipal
		}
		if _, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{bound}}); err != nil {
			code := job.InvalidCredentials
			if c.Implicit {
				code = job.InvalidArg // as BITS has it for BASIC and DIGEST
			}
			return nil, job.Invalid(code, "%v", err)
		}
		out = append(out, bound)
	}
	if c.Target == targetProxy && way == nil {
		return nil, nil
	}
	return out, nil
}

func schemesFor(c job.Credential) ([]httpauth.Scheme, error) {
	switch {
	case c.Scheme != schemeAny:
		scheme, err := httpauth.ParseScheme(c.Scheme)
		if err != nil {
			return nil, job.Invalid(job.InvalidAuthScheme, "%v, or any", err)
		}
		return []httpauth.Scheme{scheme}, nil
	case c.Implicit:
		return implicitSchemes, nil
	case strings.Contains(c.User, ":"): // Basic cannot carry it
		return anySchemes[:len(anySchemes)-1], nil
	}
	return anySchemes, nil
}

// kerberos is where the implicit credentials of src are found: in the environment of this process, or where
// those of its owner are kept. Windows keeps them where only the owner's own processes find them.
func kerberos(src transport.Source) (httpauth.Kerberos, error) {
	if src.Owner == "" || !slices.ContainsFunc(src.Credentials, func(c job.Credential) bool { return c.Implicit }) {
		return httpauth.Kerberos{}, nil
	}
	self, err := user.Current()
	if err != nil {
		return httpauth.Kerberos{}, fmt.Errorf("implicit credentials: who runs this service? %w", err)
	}
	owner := strings.TrimPrefix(src.Owner, "uid:")
	if owner == self.Uid {
		return httpauth.Kerberos{}, nil
	}
	uid, err := strconv.Atoi(owner)
	if err != nil {
		return httpauth.Kerberos{}, job.Invalid(job.InvalidCredentials,
			"the service of all users cannot use the credentials of the logged-on user here; give a user and a password, or use a service of your own")
	}
	return httpauth.Kerberos{UID: &uid}, nil
}
