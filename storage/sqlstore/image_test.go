package sqlstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

func TestImages(t *testing.T) {
	t.Parallel()
	db := registryDB(t)
	v := newVersion(t, db, newModel(t, db, "shapes"))
	var first, again, other models.Image
	inTx(t, db, func(tx storage.Tx) (err error) {
		if first, err = tx.Images().Ensure(models.Image{VersionID: v.ID, Inputs: "a", Runtime: "onnx", Base: "host"}); err != nil {
			return err
		}
		if again, err = tx.Images().Ensure(models.Image{VersionID: v.ID, Inputs: "a"}); err != nil {
			return err
		}
		other, err = tx.Images().Ensure(models.Image{VersionID: v.ID, Inputs: "b"})
		return err
	})
	require.Equal(t, first, again, "the same inputs are one image")
	require.NotEqual(t, first.ID, other.ID)
	require.Equal(t, models.ImagePending, first.State)
	require.Equal(t, "shapes", first.Model)
	require.Equal(t, v.Number, first.Version)

	ready := first
	ready.State, ready.Digest, ready.ConfigDigest, ready.Size = models.ImageReady, "sha256:aa", "sha256:bb", 12
	ready.Layers = []models.ImageLayer{{Kind: models.LayerBase, Digest: "sha256:cc", DiffID: "sha256:dd", MediaType: "x", Size: 12}}
	ready.Components = []models.ImageComponent{{Path: "/lib/libc.so.6", Digest: "sha256:ee", Package: "libc6", Version: "2.36"}}
	inTx(t, db, func(tx storage.Tx) error { return tx.Images().Update(ready) })
	inTx(t, db, func(tx storage.Tx) error {
		got, err := tx.Images().ByDigest("sha256:aa")
		require.NotNil(t, got.EndedAt)
		ready.EndedAt = got.EndedAt
		require.Equal(t, ready, got)
		_, missing := tx.Images().ByDigest("")
		require.Equal(t, models.KindNotFound, models.KindOf(missing))
		list, _ := tx.Images().OfVersion(v.ID, 0, 10)
		require.Equal(t, []models.Image{other, ready}, list)
		list, _ = tx.Images().OfVersion(v.ID, other.ID, 10)
		require.Equal(t, []models.Image{ready}, list)
		list, _ = tx.Images().Ready()
		require.Equal(t, []models.Image{ready}, list)
		return err
	})

	inTx(t, db, func(tx storage.Tx) error {
		_, err := tx.Images().Layer("k")
		require.Equal(t, models.KindNotFound, models.KindOf(err))
		require.NoError(t, tx.Images().KeepLayer("k", models.ImageLayer{Digest: "sha256:00"}))
		require.NoError(t, tx.Images().KeepLayer("k", ready.Layers[0]), "a layer that was lost is made again")
		got, err := tx.Images().Layer("k")
		require.Equal(t, ready.Layers[0], got)
		return err
	})
}
