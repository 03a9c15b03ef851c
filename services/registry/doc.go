// Package registry keeps registered models, their versions, aliases and
// stages. It freezes a version's files at registration, and asks delivery
// before it changes what an environment serves. It never reads a model.
package registry
