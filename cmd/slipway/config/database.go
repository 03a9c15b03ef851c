package config

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/storage/sqlstore"
)

// Database holds the settings of the database that --backend-store-uri names.
// What that address says itself (sslmode, statement_timeout …) goes first.
type Database struct {
	MaxOpen          int           `default:"20" env:"SLIPWAY_DB_MAX_OPEN" help:"Postgres: connections at most, 5 or more."`
	MaxIdle          int           `default:"20" env:"SLIPWAY_DB_MAX_IDLE" help:"Postgres: connections kept while they are idle; 0 is as many as may be open."`
	MaxLifetime      time.Duration `default:"1h" env:"SLIPWAY_DB_MAX_LIFETIME" help:"Postgres: age at which a connection is made anew; 0 is never."`
	MaxIdleTime      time.Duration `default:"10m" env:"SLIPWAY_DB_MAX_IDLE_TIME" help:"Postgres: time after which an idle connection is closed; 0 is never."`
	ConnectTimeout   time.Duration `default:"5s" env:"SLIPWAY_DB_CONNECT_TIMEOUT" help:"Postgres: longest wait for a connection to be made."`
	StatementTimeout time.Duration `default:"30s" env:"SLIPWAY_DB_STATEMENT_TIMEOUT" help:"Postgres: longest that a statement may take, and half of what a transaction may; 0 is no limit."`
	SSLMode          string        `name:"sslmode" default:"" enum:",disable,allow,prefer,require,verify-ca,verify-full" env:"SLIPWAY_DB_SSLMODE" help:"Postgres: disable, allow, prefer (as without it), require, verify-ca or verify-full."`
	SSLRootCert      string        `name:"sslrootcert" env:"SLIPWAY_DB_SSLROOTCERT" help:"Postgres: file of the certificates of trusted authorities."`
	SSLCert          string        `name:"sslcert" env:"SLIPWAY_DB_SSLCERT" help:"Postgres: file of the client's certificate."`
	SSLKey           string        `name:"sslkey" env:"SLIPWAY_DB_SSLKEY" help:"Postgres: file of the client's key."`
	Slow             time.Duration `default:"1s" env:"SLIPWAY_DB_SLOW" help:"Log statements that take longer, without their values; 0 logs none."`
}

// Options are the settings as the store takes them.
func (d Database) Options(log *slog.Logger) sqlstore.Options {
	return sqlstore.Options{Log: log, Slow: d.Slow, Postgres: sqlstore.Postgres{
		MaxOpen: d.MaxOpen, MaxIdle: d.MaxIdle, MaxLifetime: d.MaxLifetime, MaxIdleTime: d.MaxIdleTime,
		ConnectTimeout: d.ConnectTimeout, StatementTimeout: d.StatementTimeout,
		SSLMode: d.SSLMode, SSLRootCert: d.SSLRootCert, SSLCert: d.SSLCert, SSLKey: d.SSLKey,
	}}
}

func (d Database) problems() (problems []error) {
	if d.MaxOpen != 0 && d.MaxOpen < 5 {
		problems = append(problems, fmt.Errorf("--db-max-open %d: use 5 or more", d.MaxOpen))
	}
	if d.MaxIdle < 0 {
		problems = append(problems, fmt.Errorf("--db-max-idle %d: use 0 or more", d.MaxIdle))
	}
	for _, limit := range []struct {
		flag string
		time time.Duration
	}{
		{"max-lifetime", d.MaxLifetime},
		{"max-idle-time", d.MaxIdleTime},
		{"connect-timeout", d.ConnectTimeout},
		{"statement-timeout", d.StatementTimeout},
		{"slow", d.Slow},
	} {
		if limit.time < 0 {
			problems = append(problems, fmt.Errorf("--db-%s %s: use 0 or more", limit.flag, limit.time))
		}
	}
	return problems
}
