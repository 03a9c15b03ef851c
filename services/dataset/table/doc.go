// Package table reads CSV and Parquet files as rows of typed values, one at a
// time. It knows neither data sets nor where the files come from, and trusts
// no file: whatever is wrong with one is an error of kind invalid that names
// it, and the line where there is one.
package table
