package models

import (
	"fmt"
	"strings"
	"time"
)

// Version is a model version: frozen files under a model's name and a number
// that is never given twice.
type Version struct {
	ID            int64
	ModelID       int64
	Model         string // the registered model's name
	Number        int64
	Created       time.Time
	Updated       time.Time
	Stage         Stage
	Description   string
	Source        string // as the client gave it
	DownloadURI   string // where a client finds the files, fixed at registration
	RunID         string // hex id of the run; "" where none is known
	RunLink       string
	LoggedModelID string // m-…; "" where none is known
	Files         FilesState
	Digest        string // of its manifest; "" until every file is hashed
	Tags          map[string]string
	Aliases       []string
}

// Ref is the version as people say it: NAME/3.
func (v Version) Ref() string { return fmt.Sprintf("%s/%d", v.Model, v.Number) }

// IsPrompt tells whether it is MLflow's prompt and no model.
func (v Version) IsPrompt() bool { return IsPrompt(v.Tags) }

// FilesState tells what we hold of a version's files.
type FilesState string

// The states of a version's files.
const (
	FilesFrozen  FilesState = "frozen"  // every file is in the manifest with its digest
	FilesHashing FilesState = "hashing" // a job hashes those that did not come through us
	FilesOutside FilesState = "outside" // the source is not in our artifact store
)

// VersionUpdate changes the fields that are set.
type VersionUpdate struct {
	Description *string
	Stage       *Stage
}

// Stage is MLflow's older way to say what a version is for.
type Stage string

// The four stages.
const (
	StageNone       Stage = "None"
	StageStaging    Stage = "Staging"
	StageProduction Stage = "Production"
	StageArchived   Stage = "Archived"
)

// Stages lists the stages in MLflow's order.
func Stages() []Stage { return []Stage{StageNone, StageStaging, StageProduction, StageArchived} }

// ParseStage reads a stage in any case.
func ParseStage(name string) (Stage, error) {
	for _, s := range Stages() {
		if strings.EqualFold(string(s), name) {
			return s, nil
		}
	}
	return "", Errorf(KindInvalid, "Invalid Model Version stage: %s. Value must be one of None, Staging, Production, Archived.", name)
}

// Environment gives the name of the environment that a stage mirrors: staging
// or production; the other stages mirror none.
func (s Stage) Environment() (string, bool) {
	return strings.ToLower(string(s)), s == StageStaging || s == StageProduction
}

// StageOf gives the stage that mirrors an environment, if one does.
func StageOf(environment string) (Stage, bool) {
	for _, s := range Stages() {
		if name, ok := s.Environment(); ok && name == environment {
			return s, true
		}
	}
	return "", false
}
