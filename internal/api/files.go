package api

import (
	"context"
	"net/http"
	"path/filepath"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

type filesInput struct {
	JobInput
	From  int `query:"from" minimum:"1" default:"1" doc:"the first file's number"`
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

type filesOutput struct {
	Body struct {
		Files []job.FileSnapshot `json:"files"`
	}
}

type addFilesInput struct {
	JobInput
	Body struct {
		Files []job.FileSpec `json:"files" required:"true" minItems:"1"`
	}
}

func (s *server) files(a huma.API) {
	huma.Register(a, op("list-files", http.MethodGet, "/v1/jobs/{id}/files", "List a job's files"), s.listFiles)
	huma.Register(a, op("add-files", http.MethodPost, "/v1/jobs/{id}/files", "Add files to a job, all or none"), s.addFiles)
}

func (s *server) listFiles(ctx context.Context, in *filesInput) (*filesOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	files, err := s.engine.Files(ctx, id, job.FileID(in.From), in.Limit)
	if err != nil {
		return nil, problem(err)
	}
	out := &filesOutput{}
	out.Body.Files = files
	return out, nil
}

func (s *server) addFiles(ctx context.Context, in *addFilesInput) (*jobOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := checkPaths(in.Body.Files); err != nil {
		return nil, problem(err)
	}
	snap, err := s.engine.AddFiles(ctx, id, in.Body.Files)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

// checkPaths refuses local names that depend on where the caller stands: the service stands
// elsewhere.
func checkPaths(files []job.FileSpec) error {
	for _, f := range files {
		if !filepath.IsAbs(f.Local) {
			return job.Invalid(job.InvalidArg, "local name %q is not an absolute path", f.Local)
		}
	}
	return nil
}
