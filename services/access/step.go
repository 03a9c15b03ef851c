package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// StepPrefix begins each token of a step.
const StepPrefix = "slipway-step."

// Steps makes and reads the tokens of steps. They are signed with a key that
// this process alone has and never writes down: a step ends with its server,
// and so do its tokens.
type Steps struct {
	db  storage.DB
	key []byte
}

// NewSteps makes Steps with a key of its own.
func NewSteps(db storage.DB) *Steps {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &Steps{db: db, key: key}
}

// Token gives the token of a grant.
func (s *Steps) Token(g models.StepGrant) (string, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("encode a step's grant: %w", err)
	}
	body := StepPrefix + base64.RawURLEncoding.EncodeToString(text)
	return body + "." + base64.RawURLEncoding.EncodeToString(s.sign(body)), nil
}

func (s *Steps) sign(body string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

// Rights reads a token. One that is not of this server, has expired, or whose
// step does not run (any more) is an error of kind unauthenticated.
func (s *Steps) Rights(ctx context.Context, token string) (models.StepRights, error) {
	grant, err := s.read(token)
	if err != nil {
		return models.StepRights{}, err
	}
	rights := models.StepRights{StepGrant: grant}
	err = s.db.View(ctx, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if !now.Before(grant.Expires) {
			return refused("the step's token has expired: it ended with the step's timeout")
		}
		validation, err := tx.Validations().Get(grant.ValidationID)
		if err != nil {
			return unlessGone(err)
		}
		if grant.Step >= len(validation.Steps) {
			return errOver
		}
		step := validation.Steps[grant.Step]
		if validation.State.Final() || step.StartedAt == nil || step.EndedAt != nil {
			return errOver
		}
		rights.Name = step.Name
		rights.Version, err = tx.Versions().Get(grant.VersionID)
		return unlessGone(err)
	})
	return rights, err
}

func (s *Steps) read(token string) (grant models.StepGrant, err error) {
	at := strings.LastIndexByte(token, '.')
	if at < len(StepPrefix) {
		return grant, errForged
	}
	signed, err := base64.RawURLEncoding.Strict().DecodeString(token[at+1:])
	if err != nil || !hmac.Equal(signed, s.sign(token[:at])) {
		return grant, errForged
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(token[:at], StepPrefix))
	if err != nil {
		return grant, errForged
	}
	return grant, json.Unmarshal(text, &grant)
}

func refused(text string) *models.Error { return models.Errorf(models.KindUnauthenticated, "%s", text) }

var (
	errForged = refused("the token is no token of a step of this server: it was changed, or another server (or an earlier life of this one) made it")
	errOver   = refused("the step has ended, and its token with it")
)

func unlessGone(err error) error {
	if models.IsKind(err, models.KindNotFound) {
		return errOver
	}
	return err
}
