// Package validation judges model versions: it runs the steps of a pipeline's
// revision on one, each with its measurements, findings, log and verdict, and
// goes on after a crash at the first unfinished step. It declares the Check
// contract; the checks themselves stand in package checks. No model runs in
// this process.
package validation
