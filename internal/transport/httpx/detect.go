package httpx

import (
	"context"
	"net/url"

	"github.com/ebb-transfer/ebb/job"
)

// routes are those that "auto" stands for: what the system has been set to, else a script (PAC) that the network has for
// all (WPAD), else the environment.
func (d *detector) routes(ctx context.Context, u *url.URL) ([]*url.URL, error) {
	set, err := systemProxies()
	if err != nil {
		return nil, err
	}
	switch {
	case set.script != "":
		return d.run(ctx, set.script, u)
	case set.list != "":
		return listed(set.list, set.bypass)(ctx, u)
	}
	if ways, err := d.discover(ctx, u); ways != nil || err != nil {
		return ways, err
	}
	return environment()(ctx, u)
}

// proxySettings are what a system has been set to; the zero value is nothing.
type proxySettings struct {
	script       string // URL of a PAC file, which then has the say
	list, bypass string // as in job.Network
}

// errScript is the error for a script that cannot be run, or failed.
func errScript(where, why string) *job.Error {
	return job.Invalid(job.InvalidProxyInfo, "the proxies are to be found by a script (PAC), %.200q, but %s; give the job a list of proxies, or none", redact(where), why)
}
