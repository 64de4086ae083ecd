// Package version knows which version of ebb this is.
package version

import "runtime/debug"

// number is set by the linker for a release.
var number = ""

// String is the release, else the commit this was built from, else "devel".
func String() string {
	if number != "" {
		return number
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
