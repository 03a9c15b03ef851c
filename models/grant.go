package models

import "time"

// StepGrant is what a run: step may ask this server for while it runs: to read
// the version that it looks at, and its data set.
type StepGrant struct {
	ValidationID int64       `json:"validation"`
	Step         int         `json:"step"` // from 0
	VersionID    int64       `json:"version"`
	Dataset      *DatasetRef `json:"dataset,omitempty"`
	Expires      time.Time   `json:"expires"`
}

// StepRights is a grant that holds now, with what it is for.
type StepRights struct {
	StepGrant
	Name    string // of the step
	Version Version
}
