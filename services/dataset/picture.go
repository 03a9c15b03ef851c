package dataset

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/storage"
)

// The bounds of looking at pictures when they come in. One beyond them is
// judged by its header alone.
const (
	maxPicture  = 32 << 20  // bytes of one that is decoded whole
	maxPixels   = 32 << 20  // of one that is decoded whole
	maxBuffered = 128 << 20 // bytes of all those that wait to be decoded
	maxFault    = 300       // characters kept of why one does not decode
)

// bounds keeps the memory of looking at pictures flat.
type bounds struct {
	buffered *semaphore.Weighted // bytes
	decoding chan struct{}
}

func (s *Service) bounded() *bounds {
	s.once.Do(func() {
		s.bounds = &bounds{semaphore.NewWeighted(maxBuffered), make(chan struct{}, runtime.GOMAXPROCS(0))}
	})
	return s.bounds
}

// see decodes a picture as slipway-serve does, so that the two agree. No
// picture, however broken, may end the server.
func (b *bounds) see(data []byte) (seen models.ImageFacts) {
	b.decoding <- struct{}{}
	defer func() {
		<-b.decoding
		if r := recover(); r != nil {
			seen = models.ImageFacts{Fault: plain(fmt.Sprint("the picture does not decode: ", r))}
		}
	}()
	header, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err == nil && header.Width > 0 && header.Height > 0 && tooLarge(int64(len(data)), header.Width, header.Height) {
		return models.ImageFacts{Width: header.Width, Height: header.Height}
	}
	upright, err := detection.Decode(data)
	if err != nil {
		return models.ImageFacts{Fault: plain(err.Error())}
	}
	return models.ImageFacts{Width: upright.Width, Height: upright.Height, Turned: upright.Width != header.Width}
}

// tooLarge tells whether a picture is judged by its header alone, which does
// not say whether it is turned.
func tooLarge(size int64, width, height int) bool {
	return size > maxPicture || int64(width)*int64(height) > maxPixels
}

// plain makes text that every database keeps.
func plain(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if runes := []rune(text); len(runes) > maxFault {
		text = string(runes[:maxFault]) + "…"
	}
	return text
}

// seeHeader looks at the header of a picture that is too large to be decoded
// here.
func seeHeader(r io.Reader) models.ImageFacts {
	header, _, err := image.DecodeConfig(r)
	if err != nil {
		return models.ImageFacts{Fault: plain("not a picture we can read (JPEG, PNG, WebP, BMP or TIFF): " + err.Error())}
	}
	return models.ImageFacts{Width: header.Width, Height: header.Height}
}

// seeAll looks at those of the images that nobody has looked at: they came in
// under another name, or when there was no room to.
func (s *Service) seeAll(ctx context.Context, images []models.LabeledImage, seen map[string]models.ImageFacts) error {
	var left []models.DatasetFile
	for _, image := range images {
		if !seen[image.File.SHA256].Looked() {
			seen[image.File.SHA256] = models.ImageFacts{Fault: "nobody has looked at it"}
			left = append(left, image.File)
		}
	}
	found := make([]models.ImageFacts, len(left))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, f := range left {
		group.Go(func() (err error) {
			found[i], err = s.seeStored(within, f)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, f := range left {
		seen[f.SHA256] = found[i]
	}
	if len(left) == 0 {
		return nil
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		for i, f := range left {
			if err := tx.Datasets().Stored(f.SHA256, found[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) seeStored(ctx context.Context, f models.DatasetFile) (models.ImageFacts, error) {
	b := s.bounded()
	if f.Size <= maxPicture {
		if err := b.buffered.Acquire(ctx, f.Size); err != nil {
			return models.ImageFacts{}, err
		}
		defer b.buffered.Release(f.Size)
	}
	body, err := s.Read(ctx, f)
	if err != nil {
		return models.ImageFacts{}, err
	}
	defer func() { _ = body.Close() }()
	if f.Size > maxPicture {
		return seeHeader(body), nil
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return models.ImageFacts{}, err
	}
	return b.see(data), nil
}
