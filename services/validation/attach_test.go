package validation

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob/mem"
)

func TestAStepKeepsFiles(t *testing.T) {
	t.Parallel()
	s := &Service{Blobs: mem.New(time.Now)}
	subject := &Subject{attach: s.attach(7, 1, t.TempDir(), nil)}
	report := models.Report{Figures: models.Figures{Charts: []models.Chart{{Title: "F1", Kind: models.ChartLines}}}}
	require.NoError(t, keepFigures(t.Context(), subject, &report))
	again, err := subject.Attach(t.Context(), "worst.jpg", strings.NewReader("picture"))
	require.NoError(t, err)
	report.Attachments = append(report.Attachments, again)

	step := models.StepResult{Name: "detection", Report: report}
	for name, want := range map[string]string{FiguresName: `{"charts":[{"title":"F1","kind":"lines"}]}`, "worst.jpg": "picture"} {
		a, body, err := s.Attachment(t.Context(), step, name)
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		require.EqualValues(t, len(want), a.Size)
	}
	_, _, err = s.Attachment(t.Context(), step, "other")
	require.Equal(t, models.KindNotFound, models.KindOf(err))
	for _, name := range []string{"", "..", "a/b", "/etc/passwd"} {
		_, err := subject.Attach(t.Context(), name, strings.NewReader("x"))
		require.Equal(t, models.KindInvalid, models.KindOf(err), name)
	}
}
