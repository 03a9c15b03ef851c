package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"time"
)

const searchedVersions = 200

func registryCases() []benchCase {
	return []benchCase{
		{name: "create-version", title: "create a version (all clients on one model)", goal: goal{25, 20, 0}, only: registryPeers, prepare: createVersion},
		{name: "set-alias", title: "set an alias", goal: goal{20, 20, 0}, only: registryPeers, prepare: setAlias},
		{name: "search-versions", title: "search versions, first 100 of 200 by name", goal: goal{15, 15, 0}, only: registryPeers, prepare: searchVersions},
	}
}

// newModel registers a model and gives its name and the body of a request for
// a version of it, whose source is inside the run it names.
func (t *target) newModel(name string) (model string, version []byte, err error) {
	experiment, err := t.experiment()
	if err != nil {
		return "", nil, err
	}
	c := t.connections(1)[0]
	run, artifacts, err := runOf(c, experiment)
	if err != nil {
		return "", nil, err
	}
	model = fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	version = fmt.Appendf(nil, `{"name":%q,"run_id":%q,"source":%q,"tags":[{"key":"k","value":"1"}]}`, model, run, artifacts+"/model")
	return model, version, c.postJSON("registered-models/create", map[string]any{"name": model}, nil)
}

func createVersion(_ context.Context, t *target) (op, error) {
	_, version, err := t.newModel("versions")
	return func(c *conn, _ int, _ int64) error {
		_, err := c.post("model-versions/create", version)
		return err
	}, err
}

func setAlias(_ context.Context, t *target) (op, error) {
	model, version, err := t.newModel("aliases")
	for range 2 {
		if err == nil {
			_, err = t.connections(1)[0].post("model-versions/create", version)
		}
	}
	return func(c *conn, _ int, i int64) error {
		c.text = fmt.Appendf(c.text[:0], `{"name":%q,"alias":"champion","version":"%d"}`, model, 1+i%2)
		_, err := c.post("registered-models/alias", c.text)
		return err
	}, err
}

func searchVersions(ctx context.Context, t *target) (op, error) {
	model, version, err := t.newModel("searched")
	if err == nil {
		// One client: some servers refuse clients that register at once.
		err = t.parallel(ctx, 1, searchedVersions, func(c *conn, _ int) error {
			_, err := c.post("model-versions/create", version)
			return err
		})
	}
	path := mlflowAPI + "model-versions/search?max_results=100&filter=" + url.QueryEscape("name='"+model+"'")
	return func(c *conn, _ int, _ int64) error {
		page, err := c.get(path)
		if found := bytes.Count(page, []byte(`"creation_timestamp"`)); err == nil && found != 100 {
			return fmt.Errorf("the search gave %d versions, not 100", found)
		}
		return err
	}, err
}
