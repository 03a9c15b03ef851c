package ui_test

// traces: those of an experiment, the spans of one, and the charts of all.
func traces(p *Page, f Filled) {
	p.Go("/experiments/" + f.Traced + "/traces")
	p.See("what is a square?", "four equal sides", "OK")
	p.Picture("list")
	p.Click("main *", `{"question": "what is a square?"}`)
	p.See("answer", "look up")
	p.Picture("one")
	p.Go("/experiments/" + f.Traced + "/overview/usage")
	p.See("Usage", "Quality", "Traces 1", "Overall error rate: 0.0%")
	p.Picture("overview")
}
