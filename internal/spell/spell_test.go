package spell

import "testing"

func TestClosest(t *testing.T) {
	t.Parallel()
	commands := []string{"get", "set", "list", "show", "suspend", "x"}
	for _, tt := range []struct {
		word string
		most int
		want string
	}{
		{"list", 0, "list"},
		{"lst", 0, ""},
		{"lst", 1, "list"},
		{"lisst", 1, "list"},
		{"lizt", 1, "list"},
		{"shwo", 1, ""}, // two letters changed
		{"shwo", 2, "show"},
		{"jet", 1, "get"}, // the first of two
		{"zet", 2, "get"},
		{"sat", 2, "set"}, // the closer of two
		{"List", 0, ""},
		{"suspicious", 5, ""},
		{"suspicious", 6, "suspend"},
		{"y", 3, ""}, // all letters of x changed would make anything an x
		{"", 3, ""},
	} {
		if got := Closest(tt.word, commands, tt.most); got != tt.want {
			t.Errorf("Closest(%q, %d) = %q, want %q", tt.word, tt.most, got, tt.want)
		}
	}
	if got := Closest("list", nil, 3); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2},
	} {
		if got, back := distance(tt.a, tt.b), distance(tt.b, tt.a); got != tt.want || back != tt.want {
			t.Errorf("distance(%q, %q) = %d and back %d, want %d", tt.a, tt.b, got, back, tt.want)
		}
	}
}
