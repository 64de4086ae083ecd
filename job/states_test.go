package job

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files from the code")

// An outcome is what Next made of a row in one state and intent.
type outcome struct {
	row             string
	state           State
	intent          Intent
	toState         State
	toIntent        Intent
	effects, wakeAt string
	refused         string
}

// outcomes are all rows in all states and intents that a stored job can have.
func outcomes(t *testing.T) []outcome {
	var all []outcome
	for _, s := range States() {
		for _, i := range Intents() {
			if s.Final() && i != NoIntent {
				continue
			}
			fixture := in(t, s, i)
			for _, r := range rows() {
				all = append(all, r.apply(t, fixture))
			}
		}
	}
	return all
}

func (r row) apply(t *testing.T, j Job) outcome {
	out := outcome{row: r.name, state: j.State, intent: j.Intent}
	if r.setup != nil {
		r.setup(&j)
	}
	at := r.at
	if at == 0 {
		at = time.Minute
	}
	next, effects, err := Next(j, r.event, t0.Add(at), Policy{Jitter: 0.5})
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v is not an *Error", r.name, err)
		}
		out.refused = e.Code.String()
		return out
	}
	out.toState, out.toIntent = next.State, next.Intent
	var names []string
	for _, e := range effects {
		switch e := e.(type) {
		case WakeAt:
			out.wakeAt = reason(next, e.At)
		case Notify:
			names = append(names, "Notify "+e.Kind.String())
		default:
			names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", e), "job."))
		}
	}
	out.effects = strings.Join(names, ", ")
	return out
}

// reason names what a job is woken for.
func reason(j Job, at time.Time) string {
	switch {
	case at.IsZero():
		return "never"
	case at.Equal(j.RetryAt):
		return "retry"
	case at.Equal(j.deadline()):
		return "deadline"
	case at.Equal(j.giveUpAt()):
		return "no progress"
	case at.Equal(j.Modified.Add(time.Duration(j.InactivityTimeout))):
		return "inactivity"
	}
	return "nothing known"
}

func node(s State, i Intent) string {
	if i != NoIntent {
		return i.String()
	}
	return s.String()
}

// from and to name where an outcome starts and ends, the state under an intent included.
func (o outcome) from() string {
	return strings.TrimSuffix(o.state.String()+"+"+o.intent.String(), "+")
}

func (o outcome) to() string {
	return strings.TrimSuffix(o.toState.String()+"+"+o.toIntent.String(), "+")
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	all := outcomes(t)
	t.Run("testdata/transitions.golden", func(t *testing.T) { golden(t, "testdata/transitions.golden", table(all)) })
	t.Run("docs/states.md", func(t *testing.T) { golden(t, "../docs/states.md", document(all)) })
}

// TestTheTableIsComplete: every event that has an apply method is in the table, and no name twice.
func TestTheTableIsComplete(t *testing.T) {
	t.Parallel()
	names := rowNames()
	if twice := len(names) - len(slices.Compact(slices.Clone(names))); twice > 0 {
		t.Errorf("%d names are there twice: %q", twice, names)
	}
	events := map[string]bool{}
	for _, r := range rows() {
		events[fmt.Sprintf("%T", r.event)] = true
	}
	applies := 0
	for _, file := range []string{"next.go", "files.go", "facts.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func \((?:ev )?(\w+)\) apply\(`).FindAllSubmatch(source, -1) {
			applies++
			if !events["job."+string(m[1])] {
				t.Errorf("the table has no row for %s", m[1])
			}
		}
	}
	if applies != len(events) {
		t.Errorf("%d events apply, the table has %d", applies, len(events))
	}
}

// golden compares got with a file, or rewrites the file with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s is out of date (-file +code); if the change is meant, run make golden:\n%s", file, diff)
	}
}

// table prints every outcome on a line of its own.
func table(all []outcome) []byte {
	var b bytes.Buffer
	b.WriteString("# state+intent × event → state+intent: effects; woken next for. Rewritten by make golden.\n")
	last := ""
	for _, o := range all {
		if o.from() != last {
			last = o.from()
			fmt.Fprintf(&b, "\n%s\n", last)
		}
		fmt.Fprintf(&b, "  %-62s", o.row)
		if o.refused != "" {
			fmt.Fprintf(&b, "refused %s\n", o.refused)
			continue
		}
		line := "="
		if o.to() != o.from() {
			line = "→ " + o.to()
		}
		if o.effects != "" {
			line += ": " + o.effects
		}
		if o.wakeAt != "" {
			line += "; " + o.wakeAt
		}
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// columns are the nodes of the document's table and diagram, in the order of a job's life.
func columns() []string {
	return []string{"suspended", "queued", "transient_error", "error", "transferred", "completing", "cancelling", "acknowledged", "cancelled"}
}

func document(all []outcome) []byte {
	var b bytes.Buffer
	b.WriteString(`# The states of a job

Generated from ` + "`job.Next`" + ` by ` + "`make golden`" + `; a test fails when it is out of date.

A job is stored in one of seven states. *Completing* and *cancelling* are intents: the command is
durable and its effect, publishing or deleting files, is under way. *Connecting* and *transferring* are
never stored: they are what the workers of a queued job do at this moment. The diagram leaves out what changed properties and commands for
single files lead to; the tables have it.

`)
	diagram(&b, all)
	b.WriteString(`
## Every event in every state

` + "`=`" + ` leaves the state as it is, ✗ refuses the event with the code named and changes nothing. Effects, carried
out once the job is durable, are in italics. A job also says with each change when it wants to be woken next.
`)
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n### %s\n\n| event | %s |\n|---|%s\n", s.title, strings.Join(columns(), " | "), strings.Repeat("---|", len(columns())))
		for _, r := range s.rows {
			fmt.Fprintf(&b, "| %s |", r.name)
			for _, c := range columns() {
				fmt.Fprintf(&b, " %s |", cell(all, r.name, c))
			}
			b.WriteString("\n")
		}
	}
	return b.Bytes()
}

// cell says what an event does in a node. An intent has several states below it; where
// they differ, the exception is named.
func cell(all []outcome, row, column string) string {
	var texts, exceptions []string
	for _, o := range all {
		if o.row != row || node(o.state, o.intent) != column {
			continue
		}
		text := o.text()
		if len(texts) > 0 && texts[0] != text {
			exceptions = append(exceptions, fmt.Sprintf("; %s: %s", o.state, text))
			continue
		}
		texts = append(texts, text)
	}
	return texts[0] + strings.Join(exceptions, "")
}

func (o outcome) text() string {
	switch {
	case o.refused != "":
		return "✗ " + strings.TrimPrefix(o.refused, "BG_E_")
	case o.to() == o.from() && o.effects == "":
		return "="
	}
	text := "="
	if o.to() != o.from() {
		text = "**" + node(o.toState, o.toIntent) + "**"
	}
	if o.effects != "" {
		text += " *" + o.effects + "*"
	}
	return text
}

// diagram draws every change of state. What leads from every open state to the same node
// is drawn once.
func diagram(b *bytes.Buffer, all []outcome) {
	open := columns()[:5]
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> suspended: create\n    state open {\n")
	var edges []string
	labels := map[string][]string{}
	for _, o := range all {
		from, to := node(o.state, o.intent), node(o.toState, o.toIntent)
		if o.refused != "" || from == to || !drawn(o.row) {
			continue
		}
		if slices.Contains(open, from) && !slices.Contains(open, to) && fromAll(all, o, open) {
			from = "open"
		}
		edge := from + " --> " + to
		if !slices.Contains(edges, edge) {
			edges = append(edges, edge)
		}
		if !slices.Contains(labels[edge], o.row) {
			labels[edge] = append(labels[edge], o.row)
		}
	}
	within := func(edge string) bool {
		from, to, _ := strings.Cut(edge, " --> ")
		return slices.Contains(open, from) && slices.Contains(open, to)
	}
	for _, edge := range edges {
		if within(edge) {
			fmt.Fprintf(b, "        %s: %s\n", edge, strings.Join(labels[edge], "<br>"))
		}
	}
	b.WriteString("    }\n")
	for _, edge := range edges {
		if !within(edge) {
			fmt.Fprintf(b, "    %s: %s\n", edge, strings.Join(labels[edge], "<br>"))
		}
	}
	b.WriteString("    acknowledged --> [*]\n    cancelled --> [*]\n```\n")
}

// drawn reports whether the diagram has the row.
func drawn(row string) bool {
	for _, s := range sections() {
		for _, r := range s.rows {
			if r.name == row {
				return s.drawn
			}
		}
	}
	return false
}

// fromAll reports whether o's event leads from every open state to where o ends.
func fromAll(all []outcome, o outcome, open []string) bool {
	n := 0
	for _, x := range all {
		if x.row == o.row && x.refused == "" && slices.Contains(open, node(x.state, x.intent)) && node(x.toState, x.toIntent) == node(o.toState, o.toIntent) {
			n++
		}
	}
	return n == len(open)
}
