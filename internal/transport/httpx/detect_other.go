//go:build !windows

package httpx

// systemProxies are none: there is no one place where such systems keep them.
func systemProxies() (proxySettings, error) { return proxySettings{}, nil }
