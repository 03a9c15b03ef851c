package ui_test

// traces: those of an experiment, the spans of one, and the charts of all.
func traces(p *Page, f Filled) {
	p.Go("/experiments/" + f.Traced + "/traces")
	p.See("what is a square?", "four equal sides", "OK")
	p.Picture("list")
	p.Click("main tbody a, main tbody [role=button], main [role=row] *", "four equal sides")
	p.Picture("one")
	p.Go("/experiments/" + f.Traced + "/overview")
	p.See("Usage", "Quality")
	p.Picture("overview")
}
