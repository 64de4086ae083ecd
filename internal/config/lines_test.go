package config

import (
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestFindLines(t *testing.T) {
	t.Parallel()
	const text = `# a comment = 1
a = "one # = [" # x = 1
"b c" = '\"'
 d.e = [ # ] = 1
  "]", '''
f = 1''',
]
[ g . "h.i" ]
j = """
k = "1\"""
l = 2""""
m = { n = 1, o = "}" }

[[ p ]]
q = 1
[p.r]
s = 1979-05-27T07:32:00Z
[[p]]
q = 2
[[p.t]]
[[p.t]]
u = -1.5e3`
	if _, err := toml.Decode(text, &map[string]any{}); err != nil {
		t.Fatal(err)
	}
	want := lines{
		"a": 2, "b c": 3, "d": 4, "d.e": 4, "g.h.i": 8, "g.h.i.j": 9, "g.h.i.m": 12,
		"p[0]": 14, "p[0].q": 15, "p[0].r": 16, "p[0].r.s": 17, "p[1]": 18, "p[1].q": 19, "p[1].t[0]": 20, "p[1].t[1]": 21, "p[1].t[1].u": 22,
	}
	got := findLines(text)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, line := range map[string]int{"p[1].t[1].u": 22, "p[1].t[1].v": 21, "p[1].w[7].v": 18, "g.h.i.m.n": 12, "x": 1} {
		if l := got.of(name); l != line {
			t.Errorf("%s is in line %d, want %d", name, l, line)
		}
	}
}
