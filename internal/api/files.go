package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

type filesInput struct {
	JobInput
	From  int `query:"from" minimum:"1" default:"1" doc:"the first file's number"`
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

// FileList is a page of files.
type FileList struct {
	Files []job.FileSnapshot `json:"files"`
}

type filesOutput struct {
	Body FileList
}

type addFilesInput struct {
	JobInput
	JSONInput
}

// FileSpecs are files to be added.
type FileSpecs struct {
	Files []job.FileSpec `json:"files" minItems:"1"`
}

func (s *server) files(a huma.API) {
	huma.Register(a, op("list-files", http.MethodGet, "/v1/jobs/{id}/files", "List a job's files"), s.listFiles)
	add := op("add-files", http.MethodPost, "/v1/jobs/{id}/files", "Add files to a job, all or none")
	huma.Register(a, withBody[FileSpecs](a, add, maxFilesBody), s.addFiles)
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
	return &filesOutput{FileList{files}}, nil
}

func (s *server) addFiles(ctx context.Context, in *addFilesInput) (*jobOutput, error) {
	var add FileSpecs
	if err := in.into(&add); err != nil {
		return nil, err
	}
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if len(add.Files) == 0 {
		return nil, problem(job.Invalid(job.InvalidArg, "there are no files to add"))
	}
	if err := checkFiles(add.Files); err != nil {
		return nil, problem(err)
	}
	snap, err := s.engine.AddFiles(ctx, id, engineActor(ctx), add.Files)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}
