package delivery

import (
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// event is what happens to a promotion.
type event string

const (
	pass      event = "gated"       // every gate said yes
	refuse    event = "refused"     // a gate said no
	build     event = "started"     // its rollout begins
	built     event = "built"       // it has a release
	restart   event = "restarted"   // an earlier release's instances are started again
	shift     event = "shifted"     // the traffic goes to its next step
	hold      event = "held"        // the analysis cannot tell yet
	pause     event = "paused"      // by a person
	resume    event = "resumed"     // by a person
	succeed   event = "succeeded"   // it takes all the traffic
	fail      event = "failed"      // it never came up, or cannot go on
	rollBack  event = "rolled_back" // it was live or on its way, and is no good
	cancel    event = "cancelled"   // by a person
	supersede event = "superseded"  // by a newer one
)

const (
	pending    = models.PromotionPending
	gated      = models.PromotionGated
	building   = models.PromotionBuilding
	deploying  = models.PromotionDeploying
	shifting   = models.PromotionShifting
	paused     = models.PromotionPaused
	succeeded  = models.PromotionSucceeded
	refused    = models.PromotionRefused
	failed     = models.PromotionFailed
	rolledBack = models.PromotionRolledBack
	cancelled  = models.PromotionCancelled
	superseded = models.PromotionSuperseded
)

type states []models.PromotionState

// transitions is the life of a promotion. What is not here cannot happen.
var transitions = []struct {
	on   event
	from states
	to   models.PromotionState
}{
	{pass, states{pending}, gated},
	{refuse, states{pending, gated, deploying}, refused},
	{build, states{gated}, building},
	{built, states{building}, deploying},
	{restart, states{pending}, deploying}, // a rollback to a cold release
	{shift, states{deploying, shifting, paused}, shifting},
	{hold, states{shifting}, paused},
	{pause, states{shifting, paused}, paused}, // a person may pause what the analysis holds
	{resume, states{paused}, shifting},
	{succeed, states{pending, deploying, shifting, paused}, succeeded}, // pending: a rollback to a warm release
	{fail, states{pending, gated, building, deploying, shifting, paused}, failed},
	{rollBack, states{building, deploying, shifting, paused}, rolledBack},
	{cancel, states{pending, gated, building, deploying, shifting, paused}, cancelled},
	{supersede, states{pending, gated, building, deploying, shifting, paused}, superseded},
}

// next tells the state that an event leads to; a conflict where the table has
// no such line.
func next(p models.Promotion, on event) (models.PromotionState, error) {
	for _, t := range transitions {
		if t.on == on && slices.Contains(t.from, p.State) {
			return t.to, nil
		}
	}
	message := fmt.Sprintf("promotion %d is %s: it cannot be %s", p.ID, p.State, on)
	if p.State.Final() {
		message += " any more"
	}
	return "", models.Errorf(models.KindConflict, "%s", message)
}
