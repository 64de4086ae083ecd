package bitsadmin

import (
	"context"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func proxyCommands() []command {
	get := func(name, help string, text func(job.Snapshot) string) command {
		return command{
			name: name, args: "<job>", help: help, least: 1, most: 1,
			run: onJob(func(_ context.Context, t *tool, j *ebb.Job, _ []string) error {
				t.value(text(j.Snapshot))
				return nil
			}),
		}
	}
	return []command{
		{
			name: "/SETPROXYSETTINGS", args: "<job> PRECONFIG | NO_PROXY | AUTODETECT | OVERRIDE list bypass", least: 2, most: 4, run: onJob(setProxy),
			help: "Sets the proxy of a job. The list is separated by commas, and the hosts to bypass by spaces; either may be NULL or \"\".",
		},
		get("/GETPROXYUSAGE", "Prints which proxy a job uses.", proxyUsage),
		get("/GETPROXYLIST", "Prints the list of proxies of a job.", proxyList),
		get("/GETPROXYBYPASSLIST", "Prints the hosts that a job needs no proxy for.", func(s job.Snapshot) string { return null(s.Network.ProxyBypass) }),
	}
}

const override = "OVERRIDE"

// proxyUsages are the words for what is no list.
var proxyUsages = map[string]string{
	"PRECONFIG": job.ProxyPreconfigured, "NO_PROXY": job.ProxyNone, "AUTODETECT": job.ProxyAuto,
}

func proxyUsage(s job.Snapshot) string {
	for word, proxy := range proxyUsages {
		if s.Network.Proxy == proxy {
			return word
		}
	}
	return override
}

func proxyList(s job.Snapshot) string {
	if proxyUsage(s) != override {
		return null("")
	}
	return null(s.Network.Proxy)
}

func setProxy(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	word, list, bypass := strings.ToUpper(args[0]), "", ""
	if len(args) > 1 {
		list = orNone(args[1])
	}
	if len(args) > 2 {
		bypass = orNone(args[2])
	}
	proxy, known := proxyUsages[word]
	switch {
	case !known && word != override:
		return usage("/SETPROXYSETTINGS", "Invalid proxy usage: %s", args[0])
	case word == override && (len(args) != 3 || list == ""):
		return usage("/SETPROXYSETTINGS", "OVERRIDE needs a list of proxies and one of hosts to bypass, or NULL.")
	case known && (list != "" || bypass != ""):
		return usage("/SETPROXYSETTINGS", "%s has no lists.", word)
	case !known:
		proxy = list
	}
	err := j.Set(ctx, map[string]any{"network": map[string]any{"proxy": proxy, "proxy_bypass": bypass}})
	if err != nil {
		return unable("set proxy settings", err)
	}
	t.tell("Proxy usage set to %s.", proxyUsage(j.Snapshot))
	return nil
}
