package kerberos

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxFile bounds a ticket cache or keytab, which another user may have written.
const maxFile = 16 << 20

// A stamp tells one content of a file from another.
type stamp [sha256.Size]byte

// process says that a Config is for the process's own user.
func (c Config) process() bool { return c.UID < 0 }

// cacheName returns the name of the ticket cache, KIND:rest.
func (c Config) cacheName(conf *realmConfig) (string, error) {
	switch {
	case c.CCache != "":
		return c.CCache, nil
	case c.process() && os.Getenv("KRB5CCNAME") != "": // in a system daemon it is the daemon's own
		return os.Getenv("KRB5CCNAME"), nil
	case conf.cacheName != "":
		return c.expand(conf.cacheName)
	}
	return c.expand(defaultCache)
}

// keytabNames returns where a keytab of the user may be, best first.
func (c Config) keytabNames(conf *realmConfig) []string {
	names := defaultClientKeytabs
	if conf.clientKeytab != "" {
		names = []string{conf.clientKeytab}
	}
	if name := os.Getenv("KRB5_CLIENT_KTNAME"); c.process() && name != "" {
		return []string{strings.TrimPrefix(name, "FILE:")}
	}
	var expanded []string
	for _, name := range names {
		if name, err := c.expand(name); err == nil {
			expanded = append(expanded, strings.TrimPrefix(name, "FILE:"))
		}
	}
	return expanded
}

// expand replaces the parameters that MIT knows in names of caches and keytabs.
func (c Config) expand(name string) (string, error) {
	uid := c.UID
	if c.process() {
		uid = os.Getuid()
	}
	id := strconv.Itoa(uid)
	expanded := strings.NewReplacer("%{uid}", id, "%{euid}", id, "%{USERID}", id, "%{TEMP}", os.TempDir(), "%{null}", "").Replace(name)
	if strings.Contains(expanded, "%{") {
		return "", fmt.Errorf("%w: %s has a parameter that is not known here", ErrUnsupportedCache, name)
	}
	return expanded, nil
}

// cacheFile returns the file of the cache called name, of the kind FILE: or DIR:.
// Of a DIR: collection it is the primary cache.
func (c Config) cacheFile(name string) (string, error) {
	kind, rest, ok := strings.Cut(name, ":")
	if !ok || len(kind) == 1 { // no kind, or the drive of a Windows path
		return name, nil
	}
	switch kind {
	case "FILE":
		return rest, nil
	case "DIR":
		if file, ok := strings.CutPrefix(rest, ":"); ok {
			return file, nil
		}
		primary, _, err := readOwned(filepath.Join(rest, "primary"), c.UID)
		if errors.Is(err, fs.ErrNotExist) {
			primary, err = []byte("tkt"), nil
		}
		file := strings.TrimSpace(string(primary))
		if err == nil && (!strings.HasPrefix(file, "tkt") || file != filepath.Base(file)) {
			err = fmt.Errorf("%w: the file primary in %s names no ticket cache", ErrNoTicket, rest)
		}
		return filepath.Join(rest, file), err
	}
	file, err := c.expand(fileCache)
	if err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: %s caches cannot be read here: run kinit -c FILE:%s and set KRB5CCNAME or default_ccache_name to that, or give a keytab",
		ErrUnsupportedCache, kind+":", file)
}

// readCache returns the tickets in the user's cache.
func (c Config) readCache(conf *realmConfig) (*wallet, stamp, error) {
	name, err := c.cacheName(conf)
	if err != nil {
		return nil, stamp{}, err
	}
	file, err := c.cacheFile(name)
	if err != nil {
		return nil, stamp{}, err
	}
	content, mark, err := readOwned(file, c.UID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mark, fmt.Errorf("%w: the ticket cache %s does not exist: run kinit -c FILE:%s: %w", ErrNoTicket, file, file, fs.ErrNotExist)
	}
	if err != nil {
		return nil, mark, fmt.Errorf("%w: the ticket cache cannot be read: %w", ErrNoTicket, err)
	}
	defer clear(content)
	w, err := parseCCache(content)
	if err != nil {
		return nil, mark, fmt.Errorf("%w: the ticket cache %s cannot be used: %w: run kinit", ErrNoTicket, file, err)
	}
	return w, mark, nil
}

// readKeytab returns the keys in a keytab that must belong to uid, unless that is
// negative.
func readKeytab(name string, uid int) (keytab, stamp, error) {
	content, mark, err := readOwned(name, uid)
	if err != nil {
		return nil, mark, fmt.Errorf("%w: the keytab cannot be read: %w", ErrNoTicket, err)
	}
	defer clear(content)
	k, err := parseKeytab(content)
	if err != nil {
		return nil, mark, fmt.Errorf("%w: the keytab %s cannot be used: %w", ErrNoTicket, name, err)
	}
	return k, mark, nil
}

// readOwned reads a regular file that belongs to uid, or to anyone when uid is
// negative. A name in a folder that all may write to says nothing about the owner;
// the open file does.
func readOwned(name string, uid int) ([]byte, stamp, error) {
	f, err := openNow(name)
	if err != nil {
		return nil, stamp{}, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, stamp{}, err
	case !info.Mode().IsRegular():
		return nil, stamp{}, fmt.Errorf("%s is not a file", name)
	case uid >= 0 && !belongsTo(info, uid):
		return nil, stamp{}, fmt.Errorf("%s does not belong to user %d", name, uid)
	case info.Size() > maxFile:
		return nil, stamp{}, fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile))
	return content, sha256.Sum256(content), err
}
