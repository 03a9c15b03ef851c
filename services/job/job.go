package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Worker does one kind of job. Work may run twice, and again after a crash: it
// begins by reading the state it is about to change and resumes at the first
// unfinished step. A nil error ends the job; Later asks for another run; any
// other error is tried again with backoff, so a bad input is no error but a
// state that the worker writes. When ctx ends because the server stops, the
// job is given back without spending an attempt.
type Worker interface {
	Kind() string
	// Timeout is the longest one run may take.
	Timeout() time.Duration
	Work(ctx context.Context, j Job) error
}

// Patient is a Worker that says how long a job waits after a run that failed.
// The jobs of others wait as the queue has it: longer each time, up to days.
type Patient interface {
	// Wait is asked before this failure is one of j's; 0 leaves it to the queue.
	Wait(j Job) time.Duration
}

// Job is one piece of work.
type Job struct {
	ID      int64
	Kind    string
	Attempt int         // from 1
	Last    bool        // no other attempt follows an error
	Failed  []time.Time // when its runs that failed began
	Args    json.RawMessage
}

// FailedSince counts the runs that began after a time and failed.
func (j Job) FailedSince(at time.Time) int {
	n := 0
	for _, f := range j.Failed {
		if f.After(at) {
			n++
		}
	}
	return n
}

// Decode reads the job's arguments.
func (j Job) Decode(into any) error {
	if err := json.Unmarshal(j.Args, into); err != nil {
		return fmt.Errorf("decode the arguments of job %d (%s): %w", j.ID, j.Kind, err)
	}
	return nil
}

// Later is the error of a worker that wants to run again after a while.
func Later(wait time.Duration) error { return laterError(wait) }

type laterError time.Duration

func (e laterError) Error() string { return "run again in " + time.Duration(e).String() }

// IsLater tells whether an error asks for another run.
func IsLater(err error) bool {
	var later laterError
	return errors.As(err, &later)
}
