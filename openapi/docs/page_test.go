package docs_test

import (
	"regexp"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/openapi"
	"github.com/slipway-ml/slipway/openapi/docs"
)

func TestThePageTellsEverythingAndLoadsNothing(t *testing.T) {
	t.Parallel()
	page, err := docs.Page()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)

	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`id="([^"]+)"`).FindAllSubmatch(page, -1) {
		require.False(t, ids[string(m[1])], "two things have the id %s", m[1])
		ids[string(m[1])] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			require.True(t, ids[o.OperationID], "%s %s is not on the page", method, path)
		}
	}
	for name := range doc.Components.Schemas {
		require.True(t, ids["schema-"+name], "schema %s is not on the page", name)
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllSubmatch(page, -1) {
		require.True(t, ids[string(m[1])], "a link leads nowhere: #%s", m[1])
	}
	require.NotRegexp(t, `(?i)<script|src=|@import|url\(|http-equiv`, string(page))
}
