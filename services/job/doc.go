// Package job is our contract with long work over River: a Worker per kind,
// jobs written by storage.Tx.Enqueue, a lease of ours that hands a dead
// worker's jobs to the next one. It decides nothing about what the work is.
package job
