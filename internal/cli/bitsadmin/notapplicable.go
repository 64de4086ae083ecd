package bitsadmin

import (
	"context"
	"fmt"
	"strings"

	"github.com/ebb-transfer/ebb"
)

// The reasons why a switch has no meaning here, with ebb's way where there is one.
const (
	noPeers        = "ebb has no cache that peers share"
	noStores       = "ebb takes client certificates from PEM files and not from certificate stores: ebb certificate set ID --cert FILE --key FILE"
	noTokens       = "ebb does not borrow the tokens of other users; give the job credentials: /SETCREDENTIALS"
	noIEProxy      = "ebb has no proxy settings of accounts; set them for a job (/SETPROXYSETTINGS), or in the environment of the service (HTTPS_PROXY)"
	noRepair       = "ebb's service is repaired by installing it again: ebb doctor says what is wrong"
	noEventChannel = "ebb has no event channels: ebb events --follow, and the log of the service"
)

// foreign is a switch that is known, and has no meaning here.
func foreign(above, name, args, why string) command {
	full := strings.TrimSpace(above + " " + name)
	return command{
		name: name, args: args, help: "Not applicable on this system: " + why + ".", most: unbounded,
		run: func(context.Context, *tool, []string) error {
			return &notApplicable{fmt.Sprintf("%s is not applicable on this system: %s.", full, why)}
		},
	}
}

// helpOf are the switches that print the help of the commands below another one.
func helpOf(above string, table func() []command) []command {
	var out []command
	for _, name := range []string{"/HELP", "/?"} {
		out = append(out, command{
			name: name, help: "Prints this help.",
			run: func(_ context.Context, t *tool, _ []string) error { return t.help(table(), above+" ") },
		})
	}
	return out
}

func utilities() []command {
	return append(helpOf("/UTIL", utilities),
		command{
			name: "/VERSION", args: "[/VERBOSE]", most: 1, run: version,
			help: "Prints the version of the tool, or with /VERBOSE also how the service is.",
		},
		foreign("/UTIL", "/REPAIRSERVICE", "[/FORCE]", noRepair),
		foreign("/UTIL", "/SETIEPROXY", "account usage [/CONN name]", noIEProxy),
		foreign("/UTIL", "/GETIEPROXY", "account [/CONN name]", noIEProxy),
		foreign("/UTIL", "/ENABLEANALYTICCHANNEL", "TRUE|FALSE", noEventChannel),
	)
}

func version(ctx context.Context, t *tool, args []string) error {
	given, err := switches("/UTIL /VERSION", args, "/VERBOSE")
	if err != nil {
		return err
	}
	t.value("ebb " + t.Version)
	if len(given) == 0 {
		return nil
	}
	client, err := t.service(ctx)
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return unable("get the version of the service", err)
	}
	if t.raw {
		t.printf("\n") // which the value before has not
	}
	t.printf("%s", statusText(status))
	return nil
}

func statusText(s ebb.Status) string {
	text := fmt.Sprintf("Service: ebb %s\n", s.Version)
	if d := s.Daemon; d != nil {
		text += fmt.Sprintf("Process: %d, since %s\nState folder: %s\nSocket: %s\n", d.PID, d.Started, oneLine(d.StateDir), oneLine(d.Socket))
	}
	return text
}

func cache() []command {
	return append(helpOf("/CACHE", cache),
		foreign("/CACHE", "/LIST", "[/VERBOSE]", noPeers),
		foreign("/CACHE", "/INFO", "record_id [/VERBOSE]", noPeers),
		foreign("/CACHE", "/CLEAR", "", noPeers),
		foreign("/CACHE", "/DELETE", "record_id", noPeers),
		foreign("/CACHE", "/DELETEURL", "url", noPeers),
		foreign("/CACHE", "/GETLIMIT", "", noPeers),
		foreign("/CACHE", "/SETLIMIT", "percent", noPeers),
		foreign("/CACHE", "/GETEXPIRATIONTIME", "", noPeers),
		foreign("/CACHE", "/SETEXPIRATIONTIME", "seconds", noPeers),
	)
}

func peerCaching() []command {
	return append(helpOf("/PEERCACHING", peerCaching),
		foreign("/PEERCACHING", "/GETCONFIGURATIONFLAGS", "", noPeers),
		foreign("/PEERCACHING", "/SETCONFIGURATIONFLAGS", "flags", noPeers),
	)
}

func peers() []command {
	return append(helpOf("/PEERS", peers),
		foreign("/PEERS", "/LIST", "", noPeers),
		foreign("/PEERS", "/DISCOVER", "", noPeers),
		foreign("/PEERS", "/CLEAR", "", noPeers),
	)
}

func helperCommands() []command {
	return []command{
		foreign("", "/SETHELPERTOKEN", "<job> [user_name@domain password]", noTokens),
		foreign("", "/GETHELPERTOKENSID", "<job>", noTokens),
		foreign("", "/SETHELPERTOKENFLAGS", "<job> flags", noTokens),
		foreign("", "/GETHELPERTOKENFLAGS", "<job>", noTokens),
	}
}

func certificateCommands() []command {
	return []command{
		{
			name: "/GETCLIENTCERTIFICATE", args: "<job>", least: 1, most: 1,
			help: "Prints whether a job has a client certificate: SET or NULL. It cannot be read back.",
			run: onJob(func(_ context.Context, t *tool, j *ebb.Job, _ []string) error {
				if j.Network.ClientCert {
					t.value("SET")
				} else {
					t.value(null(""))
				}
				return nil
			}),
		},
		foreign("", "/SETCLIENTCERTIFICATEBYID", "<job> store_location store_name hexadecimal_cert_id", noStores),
		foreign("", "/SETCLIENTCERTIFICATEBYNAME", "<job> store_location store_name subject_name", noStores),
		state("/REMOVECLIENTCERTIFICATE", "Forgets the client certificate of a job.", "remove client certificate",
			"Client certificate removed.", plain((*ebb.Job).RemoveClientCertificate)),
	}
}

// peerFlagsText are the peer-caching flags, which are stored, in the words of /INFO /VERBOSE.
func peerFlagsText(flags uint32) string {
	const client, server = 1, 2
	return fmt.Sprintf("Peercaching flags\n\t Enable download from peers      :%t\n\t Enable serving to peers         :%t\n", flags&client != 0, flags&server != 0)
}
