//go:build darwin || freebsd

package sqlite

import "golang.org/x/sys/unix"

// isRemote goes by the flag that statfs(2) sets for file systems that are stored locally.
func isRemote(dir string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false, err
	}
	return st.Flags&unix.MNT_LOCAL == 0, nil
}
