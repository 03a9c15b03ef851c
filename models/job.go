package models

// The kinds of job. Each is written by one service and worked by one.
const (
	JobVersionRegistered = "version_registered" // {version_id}: registry → validation
	JobValidate          = "validate"           // {validation_id}
	JobValidated         = "validated"          // {validation_id}: validation → delivery
	JobPromote           = "promote"            // {promotion_id}
	JobRetire            = "retire"             // {release_id}
	JobBuild             = "build"              // {version_id}
	JobHash              = "hash"               // {version_id}
	JobGC                = "gc"                 // {gc_id}
	JobVerify            = "verify"             // {verification_id}
	JobWebhook           = "webhook"            // {delivery_id}
)

// AttemptsOf tells how often a job of a kind is tried; 0: as the queue says,
// which is for weeks. A validation that somebody waits for ends within hours.
func AttemptsOf(kind string) int {
	switch kind {
	case JobValidate:
		return 8
	case JobPromote, JobRetire:
		return 1000 // they say themselves when it is enough, and wait a minute at most
	}
	return 0
}

// Priority ranks the jobs of a queue: those of a lower number come first, and
// of the same number those that were there first.
type Priority int

// The priorities. Jobs of which nothing is said have the first.
const (
	PriorityHigh   Priority = 1
	PriorityNormal Priority = 2
	PriorityLow    Priority = 3
)

// Queues are the queues of jobs.
var Queues = []string{"default", "heavy", "rollout", "webhook"}

// QueueOf tells the queue of a job's kind: rollouts wait for hours and must
// not keep others from working, validations use whole processors.
func QueueOf(kind string) string {
	switch kind {
	case JobPromote:
		return "rollout"
	case JobWebhook:
		return "webhook" // slow addresses hold up nobody else
	case JobValidate, JobBuild:
		return "heavy"
	default:
		return "default"
	}
}
