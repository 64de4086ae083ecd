package config

import (
	"errors"
	"fmt"
	"path/filepath"
)

const fileName = "ebb.toml"

// Path returns where the configuration file is, an absolute path, whether or not there is one. In this order:
//
//   - EBB_CONFIG
//   - system mode: /etc/ebb/ebb.toml; on FreeBSD /usr/local/etc/ebb/ebb.toml, on macOS
//     /Library/Application Support/ebb/ebb.toml, on Windows %ProgramData%\ebb\ebb.toml
//   - $XDG_CONFIG_HOME/ebb/ebb.toml, when that is an absolute path (not on Windows)
//   - ~/.config/ebb/ebb.toml; on macOS ~/Library/Application Support/ebb/ebb.toml, on Windows %AppData%\ebb\ebb.toml
//
// It fails when the variable that would name the folder is missing. getenv is usually [os.Getenv].
func Path(getenv func(string) string, system bool) (string, error) {
	if path := getenv("EBB_CONFIG"); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("EBB_CONFIG is %q, which is not an absolute path", path)
		}
		return filepath.Clean(path), nil
	}
	dir, err := folder(getenv, system)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(dir) {
		return "", errors.New("nothing says where the configuration file is: set EBB_CONFIG to its path")
	}
	return filepath.Join(dir, fileName), nil
}
