//go:build !pac

package httpx

import (
	"context"
	"net/url"
)

// detector is what this build knows of proxies that are to be detected: nothing that needs a script. A build
// with the tag pac runs them (docs/adr/0014).
type detector struct{}

func (*detector) run(_ context.Context, script string, _ *url.URL) ([]*url.URL, error) {
	return nil, errScript(script, "this build of ebb runs none")
}

// discover finds nothing, since what it could find is a script.
func (*detector) discover(context.Context, *url.URL) ([]*url.URL, error) { return nil, nil }
