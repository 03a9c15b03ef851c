package reply

import (
	"net/http"

	"github.com/slipway-ml/slipway/models"
)

// table maps a kind to MLflow's error code and the status that its clients
// expect of it (mlflow/exceptions.py): they retry 408, 429, 500 and 502–504 by
// themselves, so a final refusal is none of those.
var table = map[models.Kind]struct {
	code   string
	status int
}{
	models.KindInvalid:         {"INVALID_PARAMETER_VALUE", http.StatusBadRequest},
	models.KindNotFound:        {"RESOURCE_DOES_NOT_EXIST", http.StatusNotFound},
	models.KindExists:          {"RESOURCE_ALREADY_EXISTS", http.StatusBadRequest},
	models.KindConflict:        {"RESOURCE_CONFLICT", http.StatusConflict},
	models.KindForbidden:       {"PERMISSION_DENIED", http.StatusForbidden},
	models.KindUnauthenticated: {"UNAUTHENTICATED", http.StatusUnauthorized},
	models.KindLimited:         {"REQUEST_LIMIT_EXCEEDED", http.StatusTooManyRequests},
	models.KindTooLarge:        {"INVALID_PARAMETER_VALUE", http.StatusRequestEntityTooLarge},
	models.KindFull:            {"RESOURCE_EXHAUSTED", http.StatusInsufficientStorage}, // not a status that clients repeat for minutes
	models.KindUnsupported:     {"NOT_IMPLEMENTED", http.StatusNotImplemented},
	models.KindUnavailable:     {"TEMPORARILY_UNAVAILABLE", http.StatusServiceUnavailable},
	models.KindInternal:        {"INTERNAL_ERROR", http.StatusInternalServerError},
}

// noRoute is MLflow's code for a path that its server does not know. Its clients
// take it for final; the 503 of MLflow's own --artifacts-only they repeat for minutes.
const noRoute = "ENDPOINT_NOT_FOUND"

// NoRoute answers a path that is not in the table of routes.
func NoRoute(path string) Body {
	return Body{Code: noRoute, Message: "No route " + path + " here. /api/v1/docs lists Slipway's own, docs/mlflow.md MLflow's."}
}

// ArtifactsOnly answers a path that a server which only keeps files leaves to
// another one.
func ArtifactsOnly(path string) Body {
	return Body{Code: noRoute, Message: "No route " + path + " here: this server serves artifacts only (--artifacts-only). Ask the tracking server, or start this one without the flag."}
}
