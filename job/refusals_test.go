package job

import (
	"strings"
	"testing"
	"time"
)

// TestSettingsThatAreRefused has the code for each value that no job of its type can have.
func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	const pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for name, tc := range map[string]struct {
		typ  Type
		set  func(*Settings)
		want Code
	}{
		"the defaults":                    {Download, func(*Settings) {}, OK},
		"a name of 256":                   {Download, func(s *Settings) { s.Name = strings.Repeat("ż", 256) }, OK},
		"a name of 257":                   {Download, func(s *Settings) { s.Name = strings.Repeat("ż", 257) }, InvalidArg},
		"a name with an escape":           {Download, func(s *Settings) { s.Name = "\x1b[2J" }, InvalidArg},
		"a description of 1,024":          {Download, func(s *Settings) { s.Description = strings.Repeat("ż", 1024) }, OK},
		"a description of 1,025":          {Download, func(s *Settings) { s.Description = strings.Repeat("ż", 1025) }, StringTooLong},
		"priority 4":                      {Download, func(s *Settings) { s.Priority = 4 }, NotImplemented},
		"priority -1":                     {Download, func(s *Settings) { s.Priority = -1 }, NotImplemented},
		"no retry delay":                  {Download, func(s *Settings) { s.RetryDelay = 0 }, OK},
		"a negative no-progress timeout":  {Download, func(s *Settings) { s.NoProgressTimeout = -1 }, InvalidArg},
		"a no-progress timeout of 0":      {Download, func(s *Settings) { s.NoProgressTimeout = 0 }, OK},
		"less than no time to download":   {Download, func(s *Settings) { s.MaxDownloadTime = -1 }, InvalidArg},
		"less to be inactive":             {Download, func(s *Settings) { s.InactivityTimeout = -1 }, InvalidArg},
		"a deadline before the year 0":    {Download, func(s *Settings) { s.Deadline = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) }, InvalidArg},
		"a negative limit":                {Download, func(s *Settings) { s.Limit = -1 }, InvalidArg},
		"all notify flags":                {Download, func(s *Settings) { s.NotifyFlags = 0x3F }, OK},
		"a notify flag that is none":      {Download, func(s *Settings) { s.NotifyFlags = 0x40 }, NotImplemented},
		"a negative notify interval":      {Download, func(s *Settings) { s.MinNotifyInterval = -1 }, InvalidArg},
		"a webhook over ftp":              {Download, func(s *Settings) { s.NotifyURL = "ftp://example.com" }, InvalidArg},
		"a policy":                        {Download, func(s *Settings) { s.TransferPolicy = PolicyStandard }, OK},
		"a policy of one cost":            {Download, func(s *Settings) { s.TransferPolicy = TransferPolicy(CostRoaming) }, OK},
		"a policy that allows nothing":    {Download, func(s *Settings) { s.TransferPolicy = IgnoreCongestion }, InvalidArg},
		"a policy with a reserved bit":    {Download, func(s *Settings) { s.TransferPolicy = PolicyAlways | 0x40000000 }, InvalidArg},
		"a method":                        {Download, func(s *Settings) { s.Method = "report" }, OK},
		"a method with a space":           {Download, func(s *Settings) { s.Method = "GET /" }, InvalidArg},
		"a method with a line break":      {Download, func(s *Settings) { s.Method = "POST\r\nX: y" }, InvalidArg},
		"a method that is no ASCII":       {Download, func(s *Settings) { s.Method = "ÉTÉ" }, InvalidArg},
		"a method of 33":                  {Download, func(s *Settings) { s.Method = strings.Repeat("X", 33) }, InvalidArg},
		"a method without a file":         {Download, func(s *Settings) { s.Method = "HEAD" }, InvalidArg},
		"method and dynamic":              {Download, func(s *Settings) { s.Method, s.Dynamic = "POST", true }, NotSupportedWithMethod},
		"method and on demand":            {Download, func(s *Settings) { s.Method, s.OnDemand = "POST", true }, NotSupportedWithMethod},
		"dynamic and on demand":           {Download, func(s *Settings) { s.Dynamic, s.OnDemand = true, true }, UnsupportedConfiguration},
		"a negative max_size":             {Download, func(s *Settings) { s.MaxSize = -1 }, MaxDownloadSizeInvalid},
		"method of an upload":             {Upload, func(s *Settings) { s.Method = "PUT" }, DownloadOnlyProperty},
		"GET of an upload":                {Upload, func(s *Settings) { s.Method = "get" }, OK},
		"dynamic upload":                  {Upload, func(s *Settings) { s.Dynamic = true }, DownloadOnlyProperty},
		"high-performance upload":         {UploadReply, func(s *Settings) { s.HighPerformance = true }, DownloadOnlyProperty},
		"max_size of an upload":           {Upload, func(s *Settings) { s.MaxSize = 1 }, DownloadOnlyProperty},
		"upload on demand":                {Upload, func(s *Settings) { s.OnDemand = true }, DownloadOnlyProperty},
		"reply of an upload-reply":        {UploadReply, func(s *Settings) { s.ReplyFile = "/d/reply" }, OK},
		"reply with a NUL":                {UploadReply, func(s *Settings) { s.ReplyFile = "/d/\x00" }, InvalidArg},
		"reply of an upload":              {Upload, func(s *Settings) { s.ReplyFile = "/d/reply" }, NotImplemented},
		"all peer-caching flags":          {Download, func(s *Settings) { s.PeerCaching = 7 }, OK},
		"a peer-caching flag too many":    {Download, func(s *Settings) { s.PeerCaching = 8 }, NotImplemented},
		"all ACL flags":                   {Download, func(s *Settings) { s.ACLFlags = 15 }, OK},
		"an ACL flag too many":            {Download, func(s *Settings) { s.ACLFlags = 16 }, NotImplemented},
		"all security flags":              {Download, func(s *Settings) { s.Network.SecurityFlags = 0x091F }, OK},
		"a security flag that is none":    {Download, func(s *Settings) { s.Network.SecurityFlags = 0x0400 }, NotImplemented},
		"redirects reported and refused":  {Download, func(s *Settings) { s.Network.SecurityFlags = 0x0300 }, NotImplemented},
		"a pin":                           {Download, func(s *Settings) { s.Network.Pins = []string{pin} }, OK},
		"a pin without its algorithm":     {Download, func(s *Settings) { s.Network.Pins = []string{pin[7:]} }, InvalidArg},
		"a pin that is too short":         {Download, func(s *Settings) { s.Network.Pins = []string{pin, "sha256/AAAA"} }, InvalidArg},
		"a pin without its padding":       {Download, func(s *Settings) { s.Network.Pins = []string{pin[:50]} }, InvalidArg},
		"a pin of 31 bytes":               {Download, func(s *Settings) { s.Network.Pins = []string{pin[:49] + "=="} }, InvalidArg},
		"a pin that is no base64":         {Download, func(s *Settings) { s.Network.Pins = []string{strings.Replace(pin, "+", "-", 1)} }, InvalidArg},
		"a negative timeout":              {Download, func(s *Settings) { s.Network.StallTimeout = -1 }, InvalidArg},
		"a proxy":                         {Download, func(s *Settings) { s.Network.Proxy = "proxy:3128" }, OK},
		"hosts without a proxy":           {Download, func(s *Settings) { s.Network.Proxy, s.Network.ProxyBypass = "proxy", "<local>, *.example.com" }, OK},
		"such hosts without a list":       {Download, func(s *Settings) { s.Network.Proxy, s.Network.ProxyBypass = "none", "example.com" }, InvalidArg},
		"a host with a star behind":       {Download, func(s *Settings) { s.Network.Proxy, s.Network.ProxyBypass = "proxy", "example.*" }, InvalidProxyInfo},
		"a list of no proxies":            {Download, func(s *Settings) { s.Network.Proxy = " , " }, InvalidProxyInfo},
		"a list of proxies of 32 KiB":     {Download, func(s *Settings) { s.Network.Proxy = "proxy" + strings.Repeat(" ", 32<<10-5) }, OK},
		"a longer one":                    {Download, func(s *Settings) { s.Network.Proxy = "proxy" + strings.Repeat(" ", 32<<10-4) }, ProxyListTooLarge},
		"hosts of more than 32 KiB":       {Download, func(s *Settings) { s.Network.Proxy, s.Network.ProxyBypass = "proxy", strings.Repeat("a,", 16<<10+1) }, ProxyBypassListTooLarge},
		"a proxy with a password":         {Download, func(s *Settings) { s.Network.Proxy = "http://u:secret@proxy" }, InvalidProxyInfo},
		"a proxy at port 0":               {Download, func(s *Settings) { s.Network.Proxy = "proxy:0" }, InvalidProxyInfo},
		"a proxy of another scheme":       {Download, func(s *Settings) { s.Network.Proxy = "gopher://proxy" }, InvalidProxyInfo},
		"a proxy for another scheme":      {Download, func(s *Settings) { s.Network.Proxy = "ftp=proxy" }, InvalidProxyInfo},
		"a proxy with a path":             {Download, func(s *Settings) { s.Network.Proxy = "http://proxy/proxy.pac" }, InvalidProxyInfo},
		"a proxy that is no URL":          {Download, func(s *Settings) { s.Network.Proxy = "http://[::1" }, InvalidProxyInfo},
		"an unknown type":                 {7, func(*Settings) {}, NotImplemented},
		"all at once is told in an order": {Upload, func(s *Settings) { s.Method, s.PeerCaching = "POST", 8 }, DownloadOnlyProperty},
	} {
		s := usual()
		tc.set(&s)
		_, err := New("id", "uid:1", tc.typ, s, t0)
		if codeOf(err) != tc.want {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the refusal tells the password: %v", name, err)
		}
	}
}

// TestAMethodIsForForegroundJobs: whoever sets one gets the priority, silently; later another priority is refused.
func TestAMethodIsForForegroundJobs(t *testing.T) {
	t.Parallel()
	s := usual()
	s.Method = "post"
	j := newJob(t, Download, s)
	if j.Method != "POST" || j.Priority != Foreground {
		t.Errorf("created with %s and %v", j.Method, j.Priority)
	}
	later := step(t, newJob(t, Download, usual()), t0, Set{s})
	if later.Method != "POST" || later.Priority != Foreground {
		t.Errorf("set to %s and %v", later.Method, later.Priority)
	}
	s.Method, s.Priority = "POST", Low
	if _, _, err := Next(j, Set{s}, t0, Policy{}); codeOf(err) != NotSupportedWithMethod {
		t.Errorf("priority low: %v", err)
	}
	s.Method = "GET"
	if got := step(t, j, t0, Set{s}); got.Method != "" || got.Priority != Low {
		t.Errorf("back to GET: %q and %v", got.Method, got.Priority)
	}
	s.Method, s.Priority = "get", Normal
	if got := newJob(t, Download, s); got.Method != "" || got.Priority != Normal {
		t.Errorf("GET is no method of its own: %q and %v", got.Method, got.Priority)
	}
}

// TestRefusalsChangeNothing: a refused command for many files changes none.
func TestRefusalsChangeNothing(t *testing.T) {
	t.Parallel()
	j := step(t, newJob(t, Download, usual()), t0, AddFiles{[]FileSpec{
		{URL: "https://example.com/a", Local: "/d/a"}, {URL: "https://example.com:80/b", Local: "/d/b"},
	}})
	next, effects, err := Next(j, ReplaceRemotePrefix{"https://example.com", "https://example.org:90000"}, t0, Policy{})
	if codeOf(err) != InvalidArg || effects != nil || dump(t, next) != dump(t, j) {
		t.Errorf("%v, %v: %s", err, effects, dump(t, next))
	}
}

func TestProxyLists(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"proxy":                                 "*=http://proxy",
		"proxy:3128 other:8080":                 "*=http://proxy:3128 *=http://other:8080",
		"http=proxy:1,https=https://proxy:2":    "http=http://proxy:1 https=https://proxy:2",
		"socks5://proxy:1080;[2001:db8::1]:80":  "*=socks5://proxy:1080 *=http://[2001:db8::1]:80",
		"http://proxy/":                         "*=http://proxy/",
		"\thttps=socks5://proxy:1080 , backup ": "https=socks5://proxy:1080 *=http://backup",
	} {
		entries, err := ParseProxies(list)
		var got []string
		for _, e := range entries {
			scheme := e.For
			if scheme == "" {
				scheme = "*"
			}
			got = append(got, scheme+"="+e.URL.String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v; want %q", list, got, err, want)
		}
	}
}

// FuzzParseProxies: what is accepted is a proxy that can be connected to, and no secret is told of what is not.
func FuzzParseProxies(f *testing.F) {
	f.Add("http=proxy:3128 https=https://proxy:8443")
	f.Add("socks5://[::1]:1080,backup")
	f.Add("http://user:pass@proxy/x?y#z")
	f.Fuzz(func(t *testing.T, list string) {
		entries, err := ParseProxies(list)
		if err != nil && codeOf(err) != InvalidProxyInfo {
			t.Errorf("%q: %v", list, err)
		}
		for _, e := range entries {
			if e.URL.Hostname() == "" || e.URL.User != nil || (e.For != "" && e.For != "http" && e.For != "https") {
				t.Errorf("%q has %+v", list, e)
			}
		}
	})
}

func TestTransferPolicies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]TransferPolicy{
		"default": 0, "unrestricted": 0x80000021, "standard": 0x80000067, "no_surcharge": 0x8000006F,
		"not_roaming": 0x8000007F, "always": 0x800000FF, "0x00000001": 1, "2147483881": 0x800000E9,
	} {
		var p, back TransferPolicy
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%q reads as %#x, %v; want %#x", text, uint32(p), err, uint32(want))
		}
		if err := back.UnmarshalText([]byte(p.String())); err != nil || back != p {
			t.Errorf("%v reads as %v, %v", p, back, err)
		}
	}
	for _, text := range []string{"", "Standard", "-1", "0x100000000"} {
		if err := new(TransferPolicy).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as a policy", text)
		}
	}
	// Which costs each named policy allows, from the least to the most.
	costs := []Cost{CostUnrestricted, CostCapped, CostBelowCap, CostNearCap, CostOverCapCharged, CostOverCapThrottled, CostUsageBased, CostRoaming}
	for policy, want := range map[TransferPolicy]string{
		PolicyUnrestricted: "yes no no no no yes no no",
		PolicyStandard:     "yes yes yes no no yes yes no",
		PolicyNoSurcharge:  "yes yes yes yes no yes yes no",
		PolicyNotRoaming:   "yes yes yes yes yes yes yes no",
		PolicyAlways:       "yes yes yes yes yes yes yes yes",
	} {
		var got []string
		for _, c := range costs {
			got = append(got, map[bool]string{true: "yes", false: "no"}[policy.Allows(c)])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %v, want %s", policy, got, want)
		}
	}
}
