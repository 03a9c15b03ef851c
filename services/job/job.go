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

// Job is one piece of work.
type Job struct {
	ID      int64
	Kind    string
	Attempt int  // from 1
	Last    bool // no other attempt follows an error
	Args    json.RawMessage
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
