// Package docker is the target that keeps instances as containers of a Docker
// Engine. Whatever it makes there carries the labels of label.go, and by them
// the next life of the server finds it.
package docker
