//go:build pac

package pac

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const (
	// maxTime bounds one run of a script, with all it asks of name servers.
	maxTime = 5 * time.Second
	// maxLookup bounds one question to a name server.
	maxLookup = 2 * time.Second
	// maxDepth of calls; endless recursion is an error.
	maxDepth = 256
)

// Script is a compiled file. It is safe for concurrent use; runs come one after the other.
type Script struct {
	mu   sync.Mutex // guards all below
	vm   *goja.Runtime
	find goja.Callable
	ctx  context.Context // of the current run
	now  func() time.Time
	look func(ctx context.Context, network, host string) ([]net.IP, error)
}

// Compile reads a script and runs what is outside of its functions.
func Compile(ctx context.Context, source string) (*Script, error) {
	s := &Script{vm: goja.New(), now: time.Now, look: net.DefaultResolver.LookupIP}
	s.vm.SetMaxCallStackSize(maxDepth)
	for name, f := range s.functions() {
		if err := s.vm.Set(name, f); err != nil {
			return nil, fmt.Errorf("define %s: %w", name, err)
		}
	}
	program, err := goja.Compile("proxy.pac", source, false)
	if err != nil {
		return nil, err
	}
	if err := s.limited(ctx, func() error { _, err := s.vm.RunProgram(program); return err }); err != nil {
		return nil, err
	}
	find, ok := goja.AssertFunction(s.vm.Get("FindProxyForURL"))
	if !ok {
		return nil, errors.New("it has no function FindProxyForURL")
	}
	s.find = find
	return s, nil
}

// limited runs f until ctx or maxTime ends.
func (s *Script) limited(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("it did not end within %v", maxTime))
	defer cancel()
	s.ctx = ctx
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.vm.Interrupt(context.Cause(ctx))
		close(interrupted)
	})
	err := f()
	if !stop() {
		<-interrupted
	}
	s.vm.ClearInterrupt()
	var stopped *goja.InterruptedError
	if errors.As(err, &stopped) {
		return context.Cause(ctx)
	}
	return err
}

// Find returns the ways to the server of u in the order in which they are to be tried: proxies, and nil for the direct way.
// The script does not learn user, password and fragment, nor path and query of an https URL.
func (s *Script) Find(ctx context.Context, u *url.URL) ([]*url.URL, error) {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	if u.Scheme == "http" {
		shown.Path, shown.RawPath, shown.RawQuery = u.Path, u.RawPath, u.RawQuery
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer goja.Value
	err := s.limited(ctx, func() (err error) {
		answer, err = s.find(goja.Undefined(), s.vm.ToValue(shown.String()), s.vm.ToValue(u.Hostname()))
		return err
	})
	if err != nil {
		return nil, err
	}
	if goja.IsNull(answer) || goja.IsUndefined(answer) {
		return []*url.URL{nil}, nil
	}
	return parse(answer.String())
}

// kinds are the proxies that scripts name, as URL schemes.
var kinds = map[string]string{"PROXY": "http", "HTTP": "http", "HTTPS": "https", "SOCKS": "socks5", "SOCKS5": "socks5"}

// parse reads an answer such as "PROXY a:80; SOCKS b:1080; DIRECT". Proxies of other kinds are left out if there is one to use.
func parse(answer string) ([]*url.URL, error) {
	var out []*url.URL
	empty := true
	for entry := range strings.SplitSeq(answer, ";") {
		fields := strings.Fields(entry)
		if len(fields) == 0 {
			continue
		}
		empty = false
		scheme, known := kinds[strings.ToUpper(fields[0])]
		switch {
		case len(fields) == 1 && strings.EqualFold(fields[0], "DIRECT"):
			out = append(out, nil)
		case len(fields) == 2 && known:
			u, err := url.Parse(scheme + "://" + fields[1])
			if err == nil && u.Hostname() != "" && u.User == nil && u.Path == "" {
				out = append(out, u)
			}
		}
	}
	switch {
	case empty:
		return []*url.URL{nil}, nil
	case out == nil:
		return nil, fmt.Errorf("it answered %.80q, which names no proxy that ebb can use", answer)
	}
	return out, nil
}
