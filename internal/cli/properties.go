package cli

import (
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebb-transfer/ebb/job"
)

// property is one setting of a job: a flag of get and create, a key of set and a row of show.
type property struct {
	key   string
	usage string // of the flag
	field
}

// properties are all settings of a job, in the order in which show has them. docs/cli.md explains each.
var properties = []property{
	{"name", "display name of the job", textAt(func(s *job.Settings) *string { return &s.Name })},
	{"description", "what the job is for", textAt(func(s *job.Settings) *string { return &s.Description })},
	{"priority", "foreground, high, normal or low", priority()},
	{"limit", "at most so many bytes per second, such as `500K` or 2M; 0: no limit", rateAt(func(s *job.Settings) *int64 { return &s.Limit })},
	{"max-size", "an error if the files have more than so many bytes together, such as `700M`; 0: no bound", sizeAt(func(s *job.Settings) *int64 { return &s.MaxSize })},
	{"transfer-policy", "costs of the network to run at: always, not-roaming, no-surcharge, standard, unrestricted, or the bits of BITS as `0x…`", policy()},
	{"timeout", "cancel the job when it is not transferred by then; 0: never", deadline()},
	{"retry-delay", "longest wait between two tries, at least 5s", durationAt(func(s *job.Settings) *job.Duration { return &s.RetryDelay })},
	{"no-progress-timeout", "give up after failing for so long without a byte; 0: at the first error", durationAt(func(s *job.Settings) *job.Duration { return &s.NoProgressTimeout })},
	{"max-download-time", "give up after connecting and transferring for so long; default 2160h, or the administrator's", boundAt(func(s *job.Settings) *job.Duration { return &s.MaxDownloadTime })},
	{"inactivity-timeout", "cancel the job when nothing has happened to it for so long; default 2160h, or the administrator's", boundAt(func(s *job.Settings) *job.Duration { return &s.InactivityTimeout })},
	{"auto-complete", "keep the files under their temporary names until `ebb complete`", opposite("no-complete", boolAt(func(s *job.Settings) *bool { return &s.AutoComplete }))},
	{"overwrite", "replace files that exist", boolAt(func(s *job.Settings) *bool { return &s.Overwrite })},
	{"method", "HTTP `method` that downloads, such as POST; makes it a foreground job without retries", textAt(func(s *job.Settings) *string { return &s.Method })},
	{"dynamic", "the server makes the files anew for each request: never resume them", boolAt(func(s *job.Settings) *bool { return &s.Dynamic })},
	{"high-performance", "no sync to disk while a file arrives; a power cut costs what is unfinished", boolAt(func(s *job.Settings) *bool { return &s.HighPerformance })},
	{"on-demand", "transfer only the bytes that ebb file request asks for", boolAt(func(s *job.Settings) *bool { return &s.OnDemand })},
	{"headers-write-only", "let the owner read the values of the headers back", opposite("headers-readable", boolAt(func(s *job.Settings) *bool { return &s.HeadersWriteOnly }))},
	{"notify-flags", "what to notify of: `transferred`, error, file-transferred, modification, file-ranges; disable; none", maskAt(notifyNames, func(s *job.Settings) *job.NotifyFlags { return &s.NotifyFlags })},
	{"notify-command", "program, by its full path, to run for that; repeat for its arguments", listAt(func(s *job.Settings) *[]string { return &s.NotifyCommand })},
	{"webhook", "`URL` to call for that", textAt(func(s *job.Settings) *string { return &s.NotifyURL })},
	{"min-notify-interval", "least time between two callbacks of modification and file-ranges", durationAt(func(s *job.Settings) *job.Duration { return &s.MinNotifyInterval })},
	{"reply-file", "`file` for the reply of an upload-reply job", pathAt(func(s *job.Settings) *string { return &s.ReplyFile })},
	{"peer-caching", "client, server, no-branch-cache, or none; kept without effect", maskAt(peerNames, func(s *job.Settings) *uint32 { return &s.PeerCaching })},
	{"acl-flags", "what to copy of the security of SMB files: letters of `OGDS` (owner, group, DACL, SACL), or none; without effect on HTTP", lettersAt("OGDS", func(s *job.Settings) *uint32 { return &s.ACLFlags })},

	{"proxy", "proxy `URL` (http, https or socks5) or a list of them, none, or auto to detect it; default from the daemon's configuration, else its environment", textAt(func(s *job.Settings) *string { return &s.Network.Proxy })},
	{"proxy-bypass", "`hosts` that need no --proxy: names, *.example.com, <local>", textAt(func(s *job.Settings) *string { return &s.Network.ProxyBypass })},
	{"cacert", "PEM `file` of certificates to trust as well", certificatesAt(func(s *job.Settings) *string { return &s.Network.CACert })},
	{"pin", "accept only servers with this key, `sha256/BASE64`; repeat for more", listAt(func(s *job.Settings) *[]string { return &s.Network.Pins })},
	{"ignore-cert", "accept certificates with these faults: `unknown-ca`, host-name, date, usage; or none", maskAt(certNames, securityFlags)},
	{"check-revocation", "refuse certificates that are revoked, or of which that cannot be told", bit(job.CheckRevocation)},
	{"redirects", "`follow`, report (the file's URL becomes the new one) or refuse", redirects()},
	{"allow-downgrade", "follow redirects from https to http", bit(job.AllowDowngrade)},
	{"allow-cleartext", "send passwords over plain http", boolAt(func(s *job.Settings) *bool { return &s.Network.AllowCleartext })},
	{"connect-timeout", "for each of connecting and the TLS handshake; 0: 30s", durationAt(func(s *job.Settings) *job.Duration { return &s.Network.ConnectTimeout })},
	{"stall-timeout", "for an answer to begin and for each next byte of it; 0: 60s", durationAt(func(s *job.Settings) *job.Duration { return &s.Network.StallTimeout })},
}

var notifyNames = []named{
	{"transferred", uint32(job.NotifyTransferred)},
	{"error", uint32(job.NotifyError)},
	{"disable", uint32(job.NotifyDisable)},
	{"modification", uint32(job.NotifyModification)},
	{"file-transferred", uint32(job.NotifyFileTransferred)},
	{"file-ranges", uint32(job.NotifyFileRanges)},
}

var peerNames = []named{{"client", 1}, {"server", 2}, {"no-branch-cache", 4}}

var certNames = []named{
	{"unknown-ca", uint32(job.IgnoreUnknownCA)},
	{"host-name", uint32(job.IgnoreHostName)},
	{"date", uint32(job.IgnoreDate)},
	{"usage", uint32(job.IgnoreUsage)},
}

func securityFlags(s *job.Settings) *job.SecurityFlags { return &s.Network.SecurityFlags }

// propertyOf finds the property with that key, nil when there is none.
func propertyOf(key string) *property {
	for i := range properties {
		if properties[i].key == key {
			return &properties[i]
		}
	}
	return nil
}

// assign reads the value, which is the first or a further one for this property in a command line.
func (p *property) assign(s *job.Settings, value string, first bool) error {
	if first && p.clear != nil {
		p.clear(s)
	}
	return p.read(s, value)
}

// into puts the property, as it is in s, into the JSON that changes settings.
func (p *property) into(patch map[string]any, s *job.Settings) {
	at := p.at(s)
	if name := jsonName(s, at); name != "" {
		patch[name] = at
		return
	}
	network, ok := patch["network"].(map[string]any)
	if !ok {
		network = map[string]any{}
		patch["network"] = network
	}
	network[jsonName(&s.Network, at)] = at
}

// jsonName is what the field that at points to is called in the JSON of the struct, "" when it is not one of its.
func jsonName(structure, at any) string {
	v := reflect.ValueOf(structure).Elem()
	for i := range v.NumField() {
		if v.Field(i).Addr().Interface() == at {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}

// registerProperties makes every property a flag that changes s, whose values are the defaults.
func registerProperties(cmd *cobra.Command, s *job.Settings) {
	for i := range properties {
		p := &properties[i]
		v := &propertyFlag{property: p, settings: s, initial: p.show(s)}
		f := &pflag.Flag{Name: p.key, Usage: p.usage, Value: v}
		if p.opposite != "" {
			f.Name, v.initial = p.opposite, "false"
		}
		if p.kind == kindBool {
			f.NoOptDefVal = "true"
		}
		if v.initial != "0s" && v.initial != none { // which are no news in the help
			f.DefValue = v.initial
		}
		cmd.Flags().AddFlag(f)
		if p.words != nil {
			oneOf(cmd, map[string][]string{f.Name: p.words})
		}
	}
}

// propertyFlag is a property as a flag.
type propertyFlag struct {
	*property
	settings *job.Settings
	initial  string
	given    []string
}

// String returns what was given, else the default.
func (f *propertyFlag) String() string {
	if f.given == nil {
		return f.initial
	}
	return strings.Join(f.given, ",")
}

// Type returns what the help calls the value.
func (f *propertyFlag) Type() string { return f.kind }

// Set changes the setting.
func (f *propertyFlag) Set(value string) error {
	f.given = append(f.given, value)
	return f.apply(f.settings, value, len(f.given) == 1)
}

// apply reads a value that was given, the first or a further one.
func (f *propertyFlag) apply(s *job.Settings, value string, first bool) error {
	if err := f.assign(s, value, first); err != nil {
		return err
	}
	if f.opposite != "" {
		setting := f.at(s).(*bool)
		*setting = !*setting
	}
	return nil
}

// givenProperties is the JSON that changes s as the flags of the command say, and nothing that none of them names.
func givenProperties(cmd *cobra.Command, s job.Settings) (map[string]any, error) {
	patch := map[string]any{}
	var err error
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		f, ok := flag.Value.(*propertyFlag)
		if !ok || err != nil {
			return
		}
		for i, value := range f.given {
			if err = f.apply(&s, value, i == 0); err != nil {
				err = usage("--%s: %v", flag.Name, err)
				return
			}
		}
		f.into(patch, &s)
	})
	return patch, err
}
