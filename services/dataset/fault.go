package dataset

import (
	"fmt"

	"github.com/slipway-ml/slipway/models"
)

// maxFaults bounds the list that a refusal carries.
const maxFaults = 100

// list collects what is at fault in a data set.
type list struct {
	details []models.Detail
	count   int
}

func (l *list) add(where, format string, args ...any) {
	l.count++
	if len(l.details) < maxFaults {
		l.details = append(l.details, models.Detail{Field: where, Message: fmt.Sprintf(format, args...)})
	}
}

// merge adds what another list holds, behind what is here.
func (l *list) merge(other list) {
	l.count += other.count
	l.details = append(l.details, other.details[:min(len(other.details), maxFaults-len(l.details))]...)
}

// err refuses with the list; nil where there are none.
func (l *list) err(what string) error {
	if l.count == 0 {
		return nil
	}
	first := l.details[0]
	e := models.Errorf(models.KindInvalid, "%s: %s: %s", what, first.Field, first.Message)
	if l.count > 1 {
		e.Message += fmt.Sprintf(" (%d faults in all; see details)", l.count)
	}
	e.Details = l.details
	return e
}
