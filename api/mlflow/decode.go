package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/slipway-ml/slipway/models"
)

// maxBody bounds a JSON request: the profile of one logged data set may have
// 16 million characters, all else is far smaller.
const maxBody = 64 << 20

// maxUnsized bounds a body whose size is not told beforehand, which can only be
// refused after it has been read. MLflow's clients always tell it.
const maxUnsized = 8 << 20

// decode reads a request into the struct that in points to, as MLflow's
// servers do: from a GET's query or else from the JSON body, and from the
// path's parameters. Fields unknown to the struct are ignored.
//
// A field's json tag is its name in snake case; its camel case twin is
// accepted too, both at once are not. Its kinds are string, bool, int64 (a
// number, a string or an integral float), float64 ("NaN", "Infinity" and
// "-Infinity" too), structs of these, pointers (nil: absent), slices, maps of
// strings, and any (JSON as it stands). The fields of a struct tagged
// json:",inline" count as its parent's. More tags:
//
//	mlflow:"required"       absent or "" is refused
//	mlflow:"number"         a string that may be sent as a JSON number
//	enum:"ACTIVE_ONLY,ALL"  by name, or by number counted from 1
//
// Every refusal is of kind invalid and names the parameter.
func decode(c *gin.Context, in any) error {
	tree, lax, err := readTree(c)
	if err != nil {
		return err
	}
	for _, p := range c.Params {
		tree[p.Key] = p.Value
	}
	return decoder{lax: lax}.into(in, tree)
}

// serve answers a request by a call that a GraphQL query may make too.
func serve[In any](c *gin.Context, call func(context.Context, In) (any, error)) error {
	var in In
	if err := decode(c, &in); err != nil {
		return err
	}
	out, err := call(c.Request.Context(), in)
	if err != nil {
		return err
	}
	if text, ok := out.(json.RawMessage); ok {
		return write(c, text)
	}
	return answer(c, out)
}

// readTree reads the parameters; lax says that they come from a query, where
// every value is text and a list may have one.
func readTree(c *gin.Context) (tree map[string]any, lax bool, err error) {
	if c.Request.Method == http.MethodGet && c.Request.URL.RawQuery != "" {
		tree = map[string]any{}
		for key, values := range c.Request.URL.Query() {
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			tree[key] = list
		}
		return tree, true, nil
	}
	body, err := readBody(c)
	if err != nil {
		return nil, false, err
	}
	tree, err = parseBody(body)
	return tree, false, err
}

func readBody(c *gin.Context) ([]byte, error) {
	if c.Request.Body == nil || c.Request.ContentLength == 0 {
		return nil, nil
	}
	kind, _, _ := mime.ParseMediaType(c.ContentType())
	if kind != "application/json" && c.Request.Method != http.MethodGet {
		return nil, models.Errorf(models.KindInvalid, "Bad Request. Content-Type must be one of ['application/json'].")
	}
	body, err := sized(c, maxUnsized)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, models.Errorf(models.KindInvalid, "The request body is not UTF-8.")
	}
	return body, nil
}

// sized reads a body of maxBody at most, or of unsized where its length is not
// told, once there is room for it.
func sized(c *gin.Context, unsized int64) (body []byte, err error) {
	size := c.Request.ContentLength
	if size > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	told := size >= 0
	if !told {
		size = maxUnsized
	}
	if err := room(c.Request.Context(), size); err != nil {
		return nil, err
	}
	if told {
		body = make([]byte, size)
		_, err = io.ReadFull(c.Request.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, unsized))
	}
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return body, nil
}

// allBodies is how much of large bodies is held in memory at once, of all
// requests; a small one is not counted.
const (
	allBodies = maxBody
	smallBody = 64 << 10
	queueTime = 10 * time.Second
)

var bodies = semaphore.NewWeighted(allBodies)

// room waits until a body fits beside those that are worked on. Its place is
// free again when the request ends.
func room(ctx context.Context, size int64) error {
	if size <= smallBody {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	if bodies.Acquire(waiting, size) != nil {
		return models.Errorf(models.KindUnavailable, "too many large requests at once: try again")
	}
	context.AfterFunc(ctx, func() { bodies.Release(size) })
	return nil
}

// bareNumber finds what Python writes for NaN and infinities: tokens that
// JSON lacks. The first alternative passes over strings.
var bareNumber = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b`)

// quoteBare makes strings of NaN and infinities.
func quoteBare(body []byte) []byte {
	return bareNumber.ReplaceAllFunc(body, func(token []byte) []byte {
		if token[0] == '"' {
			return token
		}
		return []byte(`"` + string(token) + `"`)
	})
}

// parseBody reads a JSON object. Very old clients send it inside a string.
func parseBody(body []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	value, err := parseJSON(body)
	if err != nil {
		value, err = parseJSON(quoteBare(body))
	}
	if text, ok := value.(string); ok && err == nil {
		value, err = parseJSON([]byte(text))
	}
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "The request body is not JSON: %s.", explain(err))
	}
	switch v := value.(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		return v, nil
	}
	return nil, models.Errorf(models.KindInvalid, "The request body must be a JSON object.")
}

func parseJSON(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return value, nil
}

func explain(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("%s at byte %d", syntax, syntax.Offset)
	}
	return err.Error()
}

// missing is MLflow's sentence, which clients and tests match.
func missing(parameter string) error {
	return models.Errorf(models.KindInvalid,
		"Missing value for required parameter '%s'. See the API docs for more information about request parameters.", parameter)
}

// invalid says what is wrong with a parameter's value.
func invalid(parameter string, value any, format string, args ...any) error {
	return models.InvalidValue(parameter, value, fmt.Sprintf(format, args...))
}
