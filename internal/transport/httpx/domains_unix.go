//go:build pac && !windows

package httpx

import (
	"os"
	"strings"
)

// systemDomains are those that this machine is in: of its name if it is a full one, and of its resolver.
func systemDomains() []string {
	var out []string
	if name, err := os.Hostname(); err == nil {
		if _, domain, ok := strings.Cut(name, "."); ok {
			out = append(out, domain)
		}
	}
	config, _ := os.ReadFile("/etc/resolv.conf") // without one there is nothing to find
	return append(out, searchDomains(string(config))...)
}

// searchDomains are the domains of a resolv.conf; the last line of a kind counts.
func searchDomains(config string) []string {
	var out []string
	for line := range strings.Lines(config) {
		if fields := strings.Fields(line); len(fields) > 1 && (fields[0] == "search" || fields[0] == "domain") {
			out = fields[1:]
		}
	}
	return out
}
