package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// Every setting of a job is a property: none can be forgotten here.
func TestEverySettingIsAProperty(t *testing.T) {
	t.Parallel()
	var s job.Settings
	reached := map[string]bool{
		"network":                    true,
		"network.client_cert":        true, // is set by ebb certificate
		"network.check_certificates": true, // is for programs, which are to be there
	}
	for _, p := range properties {
		at := p.at(&s)
		name := jsonName(&s, at)
		if name == "" {
			name = "network." + jsonName(&s.Network, at)
		}
		if strings.HasSuffix(name, ".") {
			t.Errorf("%s is nowhere in job.Settings", p.key)
		}
		reached[name] = true
	}
	demand := func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !reached[prefix+name] {
				t.Errorf("no property sets %s%s", prefix, name)
			}
		}
	}
	demand("", reflect.TypeFor[job.Settings]())
	demand("network.", reflect.TypeFor[job.Network]())
}

const onePin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// values are one that is not the default for each property, with the JSON that set sends and what show shows.
var values = map[string]struct{ value, json, shown string }{
	"name":                {"nightly", `{"name":"nightly"}`, "nightly"},
	"description":         {"two words", `{"description":"two words"}`, "two words"},
	"priority":            {"low", `{"priority":"low"}`, "low"},
	"limit":               {"1.5M", `{"limit":1572864}`, "1.5 MiB/s"},
	"max-size":            {"700", `{"max_size":700}`, "700 B"},
	"transfer-policy":     {"not-roaming", `{"transfer_policy":"not_roaming"}`, "not-roaming"},
	"timeout":             {"0", `{"deadline":"0001-01-01T00:00:00Z"}`, ""},
	"retry-delay":         {"60s", `{"retry_delay":"1m0s"}`, "1m0s"},
	"no-progress-timeout": {"0", `{"no_progress_timeout":"0s"}`, "0s"},
	"max-download-time":   {"1h", `{"max_download_time":"1h0m0s"}`, "1h0m0s"},
	"inactivity-timeout":  {"24h", `{"inactivity_timeout":"24h0m0s"}`, "24h0m0s"},
	"auto-complete":       {"true", `{"auto_complete":true}`, "true"},
	"overwrite":           {"true", `{"overwrite":true}`, "true"},
	"method":              {"POST", `{"method":"POST"}`, "POST"},
	"dynamic":             {"true", `{"dynamic":true}`, "true"},
	"high-performance":    {"true", `{"high_performance":true}`, "true"},
	"on-demand":           {"true", `{"on_demand":true}`, "true"},
	"headers-write-only":  {"false", `{"headers_write_only":false}`, "false"},
	"notify-flags":        {"file-transferred,error", `{"notify_flags":18}`, "error,file-transferred"},
	"notify-command":      {"/bin/true", `{"notify_command":["/bin/true"]}`, "/bin/true"},
	"webhook":             {"https://a.example/h", `{"notify_url":"https://a.example/h"}`, "https://a.example/h"},
	"min-notify-interval": {"2s", `{"min_notify_interval":"2s"}`, "2s"},
	"reply-file":          {"/srv/reply", `{"reply_file":"/srv/reply"}`, "/srv/reply"},
	"peer-caching":        {"client,no-branch-cache", `{"peer_caching":5}`, "client,no-branch-cache"},
	"acl-flags":           {"od", `{"acl_flags":5}`, "OD"},
	"proxy":               {"none", `{"network":{"proxy":"none"}}`, "none"},
	"proxy-bypass":        {"<local>", `{"network":{"proxy_bypass":"<local>"}}`, "<local>"},
	"cacert":              {"", `{"network":{"ca_cert":""}}`, ""},
	"pin":                 {onePin, `{"network":{"pins":["` + onePin + `"]}}`, onePin},
	"ignore-cert":         {"date,unknown-ca", `{"network":{"security_flags":12}}`, "unknown-ca,date"},
	"check-revocation":    {"true", `{"network":{"security_flags":1}}`, "true"},
	"redirects":           {"refuse", `{"network":{"security_flags":512}}`, "refuse"},
	"allow-downgrade":     {"true", `{"network":{"security_flags":2048}}`, "true"},
	"allow-cleartext":     {"true", `{"network":{"allow_cleartext":true}}`, "true"},
	"connect-timeout":     {"5s", `{"network":{"connect_timeout":"5s"}}`, "5s"},
	"stall-timeout":       {"5s", `{"network":{"stall_timeout":"5s"}}`, "5s"},
}

// A value of set and of a flag gives the same setting, and show shows it so that it can be given again.
func TestPropertiesAreReadAndShown(t *testing.T) {
	t.Parallel()
	for i := range properties {
		p, v := &properties[i], values[properties[i].key]
		t.Run(p.key, func(t *testing.T) {
			t.Parallel()
			s := job.DefaultSettings()
			patch, err := settings(&s, []string{p.key + "=" + v.value})
			if err != nil {
				t.Fatal(err)
			}
			var sent strings.Builder
			if err := writeJSON(&sent, patch); err != nil || sent.String() != v.json+"\n" {
				t.Errorf("set sends %s, want %s, %v", &sent, v.json, err)
			}
			if got := p.show(&s); got != v.shown {
				t.Errorf("show has %q, want %q", got, v.shown)
			}
			byFlag := job.DefaultSettings()
			if err := flagsOver(&byFlag).Parse(flagFor(p, v.value)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s, byFlag); diff != "" {
				t.Errorf("the flag sets another value (-set +flag):\n%s", diff)
			}
		})
	}
}

// flagsOver are the flags of get and create over s.
func flagsOver(s *job.Settings) interface{ Parse([]string) error } {
	cmd := &cobra.Command{}
	registerProperties(cmd, s)
	return cmd.Flags()
}

func flagFor(p *property, value string) []string {
	if p.opposite == "" {
		return []string{"--" + p.key + "=" + value}
	}
	return []string{"--" + p.opposite + "=" + map[string]string{"true": "false", "false": "true"}[value]}
}

// What one property sets does not disturb another in the same number, and lists begin anew in each command.
func TestSettingsOnTopOfOthers(t *testing.T) {
	t.Parallel()
	s := job.DefaultSettings()
	for _, words := range [][]string{
		{"redirects=refuse", "ignore-cert=date,usage", "allow-downgrade=true", "notify-command=/bin/old", "notify-command=-v"},
		{"redirects=report", "ignore-cert=host-name", "notify-command=/bin/new", "notify-command=", "pin=" + onePin},
		{"pin=", "peer-caching=3", "acl-flags=0xF", "transfer-policy=0x80000021", "check-revocation=true"},
	} {
		if _, err := settings(&s, words); err != nil {
			t.Fatal(err)
		}
	}
	want := job.DefaultSettings()
	want.Network.SecurityFlags = job.ReportRedirects | job.IgnoreHostName | job.AllowDowngrade | job.CheckRevocation
	want.Network.Pins = []string{}
	want.NotifyCommand = []string{"/bin/new", ""}
	want.PeerCaching, want.ACLFlags, want.TransferPolicy = 3, 15, job.PolicyUnrestricted
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTimeoutIsFromNow(t *testing.T) {
	t.Parallel()
	s := job.DefaultSettings()
	if _, err := settings(&s, []string{"timeout=1h"}); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(s.Deadline); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the deadline is in %v", left)
	}
}

func TestCertificatesAreRead(t *testing.T) {
	t.Parallel()
	const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	s := job.DefaultSettings()
	if _, err := settings(&s, []string{"cacert=" + file}); err != nil || s.Network.CACert != pem {
		t.Errorf("%q, %v", s.Network.CACert, err)
	}
}
