//go:build !windows

package httpx

import "net/url"

// detected are the proxies that the system knows: there is no place to ask but the environment.
func detected(u *url.URL) ([]*url.URL, error) { return environment()(u) }
