package ui_test

import "strings"

// experiments: the list, and an experiment made, renamed, described, found and
// deleted by hand.
func experiments(p *Page, _ Filled) {
	p.Go("/experiments")
	p.See("many runs", "shapes", "Default")

	p.Expect("404 GET /ajax-api/2.0/mlflow/experiments/get-by-name") // the form asks whether the name is free
	p.Click("button", "Create")
	p.Fill("[role=dialog] input", "Experiment Name", "made by hand")
	p.Click("[role=dialog] button", "Create")
	p.Gone("Create Experiment")
	p.Go("/experiments")
	p.Click("main a", "made by hand")
	p.Wait(`location.hash.includes("/overview")`)
	p.Go("/experiments/" + strings.Split(eval[string](p, "location.hash"), "/")[2] + "/runs")
	p.See("No runs logged")
	p.Click("button", "Open header dropdown menu")
	p.Click("[role=menuitem]", "Edit experiment")
	p.Fill("[role=dialog] input", "", "renamed by hand")
	p.Click("[role=dialog] button", "Save")
	p.See("renamed by hand")

	p.Go("/experiments")
	p.Fill("main input", "Search experiments", "by hand")
	p.Click("main button", "Search")
	p.See("renamed by hand")
	p.Gone("many runs")
	p.Click("main button", "Edit tags")
	p.tag("team", "vision")
	p.See("team : vision")
	p.Click("tbody [role=checkbox], tbody input[type=checkbox], [role=row] [role=cell] input", "")
	p.Click("main button", "Delete")
	p.See("Delete 1 Experiment")
	p.Click("[role=dialog] button", "Delete")
	p.See("No experiments found")
}

// tag adds a tag in the dialog that every page has for them.
func (p *Page) tag(key, value string) {
	p.t.Helper()
	p.Fill("[role=dialog] [role=combobox]", "", key)
	p.Press("\r")
	p.Fill("[role=dialog] input, [role=dialog] textarea", "Type a value", value)
	p.Click("[role=dialog] button", "Add tag")
	p.See(key + " : " + value)
	p.Click("[role=dialog] button", "Save tags")
	p.Gone("Add/Edit tags")
}

// absent: what is not there says so.
func absent(p *Page, f Filled) {
	p.Expect("404 GET /ajax-api/2.0/mlflow/registered-models/get")
	p.Go("/experiments/" + f.Shapes + "/runs/00000000000000000000000000000000")
	p.See("Run ID 00000000000000000000000000000000 does not exist")
	p.Go("/experiments/999999")
	p.See("No Experiment with id=999999 exists")
	p.Go("/models/nothing")
	p.See("Model nothing does not exist")
}
