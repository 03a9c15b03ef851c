// Package artifact keeps the files of runs, logged models and model versions:
// uploads that appear whole with their digest, downloads of any part, and the
// frozen files of a version, verified as they are read. It never lets a path
// leave its root, and never loses bytes that a version's manifest cites.
package artifact
