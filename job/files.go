package job

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// file returns the file that a command is about.
func (t *transition) file(command string, id FileID) (File, error) {
	if err := t.open(command); err != nil {
		return File{}, err
	}
	f, ok := t.Files.Get(id)
	if !ok || f.Removed {
		return File{}, Invalid(FileNotFound, "job %s has no file %d", t.ID, id)
	}
	return f, nil
}

// changeFile stores f. A running job begins the transfer of its unfinished files again, so that it is of what they are
// now; that costs a request each, and no byte.
func (t *transition) changeFile(f File) {
	t.setFile(f)
	t.Modified = t.now
	if t.Runnable() {
		t.stop()
	}
}

// settleFiles brings the state in line with a change of what is done: a finished job is no more, or one is finished
// by the change.
func (t *transition) settleFiles() {
	if t.State == Transferred && !t.allDone() {
		t.Finished = time.Time{}
		t.enter(Suspended)
	}
	t.rest()
}

func (ev SetRemoteName) apply(t *transition) error {
	f, err := t.file("change the remote name of a file of", ev.File)
	if err != nil {
		return err
	}
	if t.Type != Download {
		return Invalid(NotImplemented, "only a download's remote names can be changed")
	}
	if err := checkURL(ev.URL); err != nil {
		return err
	}
	t.rename(f, ev.URL)
	return nil
}

// rename gives f another URL. A finished file is never fetched again.
func (t *transition) rename(f File, url string) {
	if f.URL == url {
		return
	}
	f.URL = url
	if f.Done {
		t.setFile(f)
		t.Modified = t.now
		return
	}
	t.changeFile(f)
}

func (ev ReplaceRemotePrefix) apply(t *transition) error {
	if err := t.open("change the remote names of"); err != nil {
		return err
	}
	switch {
	case t.Type != Download:
		return Invalid(NotImplemented, "only a download's remote names can be changed")
	case ev.Old == "" || ev.New == "":
		return Invalid(InvalidArg, "a prefix to replace, and what replaces it, cannot be empty")
	}
	for f := range t.Files.All() {
		if rest, ok := strings.CutPrefix(f.URL, ev.Old); ok && !f.Removed {
			if err := checkURL(ev.New + rest); err != nil {
				return err
			}
			t.rename(f, ev.New+rest)
		}
	}
	return nil
}

func (ev SkipFile) apply(t *transition) error {
	f, err := t.file("skip a file of", ev.File)
	switch {
	case err != nil:
		return err
	case f.Skipped == ev.Skip:
		return nil
	case f.Done && ev.Skip:
		return Invalid(UnsupportedConfiguration, "file %d of job %s is whole already; remove it if you do not want it", f.ID, t.ID)
	}
	f.Skipped = ev.Skip
	t.changeFile(f)
	t.settleFiles()
	return nil
}

func (ev RetryFile) apply(t *transition) error {
	f, err := t.file("retry a file of", ev.File)
	if err != nil {
		return err
	}
	f.Skipped = false
	t.changeFile(f.void())
	t.settleFiles()
	return nil
}

func (ev RemoveFile) apply(t *transition) error {
	f, err := t.file("remove a file of", ev.File)
	if err != nil {
		return err
	}
	f = f.void()
	f.Removed, f.Skipped = true, false
	t.changeFile(f)
	t.emit(DiscardFile{f.ID})
	t.settleFiles()
	return nil
}

func (ev SetValidation) apply(t *transition) error {
	f, err := t.file("validate a file of", ev.File)
	switch {
	case err != nil:
		return err
	case t.Type != Download:
		return Invalid(NotImplemented, "only what a download has fetched can be validated")
	case !f.Done:
		return Invalid(Pending, "file %d of job %s is not transferred yet", f.ID, t.ID)
	case ev.Valid:
		f.Validated = true
		t.setFile(f)
		t.Modified = t.now
		return nil
	}
	t.setFile(f.void())
	t.blame(&Error{
		Context: ContextRemoteFile, Code: ValidationFailed, Class: NeedsAction, File: f.ID,
		Text: "its owner found the file to be wrong; resume the job to fetch it again",
	})
	t.Finished = time.Time{}
	t.fail()
	return nil
}

// fileForReads returns the file of which parts are to be read before others.
func (t *transition) fileForReads(command string, id FileID) (File, error) {
	f, err := t.file(command, id)
	switch {
	case err != nil:
		return File{}, err
	case t.Type != Download:
		return File{}, Invalid(NotImplemented, "only a download's files can be read in parts")
	case t.Method != "":
		return File{}, Invalid(NotSupportedWithMethod, "job %s has method %s, so its files cannot be read in parts", t.ID, t.Method)
	case t.Dynamic || len(f.Ranges) > 0:
		return File{}, Invalid(RandomAccess, "file %d of job %s is dynamic or has ranges of its own, so it cannot be read in parts", f.ID, t.ID)
	}
	return f, nil
}

func (ev RequestRanges) apply(t *transition) error {
	f, err := t.fileForReads("request ranges of a file of", ev.File)
	if err != nil {
		return err
	}
	if len(ev.Ranges) == 0 {
		return Invalid(InvalidArg, "no ranges given")
	}
	for _, r := range ev.Ranges {
		if r.Start < 0 || r.Len() <= 0 || (f.Size >= 0 && r.End > f.Size) {
			return Invalid(InvalidRange, "range %s is outside of file %d, which has %s bytes", Ranges{r}, f.ID, sizeText(f.Size))
		}
	}
	if wanted := f.Requested.Union(ev.Ranges); !f.Done && !slices.Equal(wanted, f.Requested) {
		f.Requested = wanted
		t.changeFile(f)
	}
	return nil
}

func (ev UpdatePosition) apply(t *transition) error {
	f, err := t.fileForReads("change the position in a file of", ev.File)
	switch {
	case err != nil:
		return err
	case ev.Offset < 0 || (f.Size >= 0 && ev.Offset > f.Size):
		return Invalid(InvalidRange, "position %d is outside of file %d, which has %s bytes", ev.Offset, f.ID, sizeText(f.Size))
	case f.Done || f.Position == ev.Offset:
		return nil
	}
	f.Position = ev.Offset
	t.changeFile(f)
	return nil
}

func sizeText(size int64) string {
	if size < 0 {
		return "as yet unknown"
	}
	return strconv.FormatInt(size, 10)
}
