package cli

import "testing"

func TestNetrc(t *testing.T) {
	t.Parallel()
	const file = `# machine example.com login commented password out
machine example.com login alice password "with \"quotes\" and \\"
machine other.example
	login bob   # a comment
	account ignored
	password #hash
machine example.com login carol password c
machine half.example login dave
machine macro.example login erin password e macdef init
machine trap.example login mallory password m

machine after.example login frank password f
default login anyone password leaked
machine late.example login grace password g`
	for _, tt := range []struct {
		host, user string
		want       netrcEntry
		ok         bool
	}{
		{"example.com", "", netrcEntry{"alice", `with "quotes" and \`}, true},
		{"EXAMPLE.com", "", netrcEntry{"alice", `with "quotes" and \`}, true},
		{"example.com", "carol", netrcEntry{"carol", "c"}, true},
		{"example.com", "bob", netrcEntry{}, false},
		{"other.example", "", netrcEntry{"bob", "#hash"}, true},
		{"half.example", "", netrcEntry{}, false},
		{"macro.example", "", netrcEntry{"erin", "e"}, true},
		{"trap.example", "", netrcEntry{}, false},
		{"after.example", "", netrcEntry{"frank", "f"}, true},
		{"late.example", "", netrcEntry{"grace", "g"}, true},
		{"nowhere.example", "", netrcEntry{}, false},
		{"", "", netrcEntry{}, false},
		{"default", "", netrcEntry{}, false},
	} {
		got, ok := findNetrc(file, tt.host, tt.user)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("findNetrc(%q, %q) = %+v, %v, want %+v, %v", tt.host, tt.user, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzNetrc(f *testing.F) {
	for _, seed := range []string{"machine a login b password c", `machine a login "b`, "macdef x\n\nmachine", "default", "#", "machine a password \\"} {
		f.Add(seed, "a", "b")
	}
	f.Fuzz(func(t *testing.T, text, host, user string) {
		entry, ok := findNetrc(text, host, user)
		if ok && (entry.user == "" || entry.password == "" || user != "" && entry.user != user) {
			t.Errorf("findNetrc(%q, %q, %q) = %+v", text, host, user, entry)
		}
	})
}
