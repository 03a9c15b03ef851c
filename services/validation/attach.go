package validation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
)

// FiguresName is the attachment that holds a report's models.Figures.
const FiguresName = "figures.json"

// maxAttachment bounds a file that a step keeps.
const maxAttachment = 256 << 20

// Attach keeps a file with the step's report: a name without folders. What a
// step attached before it was begun anew is written over.
func (s *Subject) Attach(ctx context.Context, name string, body io.Reader) (models.Attachment, error) {
	return s.attach(ctx, name, body)
}

// attach gives the Attach of one step.
func (s *Service) attach(id int64, index int, dir string, hidden *mask.Mask) func(context.Context, string, io.Reader) (models.Attachment, error) {
	return func(ctx context.Context, name string, body io.Reader) (a models.Attachment, err error) {
		name = hidden.Text(name)
		if name != path.Base(name) || name == "." || name == ".." || len(name) > 200 {
			return a, models.Errorf(models.KindInvalid, "%q cannot name an attachment: a file name without folders", name)
		}
		file, err := os.CreateTemp(dir, "attachment-*")
		if err != nil {
			return a, fmt.Errorf("attach %s: %w", name, err)
		}
		defer func() { _ = os.Remove(file.Name()); _ = file.Close() }()
		sum := sha256.New()
		var count counter
		masked := hidden.Writer(io.MultiWriter(file, sum, &count))
		_, err = io.Copy(masked, io.LimitReader(body, maxAttachment+1))
		err = errors.Join(err, masked.Close())
		size := int64(count)
		if err == nil && size > maxAttachment {
			err = models.Errorf(models.KindTooLarge, "attachment %s has more than %d bytes", name, maxAttachment)
		}
		if err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
		if err != nil {
			return a, fmt.Errorf("attach %s: %w", name, err)
		}
		a = models.Attachment{
			Name: name, MediaType: mediaType(name), Size: size, SHA256: hex.EncodeToString(sum.Sum(nil)),
			Key: attachmentKey(id, index, name),
		}
		if _, err := s.Blobs.Put(ctx, a.Key, file, size); err != nil {
			return a, fmt.Errorf("attach %s: %w", name, err)
		}
		return a, nil
	}
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func attachmentKey(id int64, index int, name string) string {
	return fmt.Sprintf(".slipway/validations/%d/%d/%s", id, index+1, name)
}

func mediaType(name string) string {
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// keepFigures makes an attachment of what a report draws.
func keepFigures(ctx context.Context, s *Subject, report *models.Report) error {
	if len(report.Figures.Charts)+len(report.Figures.Pictures) == 0 {
		return nil
	}
	text, err := json.Marshal(report.Figures)
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	a, err := s.Attach(ctx, FiguresName, bytes.NewReader(text))
	if err != nil {
		return err
	}
	report.Attachments = append(report.Attachments, a)
	return nil
}

// Attachment opens a file that a step kept. The caller closes.
func (s *Service) Attachment(ctx context.Context, step models.StepResult, name string) (models.Attachment, io.ReadCloser, error) {
	for _, a := range step.Attachments {
		if a.Name == name {
			body, _, err := s.Blobs.Get(ctx, a.Key, 0, -1)
			return a, body, err
		}
	}
	return models.Attachment{}, nil, models.Errorf(models.KindNotFound, "step %q keeps no file %q", step.Name, name)
}
