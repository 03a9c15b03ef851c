package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	Line    int      // from 1; 0 where the document has no such place
	Column  int      // from 1
	Path    string   // such as validation.steps[0].check
	Message string   // what is wrong and what is allowed there
	Allowed []string // what is allowed there, where that is a list
}

// String gives the problem in the form editors and CI logs understand.
func (p Problem) String() string {
	return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message)
}

// refuse makes the error of a document with problems.
func refuse(problems []Problem) error {
	first := problems[0]
	message := fmt.Sprintf("the pipeline is wrong at line %d, column %d: %s", first.Line, first.Column, first.Message)
	if rest := len(problems) - 1; rest > 0 {
		message += fmt.Sprintf(" (and %d more)", rest)
	}
	err := models.Errorf(models.KindInvalid, "%s", message)
	for _, p := range problems {
		err.Details = append(err.Details, models.Detail{Field: cmp.Or(p.Path, "document"), Message: p.String()})
	}
	return err
}

func sortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(problems, func(a, b Problem) bool { return a.String() == b.String() })
}

// allowed lists what may stand in a place, after the nearest to what does.
func allowed(got string, names []string) string {
	list := "allowed: " + strings.Join(names, ", ")
	if near := nearest(got, names); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, list)
	}
	return list
}

// nearest finds the name that a typo most likely meant; "" where none is near.
func nearest(got string, names []string) string {
	best, least := "", 1+len(got)/3
	for _, name := range names {
		if d := distance(strings.ToLower(got), strings.ToLower(name)); d <= least && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best
}

// distance counts the edits (Levenshtein) between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
