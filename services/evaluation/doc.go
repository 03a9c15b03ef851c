// Package evaluation keeps what models and agents are evaluated by: MLflow's
// evaluation datasets with their records, issues, and scorers. It runs none of
// them.
package evaluation
