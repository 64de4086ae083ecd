package memstore

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// encoded is the JSON of a batch's records, in the order of the batch.
type encoded struct {
	jobs    []encodedJob
	notices [][]byte
}

type encodedJob struct {
	data           []byte
	files, answers map[job.FileID][]byte
}

// encode does all of a commit that can fail and changes nothing.
func (r *records) encode(b store.Batch) (encoded, error) {
	var enc encoded
	known := map[job.ID]bool{}
	for _, c := range b.Jobs {
		if id, ok := r.seqs[c.Job.Seq]; ok && id != c.Job.ID {
			return enc, fmt.Errorf("job %s has the sequence number %d of job %s", c.Job.ID, c.Job.Seq, id)
		}
		j, err := encodeChange(c)
		if err != nil {
			return enc, err
		}
		enc.jobs = append(enc.jobs, j)
		known[c.Job.ID] = true
	}
	for _, s := range b.Secrets {
		if s.Sealed != nil && r.jobs[s.Job] == nil && !known[s.Job] {
			return enc, fmt.Errorf("secret of job %s: %w", s.Job, store.ErrNotFound)
		}
	}
	for _, n := range b.Notices {
		if r.jobs[n.Job.ID] == nil && !known[n.Job.ID] {
			return enc, fmt.Errorf("notice of job %s: %w", n.Job.ID, store.ErrNotFound)
		}
		data, err := json.Marshal(n)
		if err != nil {
			return enc, err
		}
		enc.notices = append(enc.notices, data)
	}
	return enc, nil
}

func encodeChange(c store.Change) (encodedJob, error) {
	data, err := json.Marshal(c.Job)
	if err != nil {
		return encodedJob{}, err
	}
	enc := encodedJob{data, map[job.FileID][]byte{}, map[job.FileID][]byte{}}
	for _, id := range c.Files {
		f, ok := c.Job.Files.Get(id)
		if !ok {
			return enc, fmt.Errorf("job %s has no file %d to store", c.Job.ID, id)
		}
		if enc.files[id], err = json.Marshal(f); err != nil {
			return enc, err
		}
		if answer, ok := c.Answers[id]; ok {
			if enc.answers[id], err = json.Marshal(answer); err != nil {
				return enc, err
			}
		}
	}
	return enc, nil
}

// apply stores b, which was encoded before, and returns the IDs of its notices.
func (r *records) apply(b store.Batch, enc encoded) []uint64 {
	for i, c := range b.Jobs {
		r.putJob(c.Job, enc.jobs[i])
	}
	for _, s := range b.Secrets {
		r.putSecret(s)
	}
	ids := make([]uint64, len(b.Notices))
	for i, n := range b.Notices {
		r.lastNotice++
		ids[i] = r.lastNotice
		r.outbox = append(r.outbox, notice{
			id: r.lastNotice, job: n.Job.ID, data: enc.notices[i], pending: n.Pending, attempts: n.Attempts, next: n.Next.Round(0),
		})
	}
	for _, c := range b.Jobs { // after the notices, which may need a secret still
		r.forgetSpent(c.Job.ID)
	}
	for _, id := range b.Forget {
		if rec := r.jobs[id]; rec != nil && rec.final {
			r.forget(id)
		}
	}
	for _, u := range b.Usage {
		r.usage[u.Owner] = u
	}
	return ids
}

func (r *records) putJob(j job.Job, enc encodedJob) {
	rec := r.jobs[j.ID]
	if rec == nil {
		rec = &record{seq: j.Seq, files: map[job.FileID][]byte{}, answers: map[job.FileID][]byte{}}
		r.jobs[j.ID] = rec
		r.seqs[j.Seq] = j.ID
		r.lastSeq = max(r.lastSeq, j.Seq)
	}
	rec.data, rec.final, rec.modified = enc.data, j.State.Final(), j.Modified.Round(0)
	maps.Copy(rec.files, enc.files)
	maps.Copy(rec.answers, enc.answers)
}

func (r *records) putSecret(s store.Secret) {
	key := secretKey{s.Job, s.Name}
	switch {
	case s.Sealed == nil:
		delete(r.secrets, key)
	case !r.jobs[s.Job].final:
		r.secrets[key] = slices.Clone(s.Sealed)
	}
}

func (r *records) forget(id job.ID) {
	delete(r.seqs, r.jobs[id].seq)
	delete(r.jobs, id)
	r.outbox = slices.DeleteFunc(r.outbox, func(n notice) bool { return n.job == id })
	maps.DeleteFunc(r.secrets, func(k secretKey, _ []byte) bool { return k.job == id })
}

// forgetSpent deletes the secrets that a final job does not need any more.
func (r *records) forgetSpent(id job.ID) {
	if !r.jobs[id].final {
		return
	}
	waits := slices.ContainsFunc(r.outbox, func(n notice) bool { return n.job == id && n.pending })
	maps.DeleteFunc(r.secrets, func(k secretKey, _ []byte) bool {
		return k.job == id && !(waits && k.name == store.SecretWebhook)
	})
}
