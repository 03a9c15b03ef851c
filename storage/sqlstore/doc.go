// Package sqlstore implements storage on SQLite and on Postgres through gorm.
// Its door is Open; each noun's rows and queries stand in files of that noun.
// No gorm type leaves it.
package sqlstore
