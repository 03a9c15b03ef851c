package mlflow

import (
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// empty is the answer of a call that has nothing to say.
type empty struct{}

// answer writes a reply. MLflow's clients take only 200 for success. In reply
// structs a field that may be unset has omitempty; a string that MLflow prints
// even when it is "" has not.
func answer(c *gin.Context, reply any) error {
	c.PureJSON(http.StatusOK, reply)
	return nil
}

// double is a number as proto's JSON writes it: NaN and infinities are strings.
type double float64

// MarshalJSON implements json.Marshaler.
func (d double) MarshalJSON() ([]byte, error) { return appendDouble(nil, float64(d)), nil }

func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

// pair is a tag or a param on the wire.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
