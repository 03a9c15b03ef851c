// Package expression reads and evaluates ${{ … }} as GitHub Actions does, with
// one difference that matters: a name that is not there is an error, never an
// empty string. The syntax is read by actionlint's parser.
package expression
