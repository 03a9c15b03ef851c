package models

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// ValueKind tells variables from secrets.
type ValueKind string

// The kinds of named values.
const (
	ValueVariable ValueKind = "variable" // anybody may read it
	ValueSecret   ValueKind = "secret"   // sealed, and never given back
)

// Scope is where a named value applies: everywhere, in a model, or in one of a
// model's environments. The narrower one beats the wider.
type Scope struct {
	Model       string // "" is everywhere
	Environment string // "" is all of the model
}

// Name is the kind of scope: global, model or environment.
func (s Scope) Name() string {
	switch {
	case s.Environment != "":
		return "environment"
	case s.Model != "":
		return "model"
	}
	return "global"
}

// String says the scope in words.
func (s Scope) String() string {
	switch {
	case s.Environment != "":
		return "environment " + s.Environment + " of model " + s.Model
	case s.Model != "":
		return "model " + s.Model
	}
	return "global"
}

// NamedValue is a variable or a secret. Names are kept as they are given and
// compared without case.
type NamedValue struct {
	ID      int64
	Kind    ValueKind
	ModelID int64 // 0 is everywhere
	Scope   Scope
	Name    string

	Value   string // a variable's
	DataKey []byte // of a secret: the key of its own that seals it, sealed itself
	Sealed  []byte // of a secret

	Revision  int64 // counts how often it was set
	UpdatedAt time.Time
	UpdatedBy string
}

// MaxValue is the largest variable or secret, in bytes.
const MaxValue = 64 << 10

// maxValueName is the longest name.
const maxValueName = 255

var (
	valueName       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	environmentName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`) // as pipelines have it
)

// CheckNamedValue refuses a name or a value that cannot be kept. What it says
// never has the value in it.
func CheckNamedValue(kind ValueKind, name, value string) error {
	switch {
	case !valueName.MatchString(name), len(name) > maxValueName:
		return Errorf(KindInvalid, "name: %q is no name of a %s: use letters, digits and _, not a digit first, at most %d characters", name, kind, maxValueName)
	case kind == ValueSecret && value == "":
		return Errorf(KindInvalid, "value: the secret %s is empty: give it a value, or delete it", name)
	case len(value) > MaxValue:
		return Errorf(KindInvalid, "value: the %s %s has %d bytes: at most %d can be kept; keep what is larger in a file elsewhere, and the key to it here", kind, name, len(value), MaxValue)
	case strings.ContainsRune(value, 0), !utf8.ValidString(value):
		return Errorf(KindInvalid, "value: the %s %s is not text (it has a NUL character or is not UTF-8): give it as base64", kind, name)
	}
	return nil
}

// CheckScope refuses an environment that no pipeline can have.
func CheckScope(s Scope) error {
	if s.Environment != "" && !environmentName.MatchString(s.Environment) {
		return Errorf(KindInvalid, "environment: %q cannot name an environment: lower-case letters, digits and dashes, at most 63", s.Environment)
	}
	if s.Model == "" {
		return nil
	}
	return CheckModelName(s.Model)
}
