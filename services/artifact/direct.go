package artifact

import (
	"context"
	"path"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Part is a part of an upload, by its number and the store's tag.
type Part = blob.Part

// validity is how long a URL to the store itself may be used.
const validity = time.Hour

// maxParts is S3's limit.
const maxParts = 10_000

// Direct is nil where clients can transfer with the store itself, else of kind
// unsupported.
func (s *Service) Direct() error {
	_, err := s.presigner()
	return err
}

func (s *Service) presigner() (blob.Presigner, error) {
	if p, ok := blob.As[blob.Presigner](s.blobs); ok {
		return p, nil
	}
	return nil, models.Errorf(models.KindUnsupported, "The artifact store has no multipart or presigned transfers: use GET and PUT of mlflow-artifacts/artifacts.")
}

// Download gives a URL that reads a file from the store itself.
func (s *Service) Download(ctx context.Context, at string, valid time.Duration) (blob.Presigned, blob.Object, error) {
	p, err := s.presigner()
	if err != nil {
		return blob.Presigned{}, blob.Object{}, err
	}
	if at, err = fileAt(at); err != nil {
		return blob.Presigned{}, blob.Object{}, err
	}
	o, err := s.blobs.Stat(ctx, at)
	if err != nil {
		return blob.Presigned{}, blob.Object{}, err
	}
	signed, err := p.PresignGet(ctx, at, blob.Shown{}, bound(valid))
	return signed, o, err
}

// DownloadIn is Download below a root.
func (s *Service) DownloadIn(ctx context.Context, root Root, name string, valid time.Duration) (blob.Presigned, blob.Object, error) {
	below, err := fileBelow(name)
	if err != nil {
		return blob.Presigned{}, blob.Object{}, err
	}
	return s.Download(ctx, root.key+"/"+below, valid)
}

// followed is how long a client has to follow a redirect.
const followed = 5 * time.Minute

// Shown is what a download says of itself.
type Shown = blob.Shown

// Redirect gives a URL that reads the file from the store itself, for a client
// that is sent there at once. It is of kind unsupported where there is none: the
// store has no URLs, or the file is a version's, which is verified on its way
// through the server.
func (f File) Redirect(shown Shown) (string, error) {
	p, ok := blob.As[blob.Presigner](f.blobs)
	if !ok || f.entry != nil {
		return "", models.Errorf(models.KindUnsupported, "'%s' is read through the server", f.Name)
	}
	signed, err := p.PresignGet(f.ctx, f.key, shown, followed)
	if err == nil && len(signed.Header) > 0 { // which nobody could send along
		err = models.Errorf(models.KindUnsupported, "'%s' is read through the server", f.Name)
	}
	return signed.URL, err
}

// UploadIn gives a URL that writes a file below a root. What comes by it is not
// seen here: it has no digest until a version that has it is registered.
func (s *Service) UploadIn(ctx context.Context, root Root, name string, valid time.Duration) (blob.Presigned, error) {
	p, err := s.presigner()
	if err != nil {
		return blob.Presigned{}, err
	}
	below, err := fileBelow(name)
	if err != nil {
		return blob.Presigned{}, err
	}
	at := path.Join(root.key, below)
	valid = bound(valid)
	if err := s.vacate(ctx, at, valid); err != nil {
		return blob.Presigned{}, err
	}
	return p.PresignPut(ctx, at, valid)
}

// lastUpload is how long after its URL's end an upload that it began may last.
const lastUpload = 12 * time.Hour

func bound(valid time.Duration) time.Duration {
	if valid <= 0 || valid > 7*24*time.Hour { // S3 signs for a week at most
		return validity
	}
	return valid
}

// vacate frees a path for bytes that somebody else will put there, now or as
// often as the URL can be used: bytes that a manifest cites get a name of their
// own at once, and a version that is registered meanwhile cites a copy.
func (s *Service) vacate(ctx context.Context, at string, valid time.Duration) error {
	if err := s.db.InTx(ctx, func(tx storage.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Artifacts().AllowUpload(at, now.Add(valid+lastUpload))
	}); err != nil {
		return err
	}
	release, err := s.hold(ctx, at)
	if err != nil {
		return err
	}
	defer release()
	return s.keep(ctx, at)
}

// Multipart begins an upload in parts and gives the request for each.
func (s *Service) Multipart(ctx context.Context, at string, parts int) (upload string, requests []blob.Presigned, err error) {
	p, err := s.presigner()
	if err != nil {
		return "", nil, err
	}
	if at, err = fileAt(at); err != nil {
		return "", nil, err
	}
	if parts < 1 || parts > maxParts {
		return "", nil, models.Errorf(models.KindInvalid, "num_parts is %d: use 1 to %d", parts, maxParts)
	}
	if upload, err = p.CreateUpload(ctx, at); err != nil {
		return "", nil, err
	}
	requests = make([]blob.Presigned, parts)
	for i := range requests {
		if requests[i], err = p.PresignPart(ctx, at, upload, i+1, 24*validity); err != nil {
			return "", nil, err
		}
	}
	return upload, requests, nil
}

// Complete makes the parts of an upload a file.
func (s *Service) Complete(ctx context.Context, at, upload string, parts []blob.Part) error {
	p, err := s.presigner()
	if err != nil {
		return err
	}
	if at, err = fileAt(at); err != nil {
		return err
	}
	release, err := s.hold(ctx, at)
	if err != nil {
		return err
	}
	defer release()
	if err := s.keep(ctx, at); err != nil {
		return err
	}
	return p.CompleteUpload(ctx, at, upload, parts)
}

// Abort forgets an upload and its parts.
func (s *Service) Abort(ctx context.Context, at, upload string) error {
	p, err := s.presigner()
	if err != nil {
		return err
	}
	if at, err = fileAt(at); err != nil {
		return err
	}
	return p.AbortUpload(ctx, at, upload)
}
