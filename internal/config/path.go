package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const fileName = "ebb.toml"

// File is where a configuration file is.
type File struct {
	Path string // absolute
	// Named is true when EBB_CONFIG names the file, which then has to be there: whoever names one means what it says, and a
	// slip must not put the defaults in its place. Other files may be missing.
	Named bool
}

// Find returns where the configuration file is, whether or not there is one. In this order:
//
//   - EBB_CONFIG
//   - system mode: /etc/ebb/ebb.toml; on FreeBSD /usr/local/etc/ebb/ebb.toml, on macOS
//     /Library/Application Support/ebb/ebb.toml, on Windows %ProgramData%\ebb\ebb.toml
//   - $XDG_CONFIG_HOME/ebb/ebb.toml, when that is an absolute path (not on Windows)
//   - ~/.config/ebb/ebb.toml; on macOS ~/Library/Application Support/ebb/ebb.toml, on Windows %AppData%\ebb\ebb.toml
//
// It fails with [ErrNowhere] when the variable that would name the folder is missing, and when EBB_CONFIG is not an absolute
// path. getenv is usually [os.Getenv].
func Find(getenv func(string) string, system bool) (File, error) {
	if path := getenv("EBB_CONFIG"); path != "" {
		if !filepath.IsAbs(path) {
			return File{}, fmt.Errorf("EBB_CONFIG is %q, which is not an absolute path", path)
		}
		return File{filepath.Clean(path), true}, nil
	}
	dir, err := folder(getenv, system)
	switch {
	case err != nil:
		return File{}, fmt.Errorf("%w: %w", ErrNowhere, err)
	case !filepath.IsAbs(dir):
		return File{}, fmt.Errorf("%w: set EBB_CONFIG to its path", ErrNowhere)
	}
	return File{Path: filepath.Join(dir, fileName)}, nil
}

// ErrNowhere is wrapped by the error of [Find] when nothing says where a configuration file would be.
var ErrNowhere = errors.New("nothing says where the configuration file is")

// Load reads the file. One that does not exist is [Default], unless it has to be there. It fails with the cause when the file
// cannot be read, and with [Problems] when it says what it must not.
func (f File) Load() (Config, error) {
	data, err := os.ReadFile(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.Named:
		return Config{}, fmt.Errorf("EBB_CONFIG names %s, which does not exist", f.Path)
	case errors.Is(err, fs.ErrNotExist):
		return Default(), nil
	case err != nil:
		return Config{}, err // it names the path
	}
	return parse(f.Path, string(data))
}
