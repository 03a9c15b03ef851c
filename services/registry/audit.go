package registry

import (
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// maxAudited bounds what an audit record quotes of a value, in bytes.
const maxAudited = 1000

// described records that a model's description changed, or with a number that
// of its version.
func described(model string, number int64, old, fresh string) models.AuditRecord {
	return models.AuditRecord{
		Action: subject(number) + ".described", Model: model, Version: number,
		Details: map[string]any{"old": quoted(old), "new": quoted(fresh)},
	}
}

// auditTag records that a tag got a value, or with nil that it went. What was
// so before is no event: clients send some tags again and again.
func auditTag(tx storage.Tx, model string, number int64, tags map[string]string, key string, value *string) error {
	old, had := tags[key]
	details := map[string]any{"key": key}
	if had {
		details["old"] = quoted(old)
	}
	action := ".untagged"
	if value != nil {
		action, details["new"] = ".tagged", quoted(*value)
	}
	if value == nil && !had || value != nil && had && old == *value {
		return nil
	}
	return tx.Audit(models.AuditRecord{
		Action: subject(number) + action, Model: model, Version: number, Reason: "tag " + key, Details: details,
	})
}

func subject(number int64) string {
	if number == 0 {
		return "model"
	}
	return "version"
}

func quoted(text string) string {
	if len(text) <= maxAudited {
		return text
	}
	return strings.ToValidUTF8(text[:maxAudited], "") + "…"
}
