//go:build pac

package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/ebb-transfer/ebb/internal/transport/httpx/pac"
	"github.com/ebb-transfer/ebb/job"
)

const (
	maxScript     = 1 << 20 // bytes
	scriptTimeout = 5 * time.Second
	// scriptLife is how long a script is used before it is fetched again, and scriptRest how long one that was not
	// found is not looked for.
	scriptLife = time.Hour
	scriptRest = 5 * time.Minute
	// maxScripts bounds those that are kept; more have no place in one system.
	maxScripts = 16
)

// detector runs the scripts that tell which proxy a URL is for. The zero value is ready. It is safe for concurrent use.
type detector struct {
	domains func() []string // of this machine; nil: the system's. Set by tests before the first use.
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)

	mu      sync.Mutex // guards scripts
	scripts map[string]*scriptFile
}

// scriptFile is one place where a script may be.
type scriptFile struct {
	mu     sync.Mutex // guards all below, and is held while the script is fetched
	script *pac.Script
	err    error
	until  time.Time
}

// errBroken means that there is a script, and that it cannot be read.
var errBroken = errors.New("it is none that can be read")

// run asks the script at where, which the system has been set to.
func (d *detector) run(ctx context.Context, where string, u *url.URL) ([]*url.URL, error) {
	script, err := d.load(ctx, where)
	if err != nil {
		e := errScript(where, oneLine(err))
		if !errors.Is(err, errBroken) {
			e.Class = job.Transient // the network may not be there yet
		}
		return nil, e
	}
	return ask(ctx, script, where, u)
}

func ask(ctx context.Context, script *pac.Script, where string, u *url.URL) ([]*url.URL, error) {
	ways, err := script.Find(ctx, u)
	if err != nil {
		return nil, errScript(where, oneLine(err))
	}
	return ways, nil
}

// discover asks the script that the network of this machine has for all (WPAD), if it has one: at http://wpad.DOMAIN/wpad.dat,
// for the domain of the machine and those above it, up to the one that somebody has registered.
func (d *detector) discover(ctx context.Context, u *url.URL) ([]*url.URL, error) {
	domains := systemDomains
	if d.domains != nil {
		domains = d.domains
	}
	for _, domain := range devolved(domains()) {
		where := "http://wpad." + domain + "/wpad.dat"
		script, err := d.load(ctx, where)
		switch {
		case err == nil:
			return ask(ctx, script, where, u)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, errBroken):
			return nil, errScript(where, oneLine(err))
		}
	}
	return nil, nil
}

// devolved are domains and those above them. A public suffix is nobody's, so that who gets wpad below it would have
// all the traffic of its customers.
func devolved(domains []string) []string {
	var out []string
	for _, domain := range domains {
		domain = strings.ToLower(strings.Trim(domain, "."))
		top, err := publicsuffix.EffectiveTLDPlusOne(domain)
		for err == nil {
			out = append(out, domain)
			if domain == top {
				break
			}
			_, domain, _ = strings.Cut(domain, ".")
		}
	}
	return out
}

// load returns the script at where, from memory for a while, also if there was none.
func (d *detector) load(ctx context.Context, where string) (*pac.Script, error) {
	d.mu.Lock()
	if d.scripts == nil || len(d.scripts) > maxScripts {
		d.scripts = map[string]*scriptFile{}
	}
	f := d.scripts[where]
	if f == nil {
		f = &scriptFile{}
		d.scripts[where] = f
	}
	d.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Now().Before(f.until) {
		return f.script, f.err
	}
	script, err := d.fetch(ctx, where)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.script, f.err, f.until = script, err, time.Now().Add(scriptLife)
	if err != nil {
		f.until = time.Now().Add(scriptRest)
	}
	return script, err
}

// fetch gets a script, without a proxy: it is what tells about them.
func (d *detector) fetch(ctx context.Context, where string) (*pac.Script, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, scriptTimeout, fmt.Errorf("it did not come within %v", scriptTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Transport{DialContext: d.dial, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// The page that a portal shows for any URL is no script.
	if resp.StatusCode != http.StatusOK || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return nil, fmt.Errorf("there is none: the answer is %d, %.40q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	source, err := io.ReadAll(io.LimitReader(resp.Body, maxScript+1))
	if err != nil {
		return nil, err
	}
	if len(source) > maxScript {
		return nil, fmt.Errorf("it is larger than %d bytes", maxScript)
	}
	script, err := pac.Compile(ctx, string(source))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return script, nil
}
