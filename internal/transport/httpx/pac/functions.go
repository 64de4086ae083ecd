//go:build pac

package pac

import (
	"context"
	"encoding/binary"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// functions are those that scripts may call (Netscape's of 1996, which every browser has).
func (s *Script) functions() map[string]any {
	return map[string]any{
		"alert":        func(string) {},
		"convert_addr": func(addr string) uint32 { return number(net.ParseIP(addr)) },
		"dateRange":    s.dateRange,
		"dnsDomainIs": func(host, domain string) bool {
			return strings.HasSuffix(strings.ToLower(host), strings.ToLower(domain))
		},
		"dnsDomainLevels":     func(host string) int { return strings.Count(host, ".") },
		"dnsResolve":          s.dnsResolve,
		"isInNet":             s.isInNet,
		"isPlainHostName":     func(host string) bool { return !strings.ContainsAny(host, ".:") },
		"isResolvable":        func(host string) bool { return s.resolve(host) != nil },
		"localHostOrDomainIs": localHostOrDomainIs,
		"myIpAddress":         s.myIPAddress,
		"shExpMatch":          shExpMatch,
		"timeRange":           s.timeRange,
		"weekdayRange":        s.weekdayRange,
	}
}

// resolve returns an IPv4 address of host, nil for none.
func (s *Script) resolve(host string) net.IP {
	if ip := net.ParseIP(host); ip != nil {
		return ip.To4()
	}
	ctx, cancel := context.WithTimeout(s.ctx, maxLookup)
	defer cancel()
	found, err := s.look(ctx, "ip4", host)
	if err != nil || len(found) == 0 {
		return nil
	}
	return found[0].To4()
}

func (s *Script) dnsResolve(host string) goja.Value {
	if ip := s.resolve(host); ip != nil {
		return s.vm.ToValue(ip.String())
	}
	return goja.Null()
}

func (s *Script) isInNet(host, pattern, mask string) bool {
	ip, network, bits := s.resolve(host), net.ParseIP(pattern).To4(), net.ParseIP(mask).To4()
	return ip != nil && network != nil && bits != nil && number(ip)&number(bits) == number(network)&number(bits)
}

// number is an IPv4 address as one, 0 for any other.
func number(ip net.IP) uint32 {
	if ip = ip.To4(); ip == nil {
		return 0
	}
	return binary.BigEndian.Uint32(ip)
}

// myIPAddress is the address that this machine has towards the world. Nothing is sent to find out.
func (s *Script) myIPAddress() string {
	conn, err := new(net.Dialer).DialContext(s.ctx, "udp4", "192.0.2.1:9") // TEST-NET-1 (RFC 5737)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return local.IP.String()
	}
	return "127.0.0.1"
}

func localHostOrDomainIs(host, full string) bool {
	host, full = strings.ToLower(host), strings.ToLower(full)
	return host == full || (!strings.Contains(host, ".") && strings.HasPrefix(full, host+"."))
}

// shExpMatch knows * and ?, and nothing else of a shell.
func shExpMatch(text, pattern string) bool {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
	match, err := regexp.MatchString("(?s)^"+quoted+"$", text)
	return err == nil && match
}

var (
	weekdays = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	months   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
)

// moment is the current time, and args without a "GMT" at their end, which asks for that time zone.
func (s *Script) moment(args []goja.Value) (time.Time, []goja.Value) {
	if n := len(args); n > 0 && args[n-1].String() == "GMT" {
		return s.now().UTC(), args[:n-1]
	}
	return s.now(), args
}

func (s *Script) weekdayRange(call goja.FunctionCall) goja.Value {
	now, args := s.moment(call.Arguments)
	var days [][]int
	for _, a := range args {
		days = append(days, []int{slices.Index(weekdays, strings.ToUpper(a.String()))})
	}
	return s.within([]int{int(now.Weekday())}, days)
}

// timeRange takes hours, hours and minutes, or all three; ends are included, as browsers have it.
func (s *Script) timeRange(call goja.FunctionCall) goja.Value {
	now, args := s.moment(call.Arguments)
	at := []int{now.Hour(), now.Minute(), now.Second()}
	parts := max(len(args)/2, 1)
	if parts > len(at) || (len(args) != 1 && len(args)%2 != 0) {
		return s.vm.ToValue(false)
	}
	var ends [][]int
	for end := range slices.Chunk(args, parts) {
		var one []int
		for _, a := range end {
			one = append(one, int(a.ToInteger()))
		}
		ends = append(ends, one)
	}
	return s.within(at[:parts], ends)
}

// dateRange takes any of day, month and year, once or for both ends.
func (s *Script) dateRange(call goja.FunctionCall) goja.Value {
	now, args := s.moment(call.Arguments)
	if len(args) == 0 || (len(args) != 1 && len(args)%2 != 0) {
		return s.vm.ToValue(false)
	}
	var at []int
	var ends [][]int
	for end := range slices.Chunk(args, max(len(args)/2, 1)) {
		given := map[int]int{} // 0 year, 1 month, 2 day: in the order in which they are compared
		for _, a := range end {
			value := int(a.ToInteger())
			switch month := slices.Index(months, strings.ToUpper(a.String())); {
			case month >= 0:
				given[1] = month + 1
			case value > 31:
				given[0] = value
			default:
				given[2] = value
			}
		}
		at = nil
		var one []int
		for field, value := range []int{now.Year(), int(now.Month()), now.Day()} {
			if want, ok := given[field]; ok {
				at, one = append(at, value), append(one, want)
			}
		}
		ends = append(ends, one)
	}
	return s.within(at, ends)
}

// within reports whether at is the one end, or between the two, also over the turn of the day, week or year.
func (s *Script) within(at []int, ends [][]int) goja.Value {
	switch len(ends) {
	case 1:
		return s.vm.ToValue(slices.Equal(at, ends[0]))
	case 2:
		after, before := slices.Compare(at, ends[0]) >= 0, slices.Compare(at, ends[1]) <= 0
		if slices.Compare(ends[0], ends[1]) <= 0 {
			return s.vm.ToValue(after && before)
		}
		return s.vm.ToValue(after || before)
	}
	return s.vm.ToValue(false)
}
