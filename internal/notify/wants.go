package notify

import "github.com/ebb-transfer/ebb/job"

// Wants reports whether a notice of this kind has to be delivered to the job's command or
// webhook. It is asked with the job as it is after the event, when the notice is made. A live callback is not asked for
// here: no notice waits for one, since it is told of what it missed when it comes.
//
//   - Nothing without a command and a webhook, nor with the flag DISABLE.
//   - transferred: flag TRANSFERRED. error: flag ERROR. Both as in BITS.
//   - file_transferred: flag FILE_TRANSFERRED, for the command as well (in BITS only callbacks
//     hear of it).
//   - acknowledged, cancelled: never in BITS, since the owner does these himself. They are told
//     where nobody did: acknowledged under the flag TRANSFERRED for a job that completes by
//     itself, because only then do its files have their names; cancelled under the flag ERROR
//     when the job's deadline or inactivity timeout ended it.
func Wants(j job.Job, kind job.Notice) bool {
	if len(j.NotifyCommand) == 0 && j.NotifyURL == "" || j.NotifyFlags&job.NotifyDisable != 0 {
		return false
	}
	flag := flagOf(kind)
	switch {
	case kind == job.NoticeAcknowledged && j.AutoComplete:
		flag = job.NotifyTransferred
	case kind == job.NoticeCancelled && j.Error != nil && j.Error.Code == job.Timeout:
		flag = job.NotifyError
	}
	return j.NotifyFlags&flag != 0
}

// flagOf is the flag of BITS that asks for such a notice; 0 when there is none.
func flagOf(kind job.Notice) job.NotifyFlags {
	switch kind {
	case job.NoticeTransferred:
		return job.NotifyTransferred
	case job.NoticeError:
		return job.NotifyError
	case job.NoticeFileTransferred:
		return job.NotifyFileTransferred
	default:
		return 0
	}
}
