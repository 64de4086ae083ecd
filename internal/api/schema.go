package api

import (
	"encoding"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const schemaPrefix = "#/components/schemas/"

// describe is the beginning of the OpenAPI document; the operations add themselves.
func describe() huma.Config {
	hc := huma.DefaultConfig("ebb", "1")
	hc.Info.Description = "Background transfers: jobs, their files, and what becomes of them. Spoken over the service's own " +
		"socket, whose peer is the user that calls: nobody logs in. Times are RFC 3339, sizes are bytes (-1 is unknown), " +
		"durations are like 90s, 10m or 336h, except where they are numbers: those are nanoseconds."
	hc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	hc.Servers = []*huma.Server{{URL: "http://" + Host, Description: "on the service's socket"}}
	hc.CreateHooks = nil // no $schema links in answers
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath = "", "", ""
	hc.Components.Schemas = huma.NewMapRegistry(schemaPrefix, schemaName)
	for of, with := range texts {
		hc.Components.Schemas.RegisterTypeAlias(of, with)
	}
	hc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	return hc
}

func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[store.Notice]() {
		return "Event"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// texts maps the types of package job that are text in JSON to those that describe them. Package job
// itself knows nothing of schemas.
var texts = map[reflect.Type]reflect.Type{
	reflect.TypeFor[job.State]():    reflect.TypeFor[stateText](),
	reflect.TypeFor[job.Intent]():   reflect.TypeFor[intentText](),
	reflect.TypeFor[job.Type]():     reflect.TypeFor[typeText](),
	reflect.TypeFor[job.Priority](): reflect.TypeFor[priorityText](),
	reflect.TypeFor[job.Class]():    reflect.TypeFor[classText](),
	reflect.TypeFor[job.Context]():  reflect.TypeFor[contextText](),
	reflect.TypeFor[job.Notice]():   reflect.TypeFor[noticeText](),
	reflect.TypeFor[job.Code]():     reflect.TypeFor[codeText](),
	reflect.TypeFor[job.Duration](): reflect.TypeFor[durationText](),
	reflect.TypeFor[job.Ranges]():   reflect.TypeFor[rangesText](),

	reflect.TypeFor[job.TransferPolicy](): reflect.TypeFor[policyText](),
}

type (
	stateText    struct{}
	intentText   struct{}
	typeText     struct{}
	priorityText struct{}
	classText    struct{}
	contextText  struct{}
	noticeText   struct{}
	codeText     struct{}
	durationText struct{}
	rangesText   struct{}
	policyText   struct{}
)

func (stateText) Schema(huma.Registry) *huma.Schema {
	return oneOf(job.Queued, job.Connecting, job.Transferring, job.Suspended, job.InError, job.TransientError,
		job.Transferred, job.Acknowledged, job.Cancelled)
}

func (intentText) Schema(huma.Registry) *huma.Schema { return oneOf(job.Completing, job.Cancelling) }

func (typeText) Schema(huma.Registry) *huma.Schema {
	return oneOf(job.Download, job.Upload, job.UploadReply)
}

func (priorityText) Schema(huma.Registry) *huma.Schema { return oneOf(job.Priorities()...) }

func (classText) Schema(huma.Registry) *huma.Schema {
	return oneOf(job.Transient, job.Fatal, job.NeedsAction)
}

func (contextText) Schema(huma.Registry) *huma.Schema {
	return oneOf(job.ContextNone, job.ContextUnknown, job.ContextQueueManager, job.ContextNotification, job.ContextLocalFile,
		job.ContextRemoteFile, job.ContextTransport, job.ContextApplication, job.ContextCertificate)
}

func (noticeText) Schema(huma.Registry) *huma.Schema {
	return oneOf(job.NoticeTransferred, job.NoticeError, job.NoticeFileTransferred, job.NoticeAcknowledged, job.NoticeCancelled)
}

func (codeText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^0x[0-9A-F]{8}$", Description: "a code of BITS (an HRESULT)"}
}

func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Examples: []any{"90s", "10m", "336h"}}
}

func (rangesText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: "ranges of bytes, first and last", Examples: []any{rangesExample()}}
}

func (policyText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Description: "the network costs that a job may run at: a name, or the bits of BITS in hex",
		Examples: anys(append(job.TransferPolicyNames(), "0x80000021")),
	}
}

func rangesExample() string {
	b, _ := job.Prefix(1 << 20).MarshalText()
	return string(b)
}

// oneOf is the schema of a text that is the name of one of the values.
func oneOf[T encoding.TextMarshaler](values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		b, _ := v.MarshalText()
		s.Enum = append(s.Enum, string(b))
	}
	return s
}

func problemResponse() *huma.Response {
	return &huma.Response{Description: "Refused", Content: map[string]*huma.MediaType{
		problemType: {Schema: &huma.Schema{Ref: schemaPrefix + "Problem"}},
	}}
}

// required are the fields that a caller must give. In what the service sends, all that cannot be empty are there.
var required = map[string][]string{
	"Spec": nil, "Settings": nil, "Network": nil, "Secret": nil, "FileChange": nil,
	"RangeRequest": {"ranges"}, "PrefixChange": {"old", "new"}, "HeaderList": {"headers"}, "ClientCertificate": {"client_pem"}, "Acknowledgement": {"ok"},
	"CertificateVerdict": {"ok"},
	"FileSpecs":          {"files"}, "FileSpec": {"url", "local"}, "Span": {"offset", "length"}, "Credential": {"target", "scheme"}, "Header": {"name", "value"},
}

// finish puts right in the document what the operations could not say of themselves.
func finish(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own, see ownProblem
	delete(schemas, "ErrorDetail")
	for name, s := range schemas {
		if fields, sent := required[name]; sent {
			s.Required = fields
		} else {
			s.AdditionalProperties = nil // a later version may send more
		}
		for _, field := range s.Properties {
			field.Nullable = false
			plain(field)
		}
	}
	for _, name := range []string{"Credential", "CredentialRef"} {
		schemas[name].Properties["target"].Enum = anys(job.Targets())
		schemas[name].Properties["scheme"].Enum = anys(job.Schemes())
	}
	for _, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if o == nil {
				continue
			}
			if body, ok := o.Metadata[bodySchema].(*huma.Schema); ok {
				o.RequestBody.Content["application/json"] = &huma.MediaType{Schema: body}
			}
			for _, p := range o.Parameters {
				plain(p.Schema)
			}
		}
	}
}

func anys(names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}

// plain drops the size of integers, which is another on other machines.
func plain(s *huma.Schema) {
	if s.Type == huma.TypeInteger {
		s.Format = ""
	}
}

// streamOf describes a stream of server-sent events whose data are values of type T.
func streamOf[T any](a huma.API, o huma.Operation, description string) huma.Operation {
	data := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	o.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeArray, Items: data, Description: description}},
	}}
	return o
}
