package models

// Entity is what a clause of a search looks at.
type Entity string

// The entities.
const (
	EntityAttribute Entity = "attribute"
	EntityMetric    Entity = "metric"
	EntityParam     Entity = "param"
	EntityTag       Entity = "tag"
	EntityDataset   Entity = "dataset"

	// Of traces.
	EntityMetadata    Entity = "metadata"
	EntitySpan        Entity = "span"
	EntityFeedback    Entity = "feedback"
	EntityExpectation Entity = "expectation"
	EntityIssue       Entity = "issue"
	EntityAssessment  Entity = "assessment" // in filters of metrics
)

// Op compares.
type Op string

// The comparisons. LIKE tells upper from lower case, ILIKE does not.
const (
	OpEqual        Op = "="
	OpNotEqual     Op = "!="
	OpLess         Op = "<"
	OpLessEqual    Op = "<="
	OpGreater      Op = ">"
	OpGreaterEqual Op = ">="
	OpLike         Op = "LIKE"
	OpILike        Op = "ILIKE"
	OpRLike        Op = "RLIKE" // a regular expression that matches somewhere
	OpIn           Op = "IN"
	OpNotIn        Op = "NOT IN"
	OpIsNull       Op = "IS NULL"
	OpIsNotNull    Op = "IS NOT NULL"

	OpLacks Op = "lacks" // no such key, or another value; nobody can write it
)

// Condition is one clause of a filter; all must hold.
type Condition struct {
	Entity  Entity
	Key     string // an attribute's canonical name, or the user's own key
	Op      Op
	Text    string
	Number  float64
	Numeric bool // Number counts, not Text
	List    []string
}

// Order is one term of an ordering.
type Order struct {
	Entity Entity
	Key    string
	Desc   bool

	DatasetName, DatasetDigest string // of a logged model's metric; "": any
}

// DatasetRefByDigest names a dataset of a run; a digest of "" is any.
type DatasetRefByDigest struct{ Name, Digest string }

// Search selects experiments, runs, logged models, traces, registered models or
// model versions, a page at a time.
type Search struct {
	ExperimentIDs []int64 // runs, logged models and traces: of these only
	Filter        []Condition
	Order         []Order // the noun's own default follows
	View          ViewType
	Datasets      []DatasetRefByDigest // logged models: measured on one of these
	After         Position             // where the page before ended
	Offset        int
	Limit         int
}

// Position is a place in the order of a search: the values by which its rows
// are ordered, as the store writes them. Nil is the beginning, and the end.
type Position []string
