package gateway

import "github.com/slipway-ml/slipway/models"

// Seen gives the requests of a release since this server started, and how many
// it failed.
func (g *Gateway) Seen(model, environment string, number int64) models.Sample {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.places[key{model, environment}]
	if p == nil || p.releases[number] == nil {
		return models.Sample{}
	}
	r := p.releases[number]
	return models.Sample{Requests: r.answered.Load(), Failures: r.failed.Load()}
}
