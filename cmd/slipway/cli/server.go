package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/slipway-ml/slipway/cmd/slipway/app"
	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/telemetry"
)

// Server is the command slipway server.
type Server struct {
	config.Config
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context, stderr io.Writer) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(stderr, options)
	if terminal(stderr) {
		handler = slog.NewTextHandler(stderr, options)
	}
	log := slog.New(telemetry.LogHandler(handler))
	slog.SetDefault(log)
	a, err := app.New(ctx, s.Config, log)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(ctx)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
