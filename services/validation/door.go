package validation

import (
	"context"

	"github.com/slipway-ml/slipway/models"
)

// Doors let steps speak with this server, each by what it may.
type Doors interface {
	// Open gives a step an address of its own, until it is closed or the grant
	// expires. Whoever asks there asks by the grant, whatever else they say.
	Open(ctx context.Context, g models.StepGrant) (Door, error)
}

// Door is one step's.
type Door struct {
	URL   string
	Token string // of the grant, for those who reach this server elsewhere
	Close func()
}

// Door opens the step's, which the caller closes; nil where this server has no
// API.
func (s *Subject) Door(ctx context.Context) (*Door, error) { return s.door(ctx) }

// door gives the Door of one step.
func (s *Service) door(id int64, index int, version models.Version, spec models.StepSpec) func(context.Context) (*Door, error) {
	return func(ctx context.Context) (*Door, error) {
		if s.Doors == nil {
			return nil, nil
		}
		now, err := s.DB.Now(ctx)
		if err != nil {
			return nil, err
		}
		door, err := s.Doors.Open(ctx, models.StepGrant{
			ValidationID: id, Step: index, VersionID: version.ID, Dataset: spec.Dataset, Expires: now.Add(spec.Timeout),
		})
		return &door, err
	}
}
