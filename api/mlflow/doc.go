// Package mlflow speaks MLflow's REST dialect: request and reply shapes, and
// their leniency. A handler decodes, calls one service method and encodes; it
// decides nothing.
package mlflow
