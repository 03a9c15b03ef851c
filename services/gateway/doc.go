// Package gateway routes inference requests of (model, environment) over
// releases by weight and measures each. Its hot path reads one table in memory
// and no database; package delivery decides what stands in that table.
package gateway
