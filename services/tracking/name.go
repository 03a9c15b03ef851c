package tracking

import (
	"encoding/hex"
	"fmt"
)

var (
	adjectives = [32]string{
		"able", "amber", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "crisp", "deep", "eager", "fair",
		"fleet", "fresh", "gentle", "glad", "grand", "hardy", "keen", "light", "lively", "lucky", "merry", "nimble",
		"proud", "quick", "quiet", "ready", "steady", "swift", "warm",
	}
	nouns = [32]string{
		"anchor", "barge", "beacon", "brig", "buoy", "canal", "cutter", "delta", "dock", "ferry", "fjord", "galley", "gull",
		"harbor", "heron", "keel", "lagoon", "lantern", "mast", "pier", "pilot", "quay", "reef", "rudder", "sail", "schooner",
		"seal", "sloop", "tern", "tide", "tug", "whale",
	}
)

// nameOf makes a name a person can say, adjective-noun-N, from an id's end.
func nameOf(id string) string {
	b, err := hex.DecodeString(id[max(0, len(id)-8):])
	if err != nil || len(b) < 4 {
		b = []byte{0, 0, 0, 0}
	}
	return fmt.Sprintf("%s-%s-%d", adjectives[b[0]%32], nouns[b[1]%32], (int(b[2])<<8|int(b[3]))%1000)
}
