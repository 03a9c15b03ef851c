package sqlstore

import (
	"database/sql/driver"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
)

// registerRegexp gives SQLite its REGEXP, which it knows by name only.
var registerRegexp = sync.OnceValue(func() error {
	var last atomic.Pointer[regexp.Regexp] // a statement asks for one, row by row
	return sqlite.RegisterDeterministicScalarFunction("regexp", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		pattern, _ := args[0].(string)
		text, ok := args[1].(string)
		if !ok {
			return nil, nil // as NULL compares
		}
		re := last.Load()
		if re == nil || re.String() != pattern {
			var err error
			if re, err = regexp.Compile(pattern); err != nil {
				return nil, fmt.Errorf("compile a regular expression: %w", err)
			}
			last.Store(re)
		}
		return re.MatchString(text), nil
	})
})
