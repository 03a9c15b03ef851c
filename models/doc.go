// Package models holds Slipway's nouns and their rules: what a version, a
// promotion or a release is and what may happen to it. It imports the standard
// library only and knows neither HTTP nor a database.
package models
