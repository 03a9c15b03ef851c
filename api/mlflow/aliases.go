package mlflow

import "github.com/gin-gonic/gin"

type aliasRef struct {
	Name  string `json:"name" mlflow:"required"`
	Alias string `json:"alias" mlflow:"required"`
}

// SetAlias answers POST registered-models/alias.
func (r Registry) SetAlias(c *gin.Context) error {
	var in struct {
		Name    string `json:"name" mlflow:"required"`
		Alias   string `json:"alias" mlflow:"required"`
		Version string `json:"version" mlflow:"number"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	version, err := parseVersion(in.Version)
	if err != nil {
		return err
	}
	return done(c, r.Service.SetAlias(c.Request.Context(), in.Name, in.Alias, version))
}

// GetByAlias answers GET registered-models/alias.
func (r Registry) GetByAlias(c *gin.Context) error {
	var in aliasRef
	if err := decode(c, &in); err != nil {
		return err
	}
	v, err := r.Service.Aliased(c.Request.Context(), in.Name, in.Alias)
	return answerVersion(c, v, err)
}

// DeleteAlias answers DELETE registered-models/alias.
func (r Registry) DeleteAlias(c *gin.Context) error {
	var in aliasRef
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, r.Service.DeleteAlias(c.Request.Context(), in.Name, in.Alias))
}
