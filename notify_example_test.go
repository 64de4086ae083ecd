package ebb_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func ExampleJob_Notify() {
	ctx := context.Background()
	client, server, folder, end := playground()
	defer end()
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	spec.NotifyFlags |= job.NotifyFileTransferred
	spec.Files = []job.FileSpec{{URL: server + "/greeting", Local: filepath.Join(folder, "greeting")}}
	j, err := client.Create(ctx, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := j.Notify(ctx, publisher{}); err != nil { // nil: the job is final
		fmt.Println(err)
	}
	// Output:
	// greeting is here
	// all is here
}

// publisher completes jobs.
type publisher struct{ ebb.NopNotify }

func (publisher) FileTransferred(_ context.Context, _ *ebb.Job, f job.FileSnapshot) error {
	fmt.Println(filepath.Base(f.Local), "is here")
	return nil
}

func (publisher) JobTransferred(ctx context.Context, j *ebb.Job) error {
	fmt.Println("all is here")
	err := j.Complete(ctx)
	if errors.Is(err, job.ErrState) {
		return nil // it was completed before, when this was told for the first time
	}
	return err
}
