package blob

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Fact is one thing that an operator wants to know of a store, such as its
// region.
type Fact struct{ Name, Value string }

// Describer is a Store that says what it is and how it is spoken to.
type Describer interface {
	Facts() []Fact
}

// ProbeKey is where Probe writes: always the same, so that one which is killed
// leaves one small object at most.
const ProbeKey = Reserved + "/probe"

// Probe tells what hinders reading a store and writing to it, nil where
// nothing does, by writing a few bytes, reading them and removing them again.
// Several may probe at once.
func Probe(ctx context.Context, s Store) (reading, writing error) {
	if _, reading = s.List(ctx, ProbeKey); reading != nil {
		return reading, reading // some stores would make a bucket that is absent
	}
	const text = "slipway was here"
	if _, writing = s.Put(ctx, ProbeKey, strings.NewReader(text), int64(len(text))); taken(writing) {
		writing = nil
	}
	if writing != nil {
		return reading, writing
	}
	r, _, err := s.Get(ctx, ProbeKey, 0, -1)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	if !taken(err) {
		reading = err
	}
	return reading, s.Delete(ctx, ProbeKey)
}

// taken tells whether somebody else who probes has removed the object already.
func taken(err error) bool { return models.IsKind(err, models.KindNotFound) }
