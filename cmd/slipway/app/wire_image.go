package app

import (
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/services/image"
)

// wireImages builds what turns versions into serving images.
func (a *App) wireImages(p *parts) {
	p.images = image.New(image.Config{DB: a.data, Blobs: p.blobs, Files: p.artifacts, RuntimeDir: a.cfg.RuntimeDir})
	p.own.Images = v1.Images{Service: p.images}
	p.workers = append(p.workers, image.Worker{Images: p.images})
}
