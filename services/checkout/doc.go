// Package checkout fetches the files of a Git repository at a branch, a tag or
// a commit. The program git does it, as a run of its own (deploy.Runner) that
// reaches one host by a guarded way out and has none of the server's files,
// configuration or secrets; it writes no secret anywhere. A repository is taken
// for hostile: no hook, filter or helper of it is run, no link leads out of it,
// and its size is bounded before its files are written.
package checkout
