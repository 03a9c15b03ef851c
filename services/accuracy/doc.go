// Package accuracy scores predictions of classes and of numbers against the
// truth. Its figures are those of scikit-learn's sklearn.metrics, whose
// definitions they follow.
package accuracy
