package middleware

import (
	"context"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/access"
)

// Tokens reads the tokens of steps.
type Tokens interface {
	Rights(ctx context.Context, token string) (models.StepRights, error)
}

// Steps makes a request that brings a step's token the step's: its principal
// and its rights. A token that does not hold is refused, and is not taken for
// nobody's.
func Steps(tokens Tokens) gin.HandlerFunc {
	return reply.Handle(func(c *gin.Context) error {
		kind, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(kind, "Bearer") || !strings.HasPrefix(token, access.StepPrefix) {
			return nil
		}
		ctx := c.Request.Context()
		rights, err := tokens.Rights(ctx, token)
		if err != nil {
			return err
		}
		who := models.PrincipalOf(ctx)
		who.Name, who.Role = fmt.Sprintf("step %s of validation %d", rights.Name, rights.ValidationID), models.RoleStep
		c.Set(stepKey, rights)
		c.Request = c.Request.WithContext(models.WithPrincipal(ctx, who))
		return nil
	})
}

const stepKey = "slipway.step"

// StepOf gives the rights of the step that asks, where one does.
func StepOf(c *gin.Context) (models.StepRights, bool) {
	value, _ := c.Get(stepKey)
	rights, ok := value.(models.StepRights)
	return rights, ok
}
