package openapi

//go:generate go tool -modfile=../tools/openapi/go.mod oapi-codegen -config server.config.yaml slipway.yaml
//go:generate go tool -modfile=../tools/openapi/go.mod oapi-codegen -config client.config.yaml slipway.yaml
