package models

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Pipeline is the delivery configuration of one registered model, parsed and
// with its defaults filled in. It holds only what really runs.
type Pipeline struct {
	Model        string                     `json:"model"`
	On           Trigger                    `json:"on"`
	Validation   ValidationSpec             `json:"validation"`
	Build        BuildSpec                  `json:"build"`
	Environments map[string]EnvironmentSpec `json:"environments"`
}

// PipelineRevision is one kept revision of a model's pipeline. The same
// document applied again is the same revision.
type PipelineRevision struct {
	ID        int64
	ModelID   int64
	Model     string
	Number    int64  // counts from 1 in each model
	Document  []byte // as it was applied
	MediaType string // of Document: application/yaml or application/json
	Digest    string // hex SHA-256 of Document
	Pipeline  Pipeline
	CreatedAt time.Time
	CreatedBy string
}

// Trigger says what starts a validation.
type Trigger string

// The triggers.
const (
	TriggerRegistered Trigger = "registered" // each new version, by itself
	TriggerManual     Trigger = "manual"     // when a person or a CI job asks
)

// ValidationSpec lists the steps of a validation.
type ValidationSpec struct {
	Steps []StepSpec `json:"steps"`
}

// StepSpec is one unit of a validation: a built-in check or a command.
type StepSpec struct {
	Name    string        `json:"name"` // unique in the pipeline
	Check   string        `json:"check,omitempty"`
	Run     string        `json:"run,omitempty"` // given to sh -c; "" for a check
	Timeout time.Duration `json:"timeout"`

	Needs           []string          `json:"needs,omitzero"`              // steps that end before it begins; nil: all that stand before it, empty: none
	If              string            `json:"if,omitempty"`                // an expression; "" for success()
	ContinueOnError bool              `json:"continue_on_error,omitempty"` // what it finds stands in the report and blocks nothing
	Retry           int               `json:"retry,omitempty"`             // more attempts where the last did not pass
	Matrix          map[string]string `json:"matrix,omitempty"`            // the values of this leg of a matrix
	Leg             string            `json:"leg,omitempty"`               // the name of the step that this is a leg of

	// Of a run step alone.
	On           string   `json:"on,omitempty"`           // StepsProcess or StepsDocker
	Image        string   `json:"image,omitempty"`        // the container's, on docker
	Network      string   `json:"network,omitempty"`      // NetworkStep or NetworkOpen
	Git          *GitSpec `json:"git,omitempty"`          // where its files come from; nil: the version's own
	Python       string   `json:"python,omitempty"`       // a version, such as 3.11; "" for the server's, or the image's
	Requirements string   `json:"requirements,omitempty"` // a file of it, by its path in the working folder

	Dataset    *DatasetRef       `json:"dataset,omitempty"`
	Thresholds []Threshold       `json:"thresholds,omitempty"` // in the document's order
	Compare    *CompareSpec      `json:"compare,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Settings   json.RawMessage   `json:"settings,omitempty"` // the check's own, with its defaults
}

// Read reads the check's own settings into a struct.
func (s StepSpec) Read(into any) error {
	if err := json.Unmarshal(s.Settings, into); err != nil {
		return Errorf(KindInvalid, "the settings of step %q do not read: apply the pipeline again", s.Name).Because(err)
	}
	return nil
}

// Where a run step runs.
const (
	StepsProcess = "process"
	StepsDocker  = "docker"
)

// What a run step's network reaches: the version under test, its data and the
// API by the step's own token; or whatever the machine reaches.
const (
	NetworkStep = "step"
	NetworkOpen = "open"
)

// GitSpec says which files of which repository a run step works on.
type GitSpec struct {
	URL        string `json:"url"`
	Ref        string `json:"ref,omitempty"` // a branch, a tag or a commit; "" for the repository's default
	Path       string `json:"path,omitempty"`
	Submodules bool   `json:"submodules,omitempty"`
	Token      string `json:"token,omitempty"`   // for https: an expression of a secret
	SSHKey     string `json:"ssh_key,omitempty"` // for ssh: an expression of a secret
	KnownHosts string `json:"known_hosts,omitempty"`
}

// CompareSpec asks that a version be no worse than another.
type CompareSpec struct {
	Against     string   `json:"against"` // an environment (what it runs), "@alias", or as AgainstVersion has it
	NoWorseThan float64  `json:"no_worse_than"`
	Metrics     []string `json:"metrics"`
}

// AgainstVersion is how CompareSpec.Against names a version.
func AgainstVersion(number int64) string { return comparedVersion + strconv.FormatInt(number, 10) }

const comparedVersion = "version " // no environment's name has a blank

// ComparedVersion reads what AgainstVersion wrote.
func ComparedVersion(against string) (number int64, ok bool) {
	text, ok := strings.CutPrefix(against, comparedVersion)
	number, err := strconv.ParseInt(text, 10, 64)
	return number, ok && err == nil
}

// BuildSpec says how a version becomes an image.
type BuildSpec struct {
	Runtime string `json:"runtime"` // auto or onnx
	Base    string `json:"base"`    // host
}

// ServingSpec is what a release pins of how its instances run.
type ServingSpec struct {
	Replicas    int               `json:"replicas"`
	CPU         float64           `json:"cpu"`          // cores; 0: no limit
	MemoryBytes int64             `json:"memory_bytes"` // 0: no limit
	Threads     int               `json:"threads"`      // of inference; 0: from CPU
	Timeout     time.Duration     `json:"timeout"`      // of a request
	Env         map[string]string `json:"env,omitempty"`
}

// EnvironmentSpec is an environment as the pipeline declares it. Serving is
// the pipeline's own with this environment's overrides applied.
type EnvironmentSpec struct {
	Target         string        `json:"target"`  // process or docker
	Promote        string        `json:"promote"` // PromoteAuto or PromoteManual
	Gates          []string      `json:"gates"`   // GateValidated, GateStaging
	Rollout        RolloutSpec   `json:"rollout"`
	OnAlias        string        `json:"on_alias"` // AliasPromote or AliasRefuse
	RollbackWindow time.Duration `json:"rollback_window"`
	Serving        ServingSpec   `json:"serving"`
}

// The values of EnvironmentSpec.Promote, Gates and OnAlias.
const (
	PromoteAuto   = "auto"
	PromoteManual = "manual"

	GateValidated = "validated" // its validation passed
	GateStaging   = "staging"   // it was live in the environment named staging

	AliasPromote = "promote"
	AliasRefuse  = "refuse"
)

// RolloutSpec says how an environment's traffic moves to a new release.
type RolloutSpec struct {
	Strategy  string         `json:"strategy"` // canary
	Steps     []RolloutStep  `json:"steps"`    // weights ascend and end at 100
	Analysis  []AnalysisSpec `json:"analysis"`
	Burst     BurstSpec      `json:"burst"`
	NoData    string         `json:"no_data"`    // NoDataHold, NoDataPromote or NoDataRollback
	MaxWait   time.Duration  `json:"max_wait"`   // after the hold, before NoData is done
	OnFailure string         `json:"on_failure"` // rollback
}

// StrategyCanary shifts weights in steps and judges each.
const StrategyCanary = "canary"

// OnFailureRollback takes everything back.
const OnFailureRollback = "rollback"

// What a step does when its hold is over and the analysis says "not yet":
// wait for a person, or at the end of MaxWait promote or roll back.
const (
	NoDataHold     = "hold"
	NoDataPromote  = "promote"
	NoDataRollback = "rollback"
)

// RolloutStep gives the new release a share of the traffic for a while.
type RolloutStep struct {
	Weight int           `json:"weight"` // per cent
	Hold   time.Duration `json:"hold"`   // 0 for the last step
}

// AnalysisSpec asks that a metric of the new release be no worse than the
// stable one's by Delta (an absolute difference) at confidence 1-Alpha.
type AnalysisSpec struct {
	Metric string  `json:"metric"` // error_rate
	Delta  float64 `json:"delta"`
	Alpha  float64 `json:"alpha"`
}

// MetricErrorRate is the share of well-formed requests a release failed.
const MetricErrorRate = "error_rate"

// BurstSpec says when a new release is taken back without statistics.
type BurstSpec struct {
	Deaths   int `json:"deaths"`   // of an instance
	Failures int `json:"failures"` // in a row
}
