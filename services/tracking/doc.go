// Package tracking keeps what training leaves behind: experiments, runs,
// metrics, params, tags, inputs, outputs and logged models, by MLflow's rules.
// It stores no artifacts and registers no models.
package tracking
