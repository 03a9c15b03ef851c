// Package report makes of a validation what people and programs read: a page,
// JUnit XML, SARIF. It draws and words; it judges nothing.
package report
