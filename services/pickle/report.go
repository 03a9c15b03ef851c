package pickle

// Global is a name that a pickle imports.
type Global struct {
	Module string // as Python 3 finds it: __builtin__ is builtins
	Name   string // may be a path of attributes
	Offset int64  // of the opcode that first asked for it
	Called bool   // unpickling calls it
	Aside  bool   // only a loader that does not know joblib's arrays comes to it
	Via    string // the callable that the name was handed to, where no opcode names it, such as builtins.getattr
}

// String gives the dotted name.
func (g Global) String() string { return g.Module + "." + g.Name }

// TroubleKind says what is wrong with a pickle.
type TroubleKind string

// The kinds of trouble.
const (
	Malformed    TroubleKind = "malformed"    // unpickling would stop here, or read otherwise
	Undetermined TroubleKind = "undetermined" // what happens here depends on values that only executing gives
	Limit        TroubleKind = "limit"        // more than the machine holds
)

// Trouble is a place where the machine could not follow.
type Trouble struct {
	Kind    TroubleKind
	Offset  int64
	Message string
}

// Report is what one pickle would do.
type Report struct {
	Globals    []Global  // each once, in the order of their first appearance
	Troubles   []Trouble // the first ones
	End        int64     // offset behind what was read
	Stopped    bool      // it came to its STOP
	Executes   bool      // it calls a global
	Persistent bool      // it refers to objects outside
	Framed     bool      // it begins with PROTO
	Opcodes    int64
	Top        *Value // what it gives; nil where it did not stop
}

// maxTroubles bounds the troubles that are told, maxGlobals the globals.
const (
	maxTroubles = 20
	maxGlobals  = 20_000
)
