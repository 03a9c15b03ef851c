package deploy

import (
	"encoding/json"
	"strings"
)

// LastLine gives the last line of a log in which something stands. Of a JSON
// line, which is how slipway-serve says why it ends, it gives the message.
func LastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	var said struct {
		Message string `json:"message"`
		Msg     string `json:"msg"`
	}
	if json.Unmarshal([]byte(last), &said) == nil {
		switch {
		case said.Message != "":
			last = said.Message
		case said.Msg != "":
			last = said.Msg
		}
	}
	if len(last) > 500 {
		last = strings.ToValidUTF8(last[:500], "") + "…"
	}
	return last
}
