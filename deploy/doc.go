// Package deploy declares the two contracts with what runs foreign code: a
// Target keeps instances of releases, a Runner does one run that ends.
// Implementations live in subfolders and pass the suite in deploytest.
package deploy
