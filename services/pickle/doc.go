// Package pickle reads Python pickles without executing them: a machine that
// follows every opcode of protocols 0 to 5 with symbols for values, and tells
// which globals a pickle would import and which of them it would call. It knows
// nothing of what is harmless: the caller judges. It refuses nothing that
// unpickling would still have read, keeps what was seen before a mistake, and
// holds little of a large pickle in memory.
package pickle
