package ipc

import (
	"fmt"
	"strings"
)

const pipePrefix = `\\.\pipe\`

func systemStateDir(env Env) (string, error) { return folderFrom(env, "ProgramData", "ebb") }
func userStateDir(env Env) (string, error)   { return folderFrom(env, "LocalAppData", "ebb") }

func explicitSocket(path string) (string, error) { return path, checkPath(path) }

// standardSocket returns the pipe of the system's daemon. Names of pipes are
// shared by all users: that of a user's daemon comes from the state folder.
func standardSocket(env Env) string {
	if env.System {
		return pipePrefix + "ebb"
	}
	return ""
}

// socketOf returns the pipe of the state folder dir. Folders are the same in
// any case of letters.
func socketOf(_ Env, dir string) string {
	return pipePrefix + "ebb-" + shortName(strings.ToLower(dir))
}

func checkPath(path string) error {
	if len(path) <= len(pipePrefix) || !strings.EqualFold(path[:len(pipePrefix)], pipePrefix) {
		return fmt.Errorf(`%q is not the name of a pipe: set EBB_SOCKET to one, such as \\.\pipe\ebb`, path)
	}
	return nil
}
