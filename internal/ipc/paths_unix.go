//go:build unix

package ipc

import (
	"os"
	"path/filepath"
	"strconv"
)

const socketName = "ebb.sock"

func systemStateDir(Env) (string, error) { return systemState, nil }

func userStateDir(env Env) (string, error) {
	if base := env.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "ebb"), nil
	}
	return folderFrom(env, "HOME", homeState)
}

func explicitSocket(path string) (string, error) { return absolute("EBB_SOCKET", path) }

// standardSocket returns the socket in the folder for such things, "" when there is none.
func standardSocket(env Env) string {
	if dir := runFolder(env); dir != "" {
		return filepath.Join(dir, socketName)
	}
	return ""
}

func runFolder(env Env) string {
	if env.System {
		return systemRun
	}
	base := env.Getenv("XDG_RUNTIME_DIR")
	info, err := os.Stat(base)
	if !filepath.IsAbs(base) || err != nil || !info.IsDir() || ownerOf(info) != os.Geteuid() {
		return "" // after su or sudo it is often that of another user
	}
	return filepath.Join(base, "ebb")
}

// socketOf returns the socket of the state folder dir.
func socketOf(env Env, dir string) string {
	path := filepath.Join(dir, socketName)
	name := shortName(path) + ".sock"
	if len(path) > maxPath {
		path = filepath.Join(runFolder(env), name)
	}
	if len(path) > maxPath || !filepath.IsAbs(path) {
		path = filepath.Join("/tmp", "ebb-"+strconv.Itoa(os.Geteuid()), name)
	}
	return path
}
