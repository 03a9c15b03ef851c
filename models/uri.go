package models

import "strings"

// JoinURI appends path segments to a URI's path; a query stays at the end.
func JoinURI(base string, segments ...string) string {
	path, query, hasQuery := strings.Cut(base, "?")
	joined := strings.TrimSuffix(path, "/") + "/" + strings.Join(segments, "/")
	if hasQuery {
		joined += "?" + query
	}
	return joined
}
