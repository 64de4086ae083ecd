package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/job"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json")

// openAPI is the part of a document that the tests look at.
type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Parameters  []struct{ Name, In string }
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []string
	Required   []string
	Properties map[string]schema
	Items      *schema
}

func TestOpenAPIDocument(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a := s.alice.do("GET", "/openapi.json", "")
	if got := a.header.Get("Content-Type"); got != "application/openapi+json" {
		t.Errorf("Content-Type %q", got)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(a.body), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("the API and docs/openapi.json differ; run make golden and review (-want +got):\n%s", diff)
	}
}

// What OpenAPI 3.1 asks of a document, as far as this one uses it.
func TestOpenAPIIsConsistent(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var doc openAPI
	body := s.alice.do("GET", "/openapi.json", "").body
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %s", doc.OpenAPI)
	}
	for _, ref := range strings.Split(body, `"$ref":"`)[1:] {
		ref, _, _ = strings.Cut(ref, `"`)
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if _, there := doc.Components.Schemas[name]; !ok || !there {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	ids := map[string]bool{}
	for path, operations := range doc.Paths {
		for method, o := range operations {
			if o.OperationID == "" || ids[o.OperationID] {
				t.Errorf("%s %s has the ID %q", method, path, o.OperationID)
			}
			ids[o.OperationID] = true
			var named []string
			for _, p := range o.Parameters {
				if p.In == "path" {
					named = append(named, "{"+p.Name+"}")
				}
			}
			if got := strings.Count(path, "{"); got != len(named) || slices.ContainsFunc(named, func(p string) bool { return !strings.Contains(path, p) }) {
				t.Errorf("%s %s describes the path parameters %v", method, path, named)
			}
			if o.Responses["default"].Content["application/problem+json"].Schema.Ref != "#/components/schemas/Problem" {
				t.Errorf("%s %s does not describe its refusals", method, path)
			}
			if len(o.Responses) != 2 {
				t.Errorf("%s %s describes %d answers", method, path, len(o.Responses))
			}
			if writes := method == "put" || method == "patch"; writes && o.RequestBody.Content["application/json"].Schema.Ref == "" {
				t.Errorf("%s %s does not describe its body", method, path)
			}
		}
	}
	if len(ids) != 38 {
		t.Errorf("%d operations", len(ids))
	}
}

// names are those of all values of an enumeration: they are numbered from 0, and one that is none says so.
func names[T interface {
	~int
	String() string
}](kind string,
) (out []string) {
	for n := T(0); !strings.HasPrefix(n.String(), kind+"("); n++ {
		if n.String() != "" {
			out = append(out, n.String())
		}
	}
	return out
}

func TestOpenAPIEnumerations(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var doc openAPI
	if err := json.Unmarshal([]byte(s.alice.do("GET", "/openapi.json", "").body), &doc); err != nil {
		t.Fatal(err)
	}
	schemes := []string{"basic", "digest", "ntlm", "negotiate", "passport", "bearer", "any"}
	tests := []struct {
		schema, field string
		want          []string
	}{
		{"Snapshot", "state", names[job.State]("State")},
		{"Snapshot", "intent", names[job.Intent]("Intent")},
		{"Snapshot", "type", names[job.Type]("Type")},
		{"Snapshot", "priority", names[job.Priority]("Priority")},
		{"Spec", "type", names[job.Type]("Type")},
		{"Spec", "priority", names[job.Priority]("Priority")},
		{"Settings", "priority", names[job.Priority]("Priority")},
		{"Error", "class", names[job.Class]("Class")},
		{"Error", "context", names[job.Context]("Context")},
		{"Event", "kind", names[job.Notice]("Notice")},
		{"Credential", "target", []string{"server", "proxy"}},
		{"Credential", "scheme", schemes},
		{"CredentialRef", "scheme", schemes},
	}
	for _, tt := range tests {
		field := doc.Components.Schemas[tt.schema].Properties[tt.field]
		if diff := cmp.Diff(tt.want, field.Enum); diff != "" || field.Type != "string" {
			t.Errorf("%s.%s is %v (-want +got):\n%s", tt.schema, tt.field, field.Type, diff)
		}
	}
}

func TestOpenAPIRequiredFields(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var doc openAPI
	if err := json.Unmarshal([]byte(s.alice.do("GET", "/openapi.json", "").body), &doc); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"Spec": nil, "Settings": nil, "Secret": nil, "FileSpec": {"url", "local"}, "FileSpecs": {"files"},
		"Credential": {"target", "scheme"}, "Problem": {"title", "status", "detail", "error"}, "JobList": {"jobs"},
	}
	for name, want := range tests {
		if diff := cmp.Diff(want, doc.Components.Schemas[name].Required); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// What every answer has.
	var snap map[string]any
	s.alice.do("POST", "/v1/jobs", `{}`).into(&snap)
	for _, field := range doc.Components.Schemas["Snapshot"].Required {
		if _, there := snap[field]; !there {
			t.Errorf("Snapshot.%s is required, but not there", field)
		}
	}
	for field := range snap {
		if _, described := doc.Components.Schemas["Snapshot"].Properties[field]; !described {
			t.Errorf("Snapshot.%s is not described", field)
		}
	}
}
