package sqlstore

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
)

type registeredModelRow struct {
	ID          int64 `gorm:"primaryKey"`
	Name        *string
	Was         string
	Description string
	CreatedUS   int64 `gorm:"column:created_us"`
	UpdatedUS   int64 `gorm:"column:updated_us"`
	LastNumber  int64
}

func (registeredModelRow) TableName() string { return "registered_model" }

type modelVersionRow struct {
	ID            int64 `gorm:"primaryKey"`
	ModelID       int64
	Number        int64
	CreatedUS     int64 `gorm:"column:created_us"`
	UpdatedUS     int64 `gorm:"column:updated_us"`
	Stage         string
	Description   string
	Source        string
	DownloadURI   string `gorm:"column:download_uri"`
	RunID         string
	RunLink       string
	LoggedModelID string
	Files         string
	Digest        string
}

func (modelVersionRow) TableName() string { return "model_version" }

type tagRow struct {
	Owner int64
	Key   string
	Value string
}

type aliasRow struct {
	ModelID int64
	Alias   string
	Number  int64
}

// inChunks calls fn with parts of ids that fit in one statement.
func inChunks(ids []int64, fn func([]int64) error) error {
	for part := range slices.Chunk(ids, 1000) {
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}

// tagsOf reads the tags of several owners from a table.
func tagsOf(db *gorm.DB, table, owner string, ids []int64) (map[int64]map[string]string, error) {
	tags := map[int64]map[string]string{}
	err := inChunks(ids, func(part []int64) error {
		var rows []tagRow
		err := db.Raw("SELECT "+owner+" AS owner, key, value FROM "+table+" WHERE "+owner+" IN ?", part).Scan(&rows).Error
		for _, r := range rows {
			if tags[r.Owner] == nil {
				tags[r.Owner] = map[string]string{}
			}
			tags[r.Owner][r.Key] = r.Value
		}
		return err
	})
	return tags, err
}

// aliasesOf reads the aliases of several models.
func aliasesOf(db *gorm.DB, modelIDs []int64) ([]aliasRow, error) {
	var aliases []aliasRow
	err := inChunks(modelIDs, func(part []int64) error {
		var rows []aliasRow
		err := db.Raw("SELECT model_id, alias, number FROM registered_model_alias WHERE model_id IN ? ORDER BY model_id, alias", part).Scan(&rows).Error
		aliases = append(aliases, rows...)
		return err
	})
	return aliases, err
}

// registeredModels makes models of rows, with their tags and aliases.
func (t *tx) registeredModels(rows []registeredModelRow) ([]models.RegisteredModel, error) {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	tags, err := tagsOf(t.db, "registered_model_tag", "model_id", ids)
	if err != nil {
		return nil, err
	}
	aliases, err := aliasesOf(t.db, ids)
	if err != nil {
		return nil, err
	}
	of := map[int64]map[string]int64{}
	for _, a := range aliases {
		if of[a.ModelID] == nil {
			of[a.ModelID] = map[string]int64{}
		}
		of[a.ModelID][a.Alias] = a.Number
	}
	list := make([]models.RegisteredModel, len(rows))
	for i, r := range rows {
		list[i] = models.RegisteredModel{
			ID: r.ID, Name: *r.Name, Description: r.Description, Created: fromMicros(r.CreatedUS), Updated: fromMicros(r.UpdatedUS),
			Tags: tags[r.ID], Aliases: of[r.ID],
		}
	}
	return list, nil
}

// versionColumns are those that scanVersion reads of a version whose table is
// named so: its model's name, and its tags and aliases as objects, are among
// them, so that one statement reads all.
func (t *tx) versionColumns(version, model string) string {
	const own = "id, model_id, number, created_us, updated_us, stage, description, source, download_uri, run_id, run_link, logged_model_id, files, digest"
	return version + "." + strings.ReplaceAll(own, ", ", ", "+version+".") + ", " + model + ".name, " +
		t.object("key, value", "model_version_tag", "version_id = "+version+".id") + ", " +
		t.object("alias, number", "registered_model_alias", "model_id = "+version+".model_id AND number = "+version+".number")
}

// scanVersion reads versionColumns.
func scanVersion(scan scanner) (v models.Version, err error) {
	var created, updated int64
	var tags, aliases *string
	if err := scan(&v.ID, &v.ModelID, &v.Number, &created, &updated, &v.Stage, &v.Description, &v.Source, &v.DownloadURI, &v.RunID,
		&v.RunLink, &v.LoggedModelID, &v.Files, &v.Digest, &v.Model, &tags, &aliases); err != nil {
		return v, err
	}
	v.Created, v.Updated = fromMicros(created), fromMicros(updated)
	if v.Tags, err = listed[map[string]string](tags); err != nil {
		return v, err
	}
	names, err := listed[map[string]int64](aliases)
	v.Aliases = slices.Sorted(maps.Keys(names))
	return v, err
}

// versions reads a query of versionColumns.
func (t *tx) versions(query string, args ...any) (list []models.Version, err error) {
	err = t.scan(query, args, func(scan scanner) error {
		v, err := scanVersion(scan)
		list = append(list, v)
		return err
	})
	return list, err
}

// object reads two columns of the rows of a table as one JSON object.
func (t *tx) object(columns, table, where string) string {
	function := "json_group_object"
	if t.dialect == "postgres" {
		function = "json_object_agg"
	}
	return "(SELECT " + function + "(" + columns + ") FROM " + table + " WHERE " + where + ")"
}

// listed decodes what object read.
func listed[T any](text *string) (value T, err error) {
	if text == nil || *text == "{}" {
		return value, nil
	}
	if err := json.Unmarshal([]byte(*text), &value); err != nil {
		return value, fmt.Errorf("read a list of tags or aliases: %w", err)
	}
	return value, nil
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
