// Package image turns a model version into an OCI serving image in the artifact
// store, without a container engine and without root. The same inputs give the
// same bytes: an image holds no time, no order and no mode of this machine.
//
// Layers, bottom up: the base (shared libraries of this machine), the runtime
// (slipway-serve and ONNX Runtime), the model. The first two are shared by
// every version that is built with the same runtime.
package image
