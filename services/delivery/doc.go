// Package delivery moves releases through environments: gates, promotions,
// rollouts under analysis, rollbacks, and the reconcile that makes the
// database, the target and the gateway agree again. transition.go is the table
// of what may follow what. It builds nothing and runs nothing itself: a
// Builder and the targets do.
package delivery
