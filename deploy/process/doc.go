// Package process runs foreign code as processes of this machine: a Runner for
// what ends and a Target for what stays. It needs Linux.
//
// Every run has a supervisor, this same program started again, which adopts
// whatever the run leaves behind and so can end all of it, and which ends the
// run when the server dies. A program that makes a Runner therefore calls
// Supervise first in its main.
package process
