//go:build unix

package config

import (
	"errors"
	"path/filepath"
	"runtime"
)

func folder(getenv func(string) string, system bool) (string, error) {
	if system {
		return systemFolder(), nil
	}
	if base := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "ebb"), nil
	}
	home := getenv("HOME")
	if home == "" {
		return "", errors.New("HOME is not set: set EBB_CONFIG to the path of the configuration file")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library/Application Support/ebb"), nil
	}
	return filepath.Join(home, ".config/ebb"), nil
}

func systemFolder() string {
	switch runtime.GOOS {
	case "darwin":
		return "/Library/Application Support/ebb"
	case "freebsd":
		return "/usr/local/etc/ebb"
	default:
		return "/etc/ebb"
	}
}
