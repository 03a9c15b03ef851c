package models

import (
	"regexp"
	"strings"
)

const maxAlias = 255

var (
	aliasSigns     = regexp.MustCompile(`^[\p{L}\p{N}_-]+$`)
	aliasOfVersion = regexp.MustCompile(`^[vV]\d+$`)
)

// LatestAlias always means the highest version; nobody can set it.
const LatestAlias = "latest"

// IsLatest tells whether an alias is the reserved one, in any case.
func IsLatest(alias string) bool { return strings.EqualFold(alias, LatestAlias) }

// CheckAlias refuses aliases that could not be told from a version or from
// "latest", or that do not fit in models:/NAME@alias.
func CheckAlias(alias string) error {
	switch {
	case alias == "":
		return Errorf(KindInvalid, "Registered model alias name cannot be empty.")
	case len(alias) > maxAlias:
		return Errorf(KindInvalid, "Registered model alias is %d bytes long, at most %d are allowed.", len(alias), maxAlias)
	case IsLatest(alias):
		return Errorf(KindInvalid, "'%s' alias name (case insensitive) is reserved.", LatestAlias)
	case aliasOfVersion.MatchString(alias):
		return Errorf(KindInvalid, "Version alias name '%s' is reserved.", alias)
	case !aliasSigns.MatchString(alias):
		return Errorf(KindInvalid, "Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_) and dashes (-).", alias)
	}
	return nil
}
