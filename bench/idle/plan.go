//go:build linux

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are those of the command line.
type options struct {
	sets        string
	only        string
	quick       bool
	rates       string
	buffers     string
	bases       string
	contestants string
	foregrounds string
	servers     string
	path        path // what all paths have in common
	runs        int
	tries       int
	patience    time.Duration
	long        time.Duration
	dir         string
	ebb         string
	plots       string
	into        string
	json        bool
}

// set is something to measure, as flags for what differs from their defaults.
type set struct {
	name string
	args []string
}

// sets are all that docs/background.md has figures of, in the order in which it tells them.
func sets() []set {
	one := []string{"-rates=100", "-buffers=100", "-bases=20", "-contestants=curl,ebb low"}
	with := func(args ...string) []string { return slices.Concat(one, args) }
	return []set{
		{"main", []string{"-only=cells", "-contestants=ebb low"}},
		{"peers", []string{"-only=cells", "-buffers=100", "-bases=20", "-contestants=curl,aria2c -x16,curl at 50 %,ebb foreground"}},
		{"bbr", with("-only=cells", "-servers=bbr")},
		{"tiny", with("-only=cells", "-buffers=5,10")},
		{"codel", with("-only=cells", "-queue=codel")},
		{"fq", with("-only=cells", "-queue=fq-codel")},
		{"here", with("-only=cells", "-queue=fq-codel", "-here")},
		// On a faster line cubic itself would not come near the rate: 0.1 % is worth 22 Mbit/s at 20 ms.
		{"loss", with("-only=cells", "-rates=20", "-loss=0.001")},
		{"loss1", with("-only=cells", "-rates=20", "-loss=0.01")},
		{"jitter", with("-only=cells", "-jitter=2ms")},
		{"share", []string{"-only=share", "-buffers=100", "-contestants=curl,ebb low"}},
		{"uploads", []string{"-up", "-buffers=100", "-bases=20"}},
		{"situations", []string{"-only=situations", "-rates=20", "-buffers=100", "-bases=20"}},
		{"long", []string{"-only=long", "-rates=20", "-buffers=100", "-bases=20", "-contestants=ebb low"}},
		{"fast", []string{"-only=fast", "-rates=1", "-buffers=1", "-bases=1"}}, // a line without any of these
	}
}

// quick is the set of -quick alone, and plots that of the plots in docs/background.md.
var (
	quick = []string{"-only=cells", "-rates=100", "-buffers=100", "-bases=20", "-contestants=curl,ebb low", "-runs=1"}
	plots = set{"plots", slices.Concat(quick, []string{"-only=cells,share"})}
)

// parse reads flags.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("idle", flag.ContinueOnError)
	f.StringVar(&o.sets, "sets", "", "comma-separated `sets` of what is measured, or all; other flags override theirs: "+setNames()+"; and plots")
	f.StringVar(&o.only, "only", "cells,share", "comma-separated `parts`: cells, share (two background flows), situations (of ebb), long (see -long), fast (a line without a bottleneck)")
	f.BoolVar(&o.quick, "quick", false, "short phases; without -sets, one run of the main cells, in less than three minutes")
	f.StringVar(&o.rates, "rates", "20,100", "of the bottleneck, in `Mbit/s`")
	f.StringVar(&o.buffers, "buffers", "50,100,200", "of the bottleneck, in `ms`")
	f.StringVar(&o.bases, "bases", "20,100", "round trips of the idle line, in `ms`")
	f.StringVar(&o.contestants, "contestants", "", "`names`; default: all, which are "+strings.Join(names(contestants()), ", ")+"; of uploads "+strings.Join(names(senders()), ", "))
	f.StringVar(&o.foregrounds, "foregrounds", "cubic,bbr", "congestion `controls` of the greedy foreground's server")
	f.StringVar(&o.servers, "servers", "cubic", "congestion `controls` of the background's server: cubic, bbr")
	f.Float64Var(&o.path.Loss, "loss", 0, "`share` of the packets to the clients that get lost at random")
	f.DurationVar(&o.path.Jitter, "jitter", 0, "mean of what is added to the delay for 10 ms each")
	f.StringVar(&o.path.Queue, "queue", "", "`discipline` of the bottleneck: codel or fq-codel instead of one queue, first in, first out")
	f.BoolVar(&o.path.Up, "up", false, "uploads: the bottleneck is on the way to the server")
	f.BoolVar(&o.path.Here, "here", false, "the foreground is on the machine of the background, not on another one")
	f.IntVar(&o.runs, "runs", 3, "how often each cell is measured")
	f.IntVar(&o.tries, "tries", 0, "how often a run is measured at most while the machine is busy (default 3, with -quick 1)")
	f.DurationVar(&o.patience, "patience", 0, "how long to wait, at most, for other virtual machines to leave the processors alone, before each try")
	f.DurationVar(&o.long, "long", 10*time.Minute, "how long the run with a random foreground takes, once with and once without the background")
	f.StringVar(&o.dir, "dir", os.TempDir(), "`folder` for a temporary folder with what is downloaded")
	f.StringVar(&o.ebb, "ebb", "", "ebb `program` to measure (default: built from ./cmd/ebb)")
	f.StringVar(&o.plots, "plots", "", "`folder` for a plot of the first run of each cell")
	f.StringVar(&o.into, "into", "", "`file` of Markdown in which the tables replace those of before, rather than being printed")
	f.BoolVar(&o.json, "json", false, "print JSON instead of tables, with the figures of every run")
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q: there are flags only, see -help", f.Arg(0))
	}
	return o, err
}

func setNames() string {
	var out []string
	for _, s := range sets() {
		out = append(out, s.name)
	}
	return strings.Join(out, ", ")
}

// plan is one set to measure.
type plan struct {
	name        string
	parts       []string
	paths       []path
	contestants []contestant
	servers     []string
	phases      phases
	runs        int
	tries       int // of a run, at most, while the machine is busy
	patience    time.Duration
	long        time.Duration
}

// plans makes the plans that the command line asks for.
func plans(o options, args []string) ([]plan, error) {
	if o.sets == "" {
		var base []string
		if o.quick {
			base = quick
		}
		p, err := newPlan("cells", slices.Concat(base, args))
		return []plan{p}, err
	}
	var out []plan
	for name := range strings.SplitSeq(o.sets, ",") {
		before := len(out)
		for _, s := range append(sets(), plots) {
			if name != s.name && (name != "all" || s.name == plots.name) {
				continue
			}
			p, err := newPlan(s.name, slices.Concat(s.args, args))
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		if len(out) == before {
			return nil, fmt.Errorf("-sets %s: there are all, %s, plots", name, setNames())
		}
	}
	return out, nil
}

func newPlan(name string, args []string) (plan, error) {
	o, err := parse(args)
	if err != nil {
		return plan{}, err
	}
	p := plan{name: name, runs: o.runs, tries: 3, patience: o.patience, long: o.long, parts: strings.Split(o.only, ","), servers: strings.Split(o.servers, ",")}
	p.phases = phases{
		Lead: 4 * time.Second, Alone: 8 * time.Second, Greedy: 10 * time.Second, Gap: 6 * time.Second, Requests: 8 * time.Second, Pages: 5,
		Foregrounds: strings.Split(o.foregrounds, ","),
	}
	if o.quick {
		p.phases.Alone, p.phases.Greedy, p.phases.Gap, p.phases.Pages = 5*time.Second, 8*time.Second, 5*time.Second, 3
		p.tries = 1
	}
	p.tries = cmp.Or(o.tries, p.tries)
	all := contestants()
	if o.path.Up {
		all = senders()
	}
	if o.contestants == "" {
		p.contestants = all
	}
	for name := range strings.FieldsFuncSeq(o.contestants, func(r rune) bool { return r == ',' }) {
		i := slices.Index(names(all), strings.TrimSpace(name))
		if i < 0 {
			return p, fmt.Errorf("-contestants %s: they are %s", name, strings.Join(names(all), ", "))
		}
		p.contestants = append(p.contestants, all[i])
	}
	for _, c := range slices.Concat(p.servers, p.phases.Foregrounds) {
		if ports[c] == 0 {
			return p, fmt.Errorf("congestion control %q: there are cubic and bbr", c)
		}
	}
	if !slices.Contains([]string{"", codelQueue, fqCodelQueue}, o.path.Queue) {
		return p, fmt.Errorf("-queue %s: there are %s and %s", o.path.Queue, codelQueue, fqCodelQueue)
	}
	if o.path.Up && (o.path.Here || o.path.Queue != "" || o.servers != "cubic" || slices.Contains(p.parts, "situations") || slices.Contains(p.parts, "long")) {
		return p, errors.New("-up has the parts cells and share only, from cubic senders, through one queue, with the foreground on another machine")
	}
	p.paths, err = o.paths()
	return p, err
}

// paths are all combinations.
func (o options) paths() ([]path, error) {
	rates, err1 := numbers("-rates", o.rates)
	bases, err2 := numbers("-bases", o.bases)
	buffers, err3 := numbers("-buffers", o.buffers)
	var out []path
	for _, rate := range rates {
		for _, base := range bases {
			for _, buffer := range buffers {
				p := o.path
				p.Rate, p.Buffer, p.Base = rate, time.Duration(buffer)*time.Millisecond, time.Duration(base)*time.Millisecond
				out = append(out, p)
			}
		}
	}
	return out, errors.Join(err1, err2, err3)
}

func numbers(what, list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a positive number", what, s)
		}
		out = append(out, n)
	}
	return out, nil
}

func names(cs []contestant) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Name)
	}
	return out
}

// The work that the parts of a plan are, with the time that it takes to set up a bed.
const setup = 2 * time.Second

// work is how long plans take if nothing has to be measured again.
func work(plans []plan) time.Duration {
	var sum time.Duration
	known := map[round]bool{}
	for _, p := range plans {
		for run := range p.runs {
			for _, way := range p.paths {
				if slices.ContainsFunc(p.parts, needsBaseline) && !known[round{way, run}] {
					known[round{way, run}] = true
					sum += p.phases.of(way).baseline()
				}
				sum += p.workOn(way, run)
			}
		}
	}
	return sum
}

func needsBaseline(part string) bool { return part == "cells" || part == "situations" }

// workOn is what one run takes on a path, once its idle line is known.
func (p plan) workOn(way path, run int) time.Duration {
	var sum time.Duration
	times := time.Duration(len(p.contestants) * len(p.servers))
	for _, part := range p.parts {
		switch part {
		case "cells":
			sum += times * p.phases.of(way).cell()
		case "share":
			sum += times * sharing
		case "situations":
			for _, s := range scenes() {
				sum += s.lasts
			}
		case "long":
			if run == 0 {
				sum += 2 * times * p.long
			}
		case "fast":
			sum += time.Duration(len(fastContestants())) * fastTakes
		}
	}
	return sum
}
