package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// NewVersion is what a client says of a version to register. RunID and
// LoggedModelID are nil where it says nothing of them.
type NewVersion struct {
	Model         string
	Source        string
	RunID         *string
	LoggedModelID *string
	RunLink       string
	Description   string
	Tags          map[string]string
}

// Register makes a version of a model and freezes its files: those that came
// through us at once, by their recorded digests; others by a job, and only
// then is the version told to those who validate.
func (s *Service) Register(ctx context.Context, in NewVersion) (v models.Version, err error) {
	if err := checkTexts(in.Description, in.Tags); err != nil {
		return v, err
	}
	if err := models.CheckText("source", in.Source); err != nil {
		return v, badSource(in.Source, "it has a NUL character")
	}
	var src source
	if err := s.DB.Look(ctx, func(tx storage.Tx) (err error) {
		src, err = resolve(tx, in, s.Roots)
		return err
	}); err != nil {
		return v, err
	}
	_, src.direct = blob.As[blob.Presigner](s.Blobs)
	files, err := s.listed(ctx, src)
	if err != nil {
		return v, err
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		v, err = s.register(tx, in, src, files)
		return err
	})
	return v, err
}

func (s *Service) register(tx storage.Tx, in NewVersion, src source, files []blob.Object) (models.Version, error) {
	m, err := tx.RegisteredModels().Get(in.Model)
	if err != nil {
		return models.Version{}, err
	}
	entries, err := src.entries(tx, files)
	if err != nil {
		return models.Version{}, err
	}
	manifest := models.NewManifest(entries)
	if err := stays(tx, in, src, s.Roots, manifest); err != nil {
		return models.Version{}, err
	}
	v := models.Version{
		ModelID: m.ID, Model: m.Name, Description: in.Description, RunLink: in.RunLink, Tags: in.Tags,
		Source: src.uri, DownloadURI: src.download, RunID: src.runID, LoggedModelID: src.loggedModelID,
		Files: models.FilesFrozen, Digest: manifest.Digest,
	}
	switch {
	case src.outside:
		v.Files, v.Digest = models.FilesOutside, ""
	case manifest.Digest == "":
		v.Files = models.FilesHashing
	}
	if v, err = tx.Versions().Create(v); err != nil {
		return v, err
	}
	if err := tx.Manifests().Put(v.ID, manifest.Entries); err != nil {
		return v, err
	}
	if err := s.versionCreated(tx, v, v.IsPrompt() || m.IsPrompt()); err != nil {
		return v, err
	}
	if err := tagLoggedModel(tx, v); err != nil || v.IsPrompt() || m.IsPrompt() {
		return v, err
	}
	if err := tx.Audit(models.AuditRecord{Action: "version.registered", Model: v.Model, Version: v.Number, Reason: "from " + v.Source}); err != nil {
		return v, err
	}
	switch {
	case v.Files == models.FilesHashing:
		return v, tx.Enqueue(models.JobHash, versionArgs{v.ID})
	case m.Pipelined:
		return v, tx.Enqueue(models.JobVersionRegistered, versionArgs{v.ID})
	}
	return v, nil // nobody would do anything with it
}

type versionArgs struct {
	VersionID int64 `json:"version_id"`
}

// modelVersionsTag is where MLflow keeps the versions made of a logged model.
const modelVersionsTag = "mlflow.modelVersions"

func tagLoggedModel(tx storage.Tx, v models.Version) error {
	if v.LoggedModelID == "" {
		return nil
	}
	logged, err := tx.LoggedModels().Find(v.LoggedModelID)
	if err != nil {
		return err
	}
	type made struct {
		Name    string `json:"name"`
		Version int64  `json:"version"`
	}
	var all []made
	for _, tag := range logged.Tags {
		if tag.Key == modelVersionsTag && json.Unmarshal([]byte(tag.Value), &all) != nil {
			all = nil // a client wrote something else there
		}
	}
	list := make([]string, 0, len(all)+1)
	for _, m := range append(all, made{v.Model, v.Number}) {
		name, err := json.Marshal(m.Name)
		if err != nil {
			return err
		}
		list = append(list, fmt.Sprintf(`{"name": %s, "version": %d}`, name, m.Version))
	}
	// With the spaces that Python writes: clients compare the text.
	value := "[" + strings.Join(list, ", ") + "]"
	return tx.LoggedModels().SetTags(logged.Key, []models.Tag{{Key: modelVersionsTag, Value: value}})
}

// Version finds a version by model name and number.
func (s *Service) Version(ctx context.Context, model string, number int64) (v models.Version, err error) {
	if err := models.CheckModelName(model); err != nil {
		return v, err
	}
	err = s.DB.Look(ctx, func(tx storage.Tx) (err error) {
		v, err = tx.Versions().ByNumber(model, number)
		return err
	})
	return v, err
}

// Latest gives the newest version of each stage asked for; of all without.
func (s *Service) Latest(ctx context.Context, model string, names []string) (list []models.Version, err error) {
	var stages []models.Stage
	for _, name := range names {
		stage, err := models.ParseStage(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		list, err = tx.Versions().Latest(m.ID, stages...)
		return err
	})
	return list, err
}

// UpdateVersion changes a version's description.
func (s *Service) UpdateVersion(ctx context.Context, model string, number int64, description string) (models.Version, error) {
	if err := models.CheckText("description", description); err != nil {
		return models.Version{}, err
	}
	err := s.withVersion(ctx, model, number, func(tx storage.Tx, v models.Version) error {
		if err := tx.Versions().Update(v.ID, models.VersionUpdate{Description: &description}); err != nil || v.IsPrompt() {
			return err
		}
		return tx.Audit(described(v.Model, v.Number, v.Description, description))
	})
	if err != nil {
		return models.Version{}, err
	}
	return s.Version(ctx, model, number)
}

// DeleteVersion removes a version and its aliases, unless a release needs it.
func (s *Service) DeleteVersion(ctx context.Context, model string, number int64) error {
	return s.withVersion(ctx, model, number, func(tx storage.Tx, v models.Version) error {
		if err := heldVersion(tx, v); err != nil {
			return err
		}
		if err := tx.Versions().Delete(v.ID); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "version.deleted", Model: model, Version: number})
	})
}

// SetVersionTag sets a tag.
func (s *Service) SetVersionTag(ctx context.Context, model string, number int64, key, value string) error {
	if err := models.CheckRegistryTag(key, value); err != nil {
		return err
	}
	return s.withVersion(ctx, model, number, func(tx storage.Tx, v models.Version) error {
		if err := tx.Versions().SetTag(v.ID, key, value); err != nil {
			return err
		}
		if err := s.versionTag(tx, v, key, &value); err != nil || v.IsPrompt() {
			return err
		}
		return auditTag(tx, v.Model, v.Number, v.Tags, key, &value)
	})
}

// DeleteVersionTag removes a tag; a missing one is no error.
func (s *Service) DeleteVersionTag(ctx context.Context, model string, number int64, key string) error {
	if err := models.CheckRegistryTag(key, ""); err != nil {
		return err
	}
	return s.withVersion(ctx, model, number, func(tx storage.Tx, v models.Version) error {
		if err := tx.Versions().DeleteTag(v.ID, key); err != nil {
			return err
		}
		if err := s.versionTag(tx, v, key, nil); err != nil || v.IsPrompt() {
			return err
		}
		return auditTag(tx, v.Model, v.Number, v.Tags, key, nil)
	})
}

func (s *Service) withVersion(ctx context.Context, model string, number int64, fn func(storage.Tx, models.Version) error) error {
	if err := models.CheckModelName(model); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		v, err := tx.Versions().ByNumber(model, number)
		if err != nil {
			return err
		}
		return fn(tx, v)
	})
}
