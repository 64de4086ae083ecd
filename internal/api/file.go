package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

// FileInput is embedded by the inputs of operations on one file of a job.
type FileInput struct {
	JobInput
	File int `path:"file" doc:"the file's number within its job"`
}

type changeFileInput struct {
	FileInput
	JSONInput
}

// FileChange is what can be changed of a file; what is absent stays.
type FileChange struct {
	URL       *string `json:"url,omitempty" doc:"another URL for a file that is not done; what is stored stays if it proves to be the same version"`
	Skipped   *bool   `json:"skipped,omitempty" doc:"leave a file that is not done out, or take it in again"`
	Validated *bool   `json:"validated,omitempty" doc:"whether its owner found a file that is done to be right; false stops the job, and the file is fetched anew once it is resumed"`
	Position  *int64  `json:"position,omitempty" doc:"the offset at which fetching goes on; what is missing before it comes last"`
}

// RangeRequest is what is asked for of a file.
type RangeRequest struct {
	Ranges job.Ranges `json:"ranges"`
}

// PrefixChange is the beginning of URLs, and what replaces it.
type PrefixChange struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// PrefixChanged is the job after a prefix was replaced.
type PrefixChanged struct {
	Replaced int          `json:"replaced" doc:"how many URLs changed"`
	Job      job.Snapshot `json:"job"`
}

type (
	fileOutput struct {
		Body job.FileSnapshot
	}
	answerOutput struct {
		Body job.Answer
	}
	prefixOutput struct {
		Body PrefixChanged
	}
)

// oneFile are the operations on single files.
func (s *server) oneFile(a huma.API) {
	const path = "/v1/jobs/{id}/files/{file}"
	change := op("change-file", http.MethodPatch, path, "Change what is given of a file, all or nothing")
	ranges := op("request-ranges", http.MethodPost, path+"/ranges", "Ask for bytes of a file; a job on demand fetches nothing else")
	replace := op("replace-prefix", http.MethodPost, "/v1/jobs/{id}/replace-prefix", "Replace the beginning of all URLs of a download that begin so")
	huma.Register(a, op("get-file", http.MethodGet, path, "Show a file"), s.getFile)
	huma.Register(a, withBody[FileChange](a, change, maxBody), s.changeFile)
	huma.Register(a, op("remove-file", http.MethodDelete, path, "Take a file out of its job and delete its bytes"), s.fileCommand(
		func(file job.FileID) job.Event { return job.RemoveFile{File: file} }))
	huma.Register(a, op("retry-file", http.MethodPost, path+"/retry", "Fetch a file anew from its first byte"), s.fileCommand(
		func(file job.FileID) job.Event { return job.RetryFile{File: file} }))
	huma.Register(a, withBody[RangeRequest](a, ranges, maxBody), s.requestRanges)
	huma.Register(a, op("get-answer", http.MethodGet, path+"/answer", "What the server last said about a file"), s.answer)
	huma.Register(a, withBody[PrefixChange](a, replace, maxBody), s.replacePrefix)
}

func (s *server) getFile(ctx context.Context, in *FileInput) (*fileOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f, err := s.engine.File(ctx, id, job.FileID(in.File))
	if err != nil {
		return nil, problem(err)
	}
	return &fileOutput{f}, nil
}

func (s *server) changeFile(ctx context.Context, in *changeFileInput) (*jobOutput, error) {
	var change FileChange
	if err := in.into(&change); err != nil {
		return nil, err
	}
	commands := change.commands(job.FileID(in.File))
	if len(commands) == 0 {
		return nil, problem(job.Invalid(job.InvalidArg, "there is nothing to change; give url, skipped, validated or position"))
	}
	return s.doFile(ctx, &in.FileInput, commands...)
}

func (c FileChange) commands(file job.FileID) []job.Event {
	var out []job.Event
	if c.URL != nil {
		out = append(out, job.SetRemoteName{File: file, URL: *c.URL})
	}
	if c.Position != nil {
		out = append(out, job.UpdatePosition{File: file, Offset: *c.Position})
	}
	if c.Skipped != nil {
		out = append(out, job.SkipFile{File: file, Skip: *c.Skipped})
	}
	if c.Validated != nil {
		out = append(out, job.SetValidation{File: file, Valid: *c.Validated})
	}
	return out
}

func (s *server) fileCommand(command func(job.FileID) job.Event) func(context.Context, *FileInput) (*jobOutput, error) {
	return func(ctx context.Context, in *FileInput) (*jobOutput, error) {
		return s.doFile(ctx, in, command(job.FileID(in.File)))
	}
}

func (s *server) requestRanges(ctx context.Context, in *changeFileInput) (*jobOutput, error) {
	var want RangeRequest
	if err := in.into(&want); err != nil {
		return nil, err
	}
	return s.doFile(ctx, &in.FileInput, job.RequestRanges{File: job.FileID(in.File), Ranges: want.Ranges})
}

func (s *server) doFile(ctx context.Context, in *FileInput, commands ...job.Event) (*jobOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	snap, err := s.engine.DoFile(ctx, id, job.FileID(in.File), commands...)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

func (s *server) answer(ctx context.Context, in *FileInput) (*answerOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	answer, err := s.engine.Answer(ctx, id, job.FileID(in.File))
	if err != nil {
		return nil, problem(err)
	}
	return &answerOutput{answer}, nil
}

func (s *server) replacePrefix(ctx context.Context, in *configureInput) (*prefixOutput, error) {
	var change PrefixChange
	if err := in.into(&change); err != nil {
		return nil, err
	}
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	n, snap, err := s.engine.ReplaceRemotePrefix(ctx, id, job.ReplaceRemotePrefix{Old: change.Old, New: change.New})
	if err != nil {
		return nil, problem(err)
	}
	return &prefixOutput{PrefixChanged{n, snap}}, nil
}
