package config

import "os"

// Environment reads a variable of the environment that a person names.
func Environment(name string) (string, bool) { return os.LookupEnv(name) }
