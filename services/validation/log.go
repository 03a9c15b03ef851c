package validation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
)

// maxLog bounds a step's log; what a step writes beyond it is counted.
const maxLog = 16 << 20

// stepLog is a step's log while the step runs: a file that followers read. A
// NUL, which not every reader bears, is replaced, and so are secrets.
type stepLog struct {
	mu      sync.Mutex
	file    *os.File
	size    int64
	dropped int64
	masked  io.WriteCloser // on its way to the file
}

// openLog opens the log, which goes on where an earlier life of the server
// left it.
func openLog(path string) (*stepLog, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of logs: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o640) //nolint:gosec // a path of ours
	if err != nil {
		return nil, fmt.Errorf("open the step's log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	l := &stepLog{file: file, size: info.Size()}
	l.masked = (*mask.Mask)(nil).Writer(limited{l})
	if l.size > 0 {
		_, _ = io.WriteString(l, "\n--- the server was started again: the step begins anew ---\n")
	}
	return l, nil
}

// hide has secrets replaced from here on.
func (l *stepLog) hide(m *mask.Mask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.masked.Close()
	l.masked = m.Writer(limited{l})
}

// Write implements io.Writer. It never fails a step.
func (l *stepLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.masked.Write(p)
	return len(p), nil
}

// limited writes to the log's file up to its limit.
type limited struct{ *stepLog }

// Write implements io.Writer.
func (l limited) Write(p []byte) (int, error) {
	fits := p
	if room := max(0, maxLog-l.size); l.dropped > 0 || int64(len(p)) > room {
		if l.dropped > 0 {
			room = 0
		}
		fits = p[:min(room, int64(len(p)))]
		l.dropped += int64(len(p) - len(fits))
	}
	n, _ := l.file.Write(bytes.ReplaceAll(fits, []byte{0}, []byte("\uFFFD")))
	l.size += int64(n)
	return len(p), nil
}

// close gives up the log where it is.
func (l *stepLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.masked.Close(), l.file.Close())
}

// keep puts the log into the artifact store and closes it.
func (l *stepLog) keep(ctx context.Context, s *Service, key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.masked.Close()
	if l.dropped > 0 {
		n, _ := fmt.Fprintf(l.file, "\n--- %d bytes more were written and not kept: a log has at most %d ---\n", l.dropped, maxLog)
		l.size += int64(n)
	}
	_, err := l.file.Seek(0, io.SeekStart)
	if err == nil {
		_, err = s.Blobs.Put(ctx, key, l.file, l.size)
	}
	return errors.Join(err, l.file.Close())
}

func logKey(id int64, index int) string {
	return fmt.Sprintf(".slipway/validations/%d/%d.log", id, index+1)
}

func (s *Service) logPath(id int64, index int) string {
	return filepath.Join(s.Settings.Work, "logs", fmt.Sprintf("%d-%d.log", id, index+1))
}

// Log opens what a step wrote so far, from an offset. The caller closes.
func (s *Service) Log(ctx context.Context, step models.StepResult, offset int64) (io.ReadCloser, error) {
	if step.EndedAt == nil || step.LogKey == "" {
		file, err := os.Open(s.logPath(step.ValidationID, step.Index))
		if err == nil {
			_, err = file.Seek(offset, io.SeekStart)
			return file, err
		}
		return io.NopCloser(bytes.NewReader(nil)), nil // it has not begun, just ended, or is on another machine
	}
	object, err := s.Blobs.Stat(ctx, step.LogKey)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if offset >= object.Size {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	body, _, err := s.Blobs.Get(ctx, step.LogKey, offset, -1)
	return body, err
}
