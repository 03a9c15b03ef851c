package mlflow

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

type sample struct {
	RunID     string   `json:"run_id" mlflow:"required"`
	Name      *string  `json:"run_name"`
	Version   string   `json:"version" mlflow:"number"`
	Time      int64    `json:"start_time"`
	Value     *float64 `json:"value"`
	Archive   bool     `json:"archive_existing"`
	View      string   `json:"view_type" enum:"ACTIVE_ONLY,DELETED_ONLY,ALL"`
	OrderBy   []string `json:"order_by"`
	Tags      []pair   `json:"tags"`
	Deep      *sample  `json:"deep"`
	Timestamp *int64   `json:"timestamp"`

	RunIDs *[]string `json:"run_ids"`
}

func decodeSample(t *testing.T, method, query, body string) (sample, error) {
	t.Helper()
	gin.SetMode(gin.TestMode)
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(method, "/x?"+query, strings.NewReader(body))
	c.Request.Header.Set("Content-Type", "application/json; charset=utf-8")
	var in sample
	err := decode(c, &in)
	return in, err
}

func TestDecodeAccepts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query, body string
		check       func(*testing.T, sample)
	}{
		"an integer as a number":        {body: `{"start_time": 17}`, check: func(t *testing.T, s sample) { require.EqualValues(t, 17, s.Time) }},
		"an integer as text":            {body: `{"start_time": "1700000000000"}`, check: func(t *testing.T, s sample) { require.EqualValues(t, 1700000000000, s.Time) }},
		"an integer as integral float":  {body: `{"start_time": 1.7e3}`, check: func(t *testing.T, s sample) { require.EqualValues(t, 1700, s.Time) }},
		"the camel case twin":           {body: `{"startTime": 3}`, check: func(t *testing.T, s sample) { require.EqualValues(t, 3, s.Time) }},
		"NaN as text":                   {body: `{"value": "NaN"}`, check: func(t *testing.T, s sample) { require.True(t, math.IsNaN(*s.Value)) }},
		"a bare NaN, as Python writes":  {body: `{"value": NaN, "run_name": "\" NaN"}`, check: func(t *testing.T, s sample) { require.Equal(t, `" NaN`, *s.Name) }},
		"a bare -Infinity":              {body: `{"value": -Infinity}`, check: func(t *testing.T, s sample) { require.True(t, math.IsInf(*s.Value, -1)) }},
		"an enum by name":               {body: `{"view_type": "ALL"}`, check: func(t *testing.T, s sample) { require.Equal(t, "ALL", s.View) }},
		"an enum by number":             {body: `{"view_type": 2}`, check: func(t *testing.T, s sample) { require.Equal(t, "DELETED_ONLY", s.View) }},
		"a number where that is told":   {body: `{"version": 3}`, check: func(t *testing.T, s sample) { require.Equal(t, "3", s.Version) }},
		"null as absent":                {body: `{"run_name": null}`, check: func(t *testing.T, s sample) { require.Nil(t, s.Name) }},
		"unknown fields":                {body: `{"nobody": {"knows": []}}`, check: func(t *testing.T, s sample) { require.Empty(t, s.Tags) }},
		"a repeated field of objects":   {body: `{"tags": [{"key": "a", "value": ""}]}`, check: func(t *testing.T, s sample) { require.Equal(t, []pair{{Key: "a"}}, s.Tags) }},
		"a repeated query parameter":    {query: "order_by=a&order_by=b", check: func(t *testing.T, s sample) { require.Equal(t, []string{"a", "b"}, s.OrderBy) }},
		"a list that may be absent":     {query: "run_ids=a", check: func(t *testing.T, s sample) { require.Equal(t, []string{"a"}, *s.RunIDs) }},
		"a list of one from a query":    {query: "order_by=a", check: func(t *testing.T, s sample) { require.Equal(t, []string{"a"}, s.OrderBy) }},
		"a bool in a query in any case": {query: "archive_existing=TRUE", check: func(t *testing.T, s sample) { require.True(t, s.Archive) }},
		"JSON inside a JSON string":     {body: `"{\"start_time\": 5}"`, check: func(t *testing.T, s sample) { require.EqualValues(t, 5, s.Time) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, query := http.MethodPost, ""
			if tc.query != "" {
				method, query = http.MethodGet, tc.query+"&run_id=r"
			}
			body := strings.Replace(strings.Replace(tc.body, `{\"`, `{\"run_id\": \"r\", \"`, 1), `{"`, `{"run_id": "r", "`, 1)
			got, err := decodeSample(t, method, query, body)
			require.NoError(t, err)
			require.Equal(t, "r", got.RunID)
			tc.check(t, got)
		})
	}
}

func TestDecodeTakesTheBodyOfAGetWithoutQuery(t *testing.T) {
	t.Parallel()
	got, err := decodeSample(t, http.MethodGet, "", `{"run_id": "r"}`)
	require.NoError(t, err)
	require.Equal(t, "r", got.RunID)
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ body, want string }{
		"no required field":     {`{}`, "Missing value for required parameter 'run_id'. See the API docs for more information about request parameters."},
		"an empty required one": {`{"run_id": ""}`, "Missing value for required parameter 'run_id'"},
		"no body":               {``, "Missing value for required parameter 'run_id'"},
		"broken JSON":           {`{"run_id": `, "The request body is not JSON"},
		"a list":                {`[1]`, "must be a JSON object"},
		"a number for a string": {`{"run_id": 31}`, "Invalid value 31 for parameter 'run_id' supplied: expected a string"},
		"text for an integer":   {`{"run_id": "r", "start_time": "soon"}`, `Invalid value "soon" for parameter 'start_time' supplied`},
		"a fraction":            {`{"run_id": "r", "start_time": 1.5}`, "'start_time'"},
		"an integer too large":  {`{"run_id": "r", "start_time": 9223372036854775808}`, "'start_time'"},
		"a number too large":    {`{"run_id": "r", "value": 1e400}`, "'value'"},
		"an unknown enum name":  {`{"run_id": "r", "view_type": "SOME"}`, "use one of ACTIVE_ONLY, DELETED_ONLY, ALL"},
		"an unknown enum":       {`{"run_id": "r", "view_type": 4}`, "use one of"},
		"both spellings":        {`{"run_id": "r", "runId": "r"}`, "given twice, as 'run_id' and as 'runId'"},
		"an object for a list":  {`{"run_id": "r", "tags": {}}`, "Invalid value {} for parameter 'tags' supplied: expected a list"},
		"a fault deep inside":   {`{"run_id": "r", "tags": [{"key": "a"}, {"key": 1}]}`, "'tags[1].key'"},
		"NUL":                   {`{"run_id": "r\u0000"}`, "NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeSample(t, http.MethodPost, "", tc.body)
			require.ErrorContains(t, err, tc.want)
			require.True(t, models.IsKind(err, models.KindInvalid))
		})
	}
}

func TestDoubleIsAlwaysJSON(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]float64{
		`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), `0.5`: 0.5, `1.7976931348623157e+308`: math.MaxFloat64,
	} {
		got, err := json.Marshal(double(f))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}
