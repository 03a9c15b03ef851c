// Package checks holds the built-in checks of a validation, one a file; all.go
// lists them.
package checks
