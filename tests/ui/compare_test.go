package ui_test

import "fmt"

// compare: two runs side by side.
func compare(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/runs")
	p.See("train-0.1", "train-0.3")
	p.Click("main input[type=checkbox]", "Press Space to toggle row selection (unchecked)")
	p.Click("main input[type=checkbox]", "Press Space to toggle row selection (unchecked)")
	p.Click("main button", "Compare")
	p.See("Comparing 2 Runs from 1 Experiment", "Parallel Coordinates Plot", "train-0.1", "train-0.3", "Run details", "0.02445", "0.00829")
	p.Wait(`document.querySelectorAll('.main-svg').length > 0`)
	p.Picture("parallel")
	p.Click("[role=tab]", "Scatter Plot")
	p.See("X-axis: depth Y-axis: accuracy")
	p.Picture("scatter")
	p.Click("[role=tab]", "Box Plot")
	p.See("Select parameters/metrics to plot.")
	p.Go(fmt.Sprintf(`/metric?runs=["%s","%s"]&experiments=["%s"]&metric="loss"&plot_metric_keys=["loss"]`, f.First, f.Second, f.Shapes))
	p.See("Completed Runs", "2/2", "train-0.1", "train-0.3", "train-0.1 0.024449877750611245 (step=399)", "train-0.3 0.00828")
	p.Wait(`document.querySelectorAll('path.js-line').length >= 2`)
	p.Picture("metric")
}

// chartView: all runs of an experiment in charts, and one chart more.
func chartView(p *Page, f Filled) {
	p.Go("/experiments/" + f.Shapes + "/runs?compareRunsMode=CHART")
	p.See("Model metrics (5)", "train-0.1 (loss)", "train-0.3 (loss)")
	p.Wait(`document.querySelectorAll('path.js-line').length >= 2`)
	p.Picture("charts")
	p.Click("button", "Add chart")
	p.Click("[role=menuitem]", "Difference view")
	p.See("Add new chart")
	p.Click("[role=dialog] label", "Parameters")
	p.See("rate 0.3 0.1")
	p.Picture("difference")
	p.Click("[role=dialog] button", "Cancel")
	p.Gone("Add new chart")

	p.Go("/experiments/" + f.Shapes + "/runs?compareRunsMode=ARTIFACT")
	p.See("scores.json", "one.png", "two.png", "0.75")
	p.Picture("artifacts")
}
