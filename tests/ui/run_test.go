package ui_test

import (
	"github.com/stretchr/testify/require"
)

// run: the page of a run: what was logged, and what can be changed.
func run(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/runs/" + f.First)
	p.See("train-0.1", "The first try", "Finished", "child-of-train", "said by : it's me", "shapes-model v1", "Logged models (1)",
		"Metrics (4)", "loss 0.024449877750611245", "odd 8", "accuracy 0.6", "Parameters (3)", "depth 3", "rate 0.1")
	p.Picture("overview")

	p.Fill("main input", "Search parameters", "dep")
	p.Gone("rate 0.1")
	p.Click("button", "Edit description")
	p.Fill("textarea", "", "Now **better** words")
	p.Click("button", "Save")
	p.See("Now better words")
	p.Click("button", "Edit tags")
	p.tag("checked by", "a person")
	p.See("checked by : a person")
	p.Reload()
	p.See("Now better words", "checked by : a person")

	p.Click("main [role=button]", "shapes (202b8748)…")
	p.See("Data details for", "num rows: 40", "Digest: 202b8748", "https://example.org/shapes.csv", "width double")
	p.Picture("dataset")
}

// charts: the metrics of a run, NaN and infinities among them, drawn.
func charts(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/runs/" + f.First + "/model-metrics")
	p.See("Model metrics (4)", "accuracy", "loss", "odd", "train-0.1 (loss)")
	p.Wait(`document.querySelectorAll('path.js-line').length >= 2`)
	// A line breaks off at what is no number: 1–2, 4, 6 and 8 stay.
	p.Wait(`Array.from(document.querySelectorAll('.scatterlayer .trace')).some((t) => t.querySelectorAll('path.point').length === 5)`)
	p.Picture("metrics")
	p.Click("[role=tab]", "System metrics")
	p.See("System metrics (0)")
}

// artifacts: files of a run, shown and fetched.
func artifacts(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/runs/" + f.First + "/artifacts")
	p.See("Select a file to preview", "notes", "pictures")
	open := func(name, path string, says ...string) {
		p.Click("main li *", name)
		p.See("artifacts/" + path)
		p.See(says...)
	}
	open("table.csv", "table.csv", "35B", "Previewing the first 2 rows", "circle 0.5")
	open("settings.json", "settings.json", `"threshold": 0.25`)
	open("scores.json", "scores.json", "one.png 0.5")
	open("notes", "", "a b.txt")
	open("a b.txt", "notes/a b.txt", "plain words of a note")
	p.Click("main button[data-component-id*=artifactview]", "")
	require.Equal(p.t, "plain words of a note\n", string(p.Downloaded("a b.txt")))
	open("pictures", "", "plot.png")
	open("plot.png", "pictures/plot.png", "35.7KB")
	p.Wait(`document.querySelector('img[alt="pictures/plot.png"]')?.naturalWidth > 200`)
	p.Picture("image")
	open("report.html", "report.html")
	p.Wait(`document.querySelector('iframe')?.getBoundingClientRect().height > 0`)
}

// loggedModels: the models of an experiment and the page of one, from which it
// is registered.
func loggedModels(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/models")
	p.See("Ready", "train-0.1", "train-0.3")
	p.Picture("list")
	p.Go("/experiments/" + f.Shapes + "/models/" + f.SecondModel)
	p.See("About this logged model", "train-0.3", "accuracy - train-0.3 0.8", "Model versions")
	p.Click("button", "Edit description")
	p.Fill("textarea", "", "A **straight** line")
	p.Click("button", "Save")
	p.See("A straight line")
	p.Click("main a", "Artifacts")
	p.Click("main li *", "MLmodel")
	p.See("python_function", "model_uuid")

	p.Click("main button", "Register model")
	p.Click("[role=dialog] [role=combobox]", "")
	p.Click("[class*=select-item-option]", "Create New Model")
	p.Fill("[role=dialog] input", "Input a model name", "registered by hand")
	p.Click("[role=dialog] button", "Register")
	p.Gone("Create New Model")
	p.Go("/models/registered by hand/versions/1")
	p.See("registered by hand", "Version 1", "train-0.3", "Inputs (2)", "Outputs (1)")
	p.Picture("registered")
}
