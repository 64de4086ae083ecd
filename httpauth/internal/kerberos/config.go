package kerberos

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A realmConfig is what this package needs of krb5.conf. What the file leaves out
// has MIT's default.
type realmConfig struct {
	files string // for messages

	defaultRealm   string
	cacheName      string // default_ccache_name, as written; "" when not set
	clientKeytab   string // default_client_keytab_name, the same
	lookupKDC      bool   // dns_lookup_kdc: ask DNS for the KDCs of realms that list none
	udpLimit       int    // udp_preference_limit: longer requests, in bytes, go by TCP first
	clockSkew      time.Duration
	ticketLifetime time.Duration
	loginTypes     []int32 // encryption types for a TGT, best first
	serviceTypes   []int32 // for a service's ticket

	kdcs    map[string][]string // by realm: host:port; none for a realm that lists none
	domains map[string]string   // [domain_realm]: host or .domain, in lower case

	resolver *net.Resolver
	answered map[string]string // by realm: the KDC that answered last; kept by the Identity
}

// loadConfig reads the configuration in the files named, or in the system's when
// name is "". It is read anew for each ticket: networks come and go.
func loadConfig(name string) (*realmConfig, error) {
	names := []string{name}
	if name == "" {
		names = systemConfigFiles()
		if list := os.Getenv("KRB5_CONFIG"); list != "" {
			names = filepath.SplitList(list)
		}
	}
	r := &profileReader{read: readConfigFile, list: listConfigFolder, root: &section{}}
	var c *realmConfig
	var err error
	for _, name := range names {
		read := r.files
		if err = r.file(name, 0); errors.Is(err, fs.ErrNotExist) && r.files == read {
			err = nil // this one is missing, not one that it includes
		}
		if err != nil {
			break
		}
	}
	switch {
	case err != nil:
	case r.files == 0:
		err = fmt.Errorf("there is no %s", strings.Join(names, " or "))
	default:
		c, err = newRealmConfig(r.root, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: Kerberos is not configured: %w", ErrNoTicket, err)
	}
	return c, nil
}

func readConfigFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(f, maxConfigSize+1))
}

func listConfigFolder(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// newRealmConfig takes from a profile what it is used for.
func newRealmConfig(root *section, files string) (*realmConfig, error) {
	c := &realmConfig{
		files: files, resolver: net.DefaultResolver,
		lookupKDC: true, udpLimit: 1465, clockSkew: 5 * time.Minute, ticketLifetime: 24 * time.Hour,
		kdcs: make(map[string][]string), domains: make(map[string]string),
	}
	lib, allowRC4 := root.part("libdefaults"), false
	err := cmp.Or(
		text(lib, "default_realm", &c.defaultRealm),
		text(lib, "default_ccache_name", &c.cacheName),
		text(lib, "default_client_keytab_name", &c.clientKeytab),
		parse(lib, "allow_rc4", &allowRC4, parseBool),
		parse(lib, "dns_lookup_kdc", &c.lookupKDC, parseBool),
		parse(lib, "udp_preference_limit", &c.udpLimit, strconv.Atoi),
		parse(lib, "clockskew", &c.clockSkew, parseDuration),
		parse(lib, "ticket_lifetime", &c.ticketLifetime, parseDuration),
	)
	if err != nil {
		return nil, err
	}
	permitted := supportedTypes[:4]
	if allowRC4 {
		permitted = supportedTypes
	}
	permitted = encryptionTypes(lib, "permitted_enctypes", permitted)
	c.loginTypes = encryptionTypes(lib, "default_tkt_enctypes", permitted)
	c.serviceTypes = encryptionTypes(lib, "default_tgs_enctypes", permitted)
	if len(c.loginTypes) == 0 || len(c.serviceTypes) == 0 {
		return nil, fmt.Errorf("%s: none of the encryption types it permits is known here", files)
	}
	for name, realm := range root.part("realms").parts {
		c.kdcs[name] = nil
		for _, kdc := range realm.settings["kdc"] {
			if addr, ok := kdcAddress(kdc.value); ok {
				c.kdcs[name] = append(c.kdcs[name], addr)
			}
		}
	}
	for domain, realm := range root.part("domain_realm").settings {
		c.domains[strings.ToLower(domain)] = realm[0].value
	}
	return c, nil
}

// known reports whether the configuration speaks of realm.
func (c *realmConfig) known(realm string) bool {
	_, ok := c.kdcs[realm]
	return ok || realm == c.defaultRealm
}

// realmOf returns the realm of a host, or "" when nothing says it: then the KDC of
// the user's realm may know. As in MIT, the whole name is looked up first, then
// each domain it is in, with and without the leading dot.
func (c *realmConfig) realmOf(host string) string {
	for name := host; name != ""; {
		if realm, ok := c.domains[name]; ok {
			return realm
		}
		if name[0] == '.' {
			name = name[1:]
		} else if i := strings.IndexByte(name, '.'); i >= 0 {
			name = name[i:]
		} else {
			name = ""
		}
	}
	return ""
}

// kdcAddress returns a kdc setting as host:port: a host, host:port, [IPv6] or
// [IPv6]:port, with Heimdal's tcp/ or udp/ before it. Kerberos over HTTPS is not
// spoken here.
func kdcAddress(s string) (addr string, ok bool) {
	if strings.Contains(s, "://") || strings.HasPrefix(s, "http/") {
		return "", false
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "tcp/"), "udp/")
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), "88"
	}
	return net.JoinHostPort(host, port), host != ""
}

func text(s *section, key string, to *string) error {
	return parse(s, key, to, func(v string) (string, error) { return v, nil })
}

// parse sets to, if the section has the key.
func parse[T any](s *section, key string, to *T, convert func(string) (T, error)) error {
	v, ok := s.first(key)
	if !ok {
		return nil
	}
	converted, err := convert(v.value)
	if err != nil {
		return fmt.Errorf("%s: %s = %s: %w", v.where, key, v.value, err)
	}
	*to = converted
	return nil
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "y", "yes", "true", "t", "1", "on":
		return true, nil
	case "n", "no", "false", "nil", "0", "off":
		return false, nil
	}
	return false, errors.New("neither true nor false")
}

var (
	clockDuration = regexp.MustCompile(`^(\d{1,6}):(\d{1,2})(?::(\d{1,2}))?$`)
	unitDuration  = regexp.MustCompile(`^(?:(\d{1,4})\s*d)?\s*(?:(\d{1,6})\s*h)?\s*(?:(\d{1,6})\s*m)?\s*(?:(\d{1,9})\s*s?)?$`)
)

// parseDuration reads seconds, hh:mm[:ss], or 1d 2h 3m 4s, of which parts may be
// missing.
func parseDuration(s string) (time.Duration, error) {
	var parts []string
	if m := clockDuration.FindStringSubmatch(s); m != nil {
		parts = []string{"0", m[1], m[2], m[3]}
	} else if m := unitDuration.FindStringSubmatch(s); m != nil && s != "" {
		parts = m[1:]
	} else {
		return 0, errors.New("not a duration: write 36000, 10h or 1d 2h")
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi("0" + parts[i]) // the expressions let digits through only
		d += time.Duration(n) * unit
	}
	return d, nil
}
