// Package storage declares what Slipway asks of a database. Implementations
// live in subfolders (sqlstore) and pass the suite in storagetest.
package storage
