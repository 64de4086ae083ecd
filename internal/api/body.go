package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

const (
	// maxFilesBody bounds a request that may hold files: 100,000 of them fit.
	maxFilesBody = 64 << 20
	// maxBody bounds any other; certificates are the longest that such a request holds.
	maxBody = 1 << 20
	// bodyTime bounds the reading of a body.
	bodyTime = 30 * time.Second
)

// JSONInput is embedded by the inputs of operations with a JSON body. Huma hands it over as it came: it is read once,
// over what the job has already, and nothing of it is repeated in a refusal.
type JSONInput struct {
	RawBody     []byte `contentType:"application/json"`
	ContentType string `header:"Content-Type" hidden:"true"`
}

// withBody adds the body to an operation and to its description: a value of type T of at most limit bytes.
func withBody[T any](a huma.API, o huma.Operation, limit int64) huma.Operation {
	o.MaxBodyBytes, o.BodyReadTimeout, o.SkipValidateBody = limit, bodyTime, true
	o.Metadata = map[string]any{bodySchema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, o.OperationID+"Request")}
	return o
}

// bodySchema is the operation's metadata that finish turns into the description of its body.
const bodySchema = "body"

// into reads the body over what is in to, so that what is absent keeps its value. What is not JSON, or
// JSON of another form, is refused.
func (in *JSONInput) into(to any) error {
	if t, _, err := mime.ParseMediaType(in.ContentType); in.ContentType != "" && (err != nil || t != "application/json") {
		return refusal(http.StatusUnsupportedMediaType, job.InvalidArg, "the body must be JSON, sent with Content-Type: application/json")
	}
	return decode(in.RawBody, to)
}

// wipe overwrites the body, which may hold a secret: huma uses its memory again.
func (in *JSONInput) wipe() { clear(in.RawBody) }

func decode(body []byte, to any) error {
	if !utf8.Valid(body) {
		return malformed("the body is not valid UTF-8")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return malformed("the body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return malformed(sentence(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return malformed("the body goes on after its JSON object")
	}
	return nil
}

func malformed(detail string) *Problem { return refusal(http.StatusBadRequest, job.InvalidArg, detail) }

// sentence is what package json found wrong, for people who do not know that package.
func sentence(err error) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	var when *time.ParseError
	text := err.Error()
	switch {
	case errors.As(err, &typ):
		return fmt.Sprintf("field %q cannot be a JSON %s", strings.TrimPrefix(typ.Field, "Settings."), typ.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body ends in the middle of its JSON object"
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON: %v at byte %d", err, syntax.Offset)
	case errors.As(err, &when), strings.HasPrefix(text, "Time."):
		return "a time is written like 2026-01-31T23:59:59Z"
	}
	if field, ok := strings.CutPrefix(text, "json: unknown field "); ok {
		return "there is no field " + field
	}
	return strings.TrimPrefix(text, "json: ")
}

// checkFiles refuses local names that depend on where the caller stands, for the service stands
// elsewhere, and second spellings of a name.
func checkFiles(files []job.FileSpec) error {
	for _, f := range files {
		if err := checkPath("local name", f.Local); err != nil {
			return err
		}
	}
	return nil
}

// absent is a time of a new job that the body does not give: no body can hold it.
const absent job.Duration = -1

// checkTimes leaves the times that are absent to the engine, and refuses those that are 0.
func checkTimes(s *job.Settings) error {
	for _, t := range []*job.Duration{&s.MaxDownloadTime, &s.InactivityTimeout} {
		switch *t {
		case absent:
			*t = 0
		case 0:
			return job.Invalid(job.InvalidArg, "max_download_time and inactivity_timeout must be more than 0")
		}
	}
	return nil
}

// checkSettings refuses a program, and a file, that depend on where the caller stands.
func checkSettings(s *job.Settings) error {
	if len(s.NotifyCommand) > 0 {
		if err := checkPath("notify command", s.NotifyCommand[0]); err != nil {
			return err
		}
	}
	if s.ReplyFile != "" {
		return checkPath("reply file", s.ReplyFile)
	}
	return nil
}

func checkPath(what, name string) error {
	switch {
	case !filepath.IsAbs(name):
		return job.Invalid(job.InvalidArg, "%s %.300q is not an absolute path", what, name)
	case filepath.Clean(name) != name:
		return job.Invalid(job.InvalidArg, "%s %.300q is not a plain path; write it as %.300q", what, name, filepath.Clean(name))
	}
	return nil
}
