package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/access"
	"github.com/slipway-ml/slipway/services/validation"
)

// Doors opens an address of this server for each step. Behind it is the whole
// API, asked by the step's token: what its rights refuse is refused there, too,
// so that a step that reaches its door alone reaches nothing else.
type Doors struct {
	Tokens *access.Steps
	Log    *slog.Logger
	Engine http.Handler // set before the first step runs
}

// Open implements validation.Doors.
func (d *Doors) Open(ctx context.Context, g models.StepGrant) (validation.Door, error) {
	token, err := d.Tokens.Token(g)
	if err != nil {
		return validation.Door{}, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return validation.Door{}, fmt.Errorf("open an address for the step: %w", err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", bearer+token)
			d.Engine.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}
	go func() { _ = server.Serve(listener) }()
	return validation.Door{URL: "http://" + listener.Addr().String(), Token: token, Close: func() { _ = server.Close() }}, nil
}

const bearer = "Bearer "
