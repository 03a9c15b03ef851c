// Package pyenv makes Python environments out of requirements, with uv: locked
// by the hash of every file, made once for all steps that ask for the same, and
// kept on this machine within a bound.
//
// An environment is named by the digest of its lock and of its interpreter. It
// comes to be under another name and is renamed when it is whole; it is sealed
// then, and one that is not as it was left is made anew. Whoever uses it holds
// it, so that nothing removes it meanwhile.
//
// uv runs as foreign code (deploy.Runner): it reaches the indexes by a guarded
// way out. Wheels run no code when they are installed, so what uv keeps of them
// is shared. A package without a wheel is built by its own program: that has a
// cache of its own, thrown away after it, so that it cannot change what others
// install.
package pyenv
