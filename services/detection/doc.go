// Package detection is everything about object detectors that needs no
// runtime: pictures to input tensors, output tensors to boxes, boxes and labels
// to average precision. It does no I/O, runs no model and imports nothing of
// ours but package models.
package detection
