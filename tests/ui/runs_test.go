package ui_test

// runs: the table of an experiment's runs: filter, order, columns, pages,
// views, states.
func runs(p *Page, f Filled) {
	p.Go("/experiments/" + f.Many + "/runs")
	p.See("100 matching runs", "run-119")
	p.Wait(`document.querySelector('.ag-body-viewport')?.scrollTo(0, 1e6) || Array.from(document.querySelectorAll('button')).some((b) => b.innerText === 'Load more')`)
	p.Click("button", "Load more")
	p.See("120 matching runs")

	search := func(filter string) {
		p.Fill("[role=combobox]", `metrics.rmse < 1 and params.model = "tree"`, filter)
		applied := "new URLSearchParams(location.hash.split('?')[1]).get('searchFilter') === " + quoted(filter)
		p.until("the search for "+filter, func() bool {
			p.Press("\r") // the first may only put the suggestions away
			return eval[bool](p, applied)
		})
	}
	search(`params.parity = "odd" and metrics.score > 0.9`)
	p.See("6 matching runs", "run-109")
	p.Gone("run-118")
	p.Expect("400 POST /ajax-api/2.0/mlflow/runs/search")
	search("params.parity = odd")
	p.See("Request error", "at character 17 ('odd')", "such as 'text'")
	search("params.parity LIKE 'ev%'")
	p.See("60 matching runs")

	p.Click("button", "Sort: Created")
	p.Click("[role=menuitemcheckbox]", "score")
	p.Wait(`document.querySelector('.ag-row[row-index="0"] a')?.innerText === 'run-118'`)
	p.Click("button", "Sort: score")
	p.Click("[role=menu] button", "Sort ascending")
	p.Wait(`document.querySelector('.ag-row[row-index="0"] a')?.innerText === 'run-000'`)
	p.Press("\x1b")
	p.Wait(`!document.querySelector('[role=menu]')`)

	p.Click("button", "Columns")
	p.Click("[role=dialog] [role=treeitem], [role=dialog] [title]", "seed")
	p.Press("\x1b")
	p.Gone("Reset to defaults")
	p.See("Parameters", "seed")
	p.Picture("columns")

	p.Click("button", "Views")
	p.Click("[role=menuitem]", "+ Save as new view")
	p.Fill("[role=dialog] input", "View name", "even ones")
	p.Click("[role=dialog] button", "Save")
	p.Gone("Save the current")
	p.Reload()
	p.Click("button", "Views")
	p.See("even ones")
	p.Picture("views")
}

// takeBack: runs renamed, deleted and restored.
func takeBack(p *Page, f Filled) {
	p.Go("/experiments/" + f.Few + "/runs")
	p.Click("main a", "two")
	p.See("Run ID")
	p.Click("button", "Open header dropdown menu")
	p.Click("[role=menuitem]", "Rename")
	p.Fill("[role=dialog] input", "New run name", "number two")
	p.Click("[role=dialog] button", "Save")
	p.Gone("New run name")
	p.See("number two")
	p.Click("button", "Open header dropdown menu")
	p.Click("[role=menuitem]", "Delete")
	p.Click("[role=dialog] button", "Delete selected")
	p.Gone("Delete Experiment Run")

	p.Go("/experiments/" + f.Few + "/runs")
	p.See("2 matching runs")
	p.Gone("number two")
	p.Click("[role=combobox]", "State, selected option: Active")
	p.Click("[role=option]", "Deleted")
	p.See("1 matching run", "number two")
	p.Click("main [role=row] input[type=checkbox]", "Press Space to toggle row selection (unchecked)")
	p.Click("main button", "Restore")
	p.Click("[role=dialog] button", "Restore")
	p.Gone("number two")
	p.Go("/experiments/" + f.Few + "/runs?lifecycleFilter=Active")
	p.See("3 matching runs", "number two")
}
