package ui_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// registry: registered models and their versions, changed by hand.
func registry(p *Page, _ Filled) {
	p.Go("/models")
	p.Click("button", "Try it now")
	p.Gone("Try it now")
	p.See("other-00", "shapes-model Version 2 @")
	p.Fill("main input", "Search registered models", "other-0")
	p.Press("\r")
	p.Gone("shapes-model")
	p.See("other-09")

	p.Reload()
	p.See("other-00")
	p.Click("main button", "Create Model")
	p.Fill("[role=dialog] input", "Model name", "made by hand")
	p.Click("[role=dialog] button", "Create")
	p.Gone("Create Model")
	p.Go("/models/made by hand")
	p.See("made by hand", "No models versions are registered yet")
	p.Click("main button", "Edit")
	p.Fill("textarea", "", "Some *words*")
	p.Click("main button", "Save")
	p.See("Some words")
	p.Expand("Tags", "main input", "Name")
	p.Fill("main input", "Name", "team")
	p.Fill("main input", "Value", "vision")
	p.Click("[data-testid=add-tag-button]", "Add")
	p.See("team vision")
	p.Picture("model")
	p.Expect("404 GET /ajax-api/2.0/mlflow/registered-models/get") // its page asks once more when it is gone
	p.Click("button", "Open header dropdown menu")
	p.Click("[role=menuitem]", "Delete")
	p.Click("[role=dialog] button", "Delete")
	p.Gone("This cannot be undone")
	p.Go("/models")
	p.See("other-00")
	p.Gone("made by hand")
}

// version: the page of a model version.
func version(p *Page, _ Filled) {
	p.Go("/models/shapes-model")
	p.See("Finds shapes", "Version 2", "tried : yes", "@ champion")
	p.Go("/models/shapes-model/versions/2")
	p.See("Version 2", "train-0.3", "Inputs (2)", "Outputs (1)", "Stage (deprecated) : None")
	p.Click("main button", "Edit")
	p.Fill("textarea", "", "The *second* one")
	p.Click("main button", "Save")
	p.See("The second one")
	p.Expand("Tags", "main input", "Name")
	p.Fill("main input", "Name", "size")
	p.Fill("main input", "Value", "small")
	p.Click("[data-testid=add-tag-button]", "Add")
	p.See("size small")
	p.Click("main button", "Add")
	p.Fill("[role=dialog] [role=combobox]", "", "candidate")
	p.Click("[class*=select-item-option]", "candidate")
	p.Click("[role=dialog] button", "Save aliases")
	p.Gone("Save aliases")
	p.See("@ candidate")
	p.Picture("version")

	p.Click("main button", "Promote model")
	p.Fill("[role=dialog] [role=combobox]", "Copy to model", "other-10")
	p.Click("[class*=select-item-option]", "other-10")
	p.Click("[role=dialog] button", "Promote")
	p.Gone("Copy to model")
	p.Go("/models/other-10/versions/1")
	p.See("Version 1", "Inputs (2)")
}

// stages: the older pages, where versions have stages, and the end of one.
func stages(p *Page, _ Filled) {
	p.Go("/models/shapes-model/versions/1")
	p.Click("[role=switch]", "")
	p.Click("[role=dialog] button", "Disable")
	p.See("Stage : None")
	p.Click("main *", "None")
	p.Click("[role=menuitem]", "Transition to Production")
	p.Click("[role=dialog] button", "OK")
	p.See("Stage : Production")
	p.Picture("production")
	p.Go("/models")
	p.See("Production", "Version 1")
}

// prompts: a prompt read, made, given a version and compared.
func prompts(p *Page, _ Filled) {
	p.Go("/prompts")
	p.See("greeting", "Version 2")
	p.Go("/prompts/greeting")
	p.See("Viewing version 2", "Say a warm hello to {{name}}.", "warmer")
	p.Click("main button", "Create prompt version")
	p.Fill("[role=dialog] textarea", "Prompt:", "Say goodbye to {{name}}.")
	p.Fill("[role=dialog] input, [role=dialog] textarea", "Commit message (optional):", "the end")
	p.Click("[role=dialog] button", "Create")
	p.See("Viewing version 3", "Say goodbye to {{name}}.", "the end")
	p.Picture("prompt")

	p.Go("/prompts")
	p.Click("main button", "Create prompt")
	p.Fill("[role=dialog] input", "Name:", "by-hand")
	p.Fill("[role=dialog] textarea", "Prompt:", "Answer {{question}}.")
	p.Click("[role=dialog] button", "Create")
	p.See("Viewing version 1", "Answer {{question}}.")
	p.Go("/models")
	p.See("shapes-model")
	p.Gone("by-hand", "greeting")
}

// webhooks: one of the registry, made, tried and removed by hand.
func webhooks(p *Page, _ Filled) {
	heard := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		heard <- r.Header.Get("X-MLflow-Signature")
	}))
	p.t.Cleanup(receiver.Close)
	p.Go("/settings/webhooks")
	p.See("No webhooks configured")
	p.Click("main button", "Create webhook")
	p.Fill("[role=dialog] input", "My webhook", "by-hand")
	p.Fill("[role=dialog] input", "https://example.com/webhook", receiver.URL)
	p.Fill("[role=dialog] input", "Optional secret key", "a long secret")
	p.Click("[role=dialog] label, [role=dialog] input", "Model version tag set")
	p.Click("[role=dialog] button", "Create")
	p.See("by-hand", receiver.URL)
	p.Picture("webhook")
	p.Click("main button", "Test")
	select {
	case signature := <-heard:
		require.True(p.t, strings.HasPrefix(signature, "v1,"), signature)
	case <-time.After(patience):
		require.Fail(p.t, "the webhook was not called", p.Text())
	}
	p.Click("main button", "Delete")
	p.Click("[role=dialog] button", "Delete")
	p.See("No webhooks configured")
}
