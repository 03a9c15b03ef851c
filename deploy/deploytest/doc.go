// Package deploytest is the suite that every target passes, and small images
// to pass it with.
package deploytest
