package mlflow

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// NoGateway answers the web interface that no gateway of language models stands
// behind this server, as MLflow's servers do without one.
func NoGateway(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"endpoints": []any{}})
	return nil
}

// NoTelemetry tells the web interface to collect nothing about its users.
func NoTelemetry(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"disable_ui_telemetry": true, "disable_ui_events": []string{}, "ui_rollout_percentage": 0})
	return nil
}
