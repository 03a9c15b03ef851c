// Package access tells who asks. A run: step asks by a token of its own, which
// reads one version and its data set while the step runs, and nothing else.
// Users, and their sign-in, are not here yet.
package access
