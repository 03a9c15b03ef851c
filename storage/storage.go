package storage

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// DB is a database that holds everything that must survive.
type DB interface {
	// InTx runs fn in one write transaction and commits when it returns nil.
	// fn has no side effects outside tx and may run twice. On SQLite several
	// closures share one commit, a savepoint each.
	InTx(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn in a read transaction: one consistent picture, no writes.
	View(ctx context.Context, fn func(tx Tx) error) error
	// Look is View without a transaction, which costs more than a short read
	// does: for closures to which it is all one if others write between two of
	// their statements.
	Look(ctx context.Context, fn func(tx Tx) error) error
	// Now is the database's clock, in UTC: the one that rules (holds, soaks,
	// freezes, expiry) read.
	Now(ctx context.Context) (time.Time, error)
	// Hold waits until no other server on the database holds the key, or one
	// that all hold ("", which waits for all of them), and holds it until
	// release or the end of this process. It is for steps outside a transaction,
	// and knows nothing of who else holds it in this process.
	Hold(ctx context.Context, key string) (release func(), err error)
	// ServerID names this installation: it is made with the database, and what
	// the server starts elsewhere is labelled with it.
	ServerID() string
	// Ping tells whether the database answers.
	Ping(ctx context.Context) error
	// Close waits for what runs and closes.
	Close() error
}

// Tx is one transaction. Each noun has a small store of its own; an error of
// kind not_found, exists or conflict is a *models.Error that names the thing.
type Tx interface {
	// Enqueue writes a job in this transaction; a rolled-back job never runs.
	// args is a small JSON struct of ids.
	Enqueue(kind string, args any) error
	// EnqueueAt is Enqueue with a priority in the kind's queue.
	EnqueueAt(p models.Priority, kind string, args any) error
	// Audit writes a decision; the principal is the context's.
	Audit(rec models.AuditRecord) error
	// AuditRecords lists decisions, newest first.
	AuditRecords(f models.AuditFilter) ([]models.AuditRecord, error)
	// Now is the database's clock within the transaction.
	Now() (time.Time, error)

	// What training leaves behind.
	TrackingTx
	TraceTx

	// What models are evaluated by.
	EvaluationTx

	// What is validated, and how.
	Pipelines() PipelineStore
	Datasets() DatasetStore
	Validations() ValidationStore
	Images() ImageStore

	// What a team's own commands and serving are given by name.
	NamedValues() NamedValueStore

	// Webhooks are told of what happens in the registry.
	Webhooks() WebhookStore

	// Idempotency remembers requests that are to be done once.
	Idempotency() IdempotencyStore

	// The registry's nouns.
	RegisteredModels() RegisteredModelStore
	Versions() VersionStore
	Manifests() ManifestStore
	Artifacts() ArtifactStore

	// Where releases run, and how they get there.
	Environments() EnvironmentStore
	Releases() ReleaseStore
	Promotions() PromotionStore

	// What nobody needs any more.
	GCs() GCStore
	Verifications() VerificationStore
	Purge() PurgeStore
}
