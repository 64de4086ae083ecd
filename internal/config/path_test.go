package config

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	abs := func(parts ...string) string {
		path, err := filepath.Abs(filepath.Join(parts...))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	type variables map[string]string
	for _, tc := range []struct {
		name   string
		os     string // "" for all, or "unix"
		env    variables
		system bool
		want   string // or what an error contains
	}{
		{name: "named", env: variables{"EBB_CONFIG": abs("/x", "my.toml")}, want: abs("/x", "my.toml")},
		{name: "named for the service", env: variables{"EBB_CONFIG": abs("/x", "my.toml")}, system: true, want: abs("/x", "my.toml")},
		{name: "named from where we are", env: variables{"EBB_CONFIG": "my.toml"}, want: `EBB_CONFIG is "my.toml", which is not an absolute path`},
		{name: "service", os: "linux", system: true, env: variables{"XDG_CONFIG_HOME": "/xdg", "HOME": "/home/me"}, want: "/etc/ebb/ebb.toml"},
		{name: "service", os: "freebsd", system: true, want: "/usr/local/etc/ebb/ebb.toml"},
		{name: "service", os: "darwin", system: true, want: "/Library/Application Support/ebb/ebb.toml"},
		{name: "service", os: "windows", system: true, env: variables{"ProgramData": `C:\ProgramData`}, want: `C:\ProgramData\ebb\ebb.toml`},
		{name: "XDG", os: "unix", env: variables{"XDG_CONFIG_HOME": "/xdg", "HOME": "/home/me"}, want: "/xdg/ebb/ebb.toml"},
		{name: "XDG from where we are", os: "linux", env: variables{"XDG_CONFIG_HOME": "xdg", "HOME": "/home/me"}, want: "/home/me/.config/ebb/ebb.toml"},
		{name: "home", os: "darwin", env: variables{"HOME": "/Users/me"}, want: "/Users/me/Library/Application Support/ebb/ebb.toml"},
		{name: "home", os: "windows", env: variables{"AppData": `C:\Users\me\AppData\Roaming`}, want: `C:\Users\me\AppData\Roaming\ebb\ebb.toml`},
		{name: "no home", os: "unix", want: "HOME is not set: set EBB_CONFIG to the path of the configuration file"},
		{name: "no home", os: "windows", want: "AppData is not set: set EBB_CONFIG to the path of the configuration file"},
		{name: "relative home", os: "unix", env: variables{"HOME": "me"}, want: "set EBB_CONFIG to its path"},
	} {
		t.Run(tc.name+" "+tc.os, func(t *testing.T) {
			t.Parallel()
			if tc.os != "" && tc.os != runtime.GOOS && (tc.os != "unix" || runtime.GOOS == "windows") {
				t.Skip("of another system")
			}
			got, err := Find(func(name string) string { return tc.env[name] }, tc.system)
			if got.Path != tc.want && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %q, %v", got.Path, err)
			}
			named := tc.env["EBB_CONFIG"] != ""
			if got.Named != (named && err == nil) || errors.Is(err, ErrNowhere) != (err != nil && !named) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestNamedFileHasToBeThere(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), fileName)}
	if _, err := f.Load(); err != nil {
		t.Errorf("a file that nobody names: %v", err)
	}
	f.Named = true
	if _, err := f.Load(); err == nil || !strings.Contains(err.Error(), "EBB_CONFIG names "+f.Path+", which does not exist") {
		t.Errorf("a named file that is not there: %v", err)
	}
}
