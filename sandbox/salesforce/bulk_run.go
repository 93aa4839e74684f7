package salesforce

import (
	"errors"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// kick starts the work that is due by the sandbox's clock.
func (b *bulk) kick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kickLocked()
}

func (b *bulk) kickLocked() {
	if b.closed {
		return
	}
	var next time.Time
	now := b.s.clock.Now()
	for _, id := range b.order {
		j := b.jobs[id]
		if j.running || j.State != jobUploadComplete && j.State != jobInProgress {
			continue
		}
		due := j.Queued.Add(b.settings.Delay)
		if j.State == jobInProgress {
			due = b.dueRow(j, j.Rows+1)
		}
		if due.After(now) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		j.running = true
		b.running.Go(func() { b.work(j) })
	}
	if !next.IsZero() && !b.s.clock.Frozen() {
		if b.timer != nil {
			b.timer.Stop()
		}
		b.timer = time.AfterFunc(next.Sub(now), b.kick)
	}
}

// dueRow is when the pace lets a job reach its row n. b.mu is held.
func (b *bulk) dueRow(j *bulkJob, n int) time.Time {
	if b.settings.Pace <= 0 {
		return j.Started
	}
	return j.Started.Add(time.Duration(n) * time.Second / time.Duration(b.settings.Pace))
}

// mayReach is how many rows of a job may be done by now.
func (b *bulk) mayReach(j *bulkJob) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settings.Pace <= 0 {
		return int(^uint(0) >> 1)
	}
	return int(b.s.clock.Now().Sub(j.Started).Seconds() * float64(b.settings.Pace))
}

// errPaused ends the work on a job for now; jobError ends it for good.
var errPaused = errors.New("paused")

type jobError string

func (e jobError) Error() string { return string(e) }

// work brings one job as far as it may come now.
func (b *bulk) work(j *bulkJob) {
	err := b.start(j)
	if err == nil {
		if j.Kind == jobQuery {
			err = b.runQuery(j)
		} else {
			err = b.runIngest(j)
		}
	}
	b.finish(j, err)
}

// start takes a job from the queue.
func (b *bulk) start(j *bulkJob) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j.State == jobInProgress {
		return nil
	}
	if j.State != jobUploadComplete {
		return errPaused
	}
	j.State, j.Started = jobInProgress, b.s.clock.Now()
	if err := b.save(j); err != nil {
		return err
	}
	return nil
}

// finish notes how the work on a job ended.
func (b *bulk) finish(j *bulkJob, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.running = false
	switch {
	case b.closed || j.done() || errors.Is(err, errPaused):
	case err != nil:
		j.State, j.Ended = jobFailed, b.s.clock.Now()
		j.Error = "InternalServerError : An unexpected error occurred: the job could not be processed"
		if told, ok := errors.AsType[jobError](err); ok {
			j.Error = string(told)
		} else {
			b.s.log.Error("a bulk job broke", "job", j.ID, "error", err)
		}
		_ = b.save(j) // logged there; the next start works the job again
	default:
		j.State, j.Ended = jobComplete, b.s.clock.Now()
		_ = b.save(j)
	}
	if !j.done() {
		b.kickLocked() // what became due while it ran, and the timer for the rest
	}
}

// aborted says whether the job's owner, or the end of the process, wants it to
// stop.
func (b *bulk) aborted(j *bulkJob) bool {
	if b.context.Err() != nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return j.done()
}

// trouble is the fault that the job meets before row n of total: an error at
// once, a broken connection or lost reply after half of the rows.
func (j *bulkJob) trouble(n, total int) error {
	switch kit.FaultKind(j.Trouble) {
	case kit.FaultNone:
		return nil
	case kit.FaultThrottle:
		return jobError("ExceededQuota : ApiBatchItems Limit exceeded.")
	case kit.FaultReset, kit.FaultLostReply, kit.FaultTruncate:
		if n < total/2 {
			return nil
		}
	}
	return jobError("InternalServerError : The server was unable to process the request")
}

// bulkControl is the control page's view of the settings. Members that are left
// out of a POST stay.
type bulkControl struct {
	Delay      *string `json:"delay"`
	Pace       *int    `json:"pace"`
	HardDelete *bool   `json:"hard_delete"`
	MaxUpload  *int64  `json:"max_upload"`
}

func (b *bulk) postSettings(w http.ResponseWriter, r *http.Request) {
	var in bulkControl
	err := kit.ReadControl(r, &in)
	var delay time.Duration
	if err == nil && in.Delay != nil {
		delay, err = time.ParseDuration(*in.Delay)
	}
	if err == nil && (delay < 0 || in.Pace != nil && *in.Pace < 0 || in.MaxUpload != nil && *in.MaxUpload < 1) {
		err = errors.New("delay and pace are 0 or more, max_upload is 1 or more")
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	b.mu.Lock()
	if in.Delay != nil {
		b.settings.Delay = delay
	}
	if in.Pace != nil {
		b.settings.Pace = *in.Pace
	}
	if in.HardDelete != nil {
		b.settings.HardDelete = *in.HardDelete
	}
	if in.MaxUpload != nil {
		b.settings.MaxUpload = *in.MaxUpload
	}
	b.kickLocked()
	b.mu.Unlock()
	b.showSettings(w)
}

func (b *bulk) showSettings(w http.ResponseWriter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	states := map[string]int{}
	for _, j := range b.jobs {
		states[j.Kind+" "+j.State]++
	}
	kit.AnswerControl(w, http.StatusOK, map[string]any{
		"delay": b.settings.Delay.String(), "pace": b.settings.Pace, "hard_delete": b.settings.HardDelete, "max_upload": b.settings.MaxUpload, "jobs": states,
	})
}
