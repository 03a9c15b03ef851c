package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/cmd/slipway/app"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// artifacts looks at the artifact store that the server's settings name, here
// in the same variables and flags.
func (d *Doctor) artifacts(ctx context.Context) looked {
	l := looked{what: "artifacts", needed: true, without: "files cannot be kept: docs/storage.md lists the answers of S3 and what to do"}
	if !strings.HasPrefix(d.ArtifactsDestination, "s3:") {
		l.found, l.without = strings.TrimPrefix(d.ArtifactsDestination, "file://"), "files cannot be kept: make it writable, or name another by --artifacts-destination"
		if l.found == "" {
			l.found = filepath.Join(d.DataDir, "artifacts")
		}
		l.err = writable(l.found)
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, 3*lookTime)
	defer cancel()
	settings := d.Store
	settings.S3Retries, settings.S3Timeout = new(0), min(settings.S3Timeout, lookTime) // what is wrong shows at once
	store, err := app.OpenStore(ctx, settings, nil)
	if err != nil {
		l.err = err
		return l
	}
	if store, ok := store.(blob.Describer); ok {
		var facts []string
		for i, f := range store.Facts() {
			if i > 0 {
				f.Value = f.Name + " " + f.Value
			}
			facts = append(facts, f.Value)
		}
		l.found = strings.Join(facts, ", ")
	}
	reading, writing := blob.Probe(ctx, store)
	switch {
	case reading == nil && writing == nil:
		l.found += ": can be read and written"
	case reading == nil:
		l.err = fmt.Errorf("%s: can be read, not written: %w", l.found, plain(writing))
	default:
		l.err = fmt.Errorf("%s: %w", l.found, plain(reading))
	}
	return l
}

// plain is an error's sentence for people, without its causes.
func plain(err error) error {
	var known *models.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("it does not answer")
	case errors.As(err, &known):
		return errors.New(known.Message)
	}
	return err
}
