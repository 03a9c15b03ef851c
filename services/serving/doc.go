// Package serving answers inference requests of one model over HTTP: MLflow's
// scoring protocol, the Open Inference Protocol v2, and boxes of a picture. It
// checks names, types and shapes before it runs the model, so that whatever
// the model then says is the model's failure, never the caller's mistake. It
// links no runtime: the program hands one in.
package serving
