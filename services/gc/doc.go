// Package gc removes what nobody needs any more: deleted runs, experiments,
// logged models and versions after a retention time, images that no release
// can come back to, and files that nothing refers to. What a version's manifest
// cites, a release needs or a verdict was reached on is never removed.
//
// Whatever has rows goes in three steps, so that it can be killed between any
// two: its rows are hidden, its files are removed, its rows are removed. What
// is hidden and still there is found again by the next collection.
package gc
