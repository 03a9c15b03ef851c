package mask_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/services/mask"
)

// BenchmarkMask streams a test's log through 100 secrets in all their forms.
func BenchmarkMask(b *testing.B) {
	var secrets []string
	for i := range 100 {
		secrets = append(secrets, fmt.Sprintf("%s'%d%%\"$<%s", rand.Text(), i, rand.Text()))
	}
	m := mask.New(secrets...)
	var log strings.Builder
	for i := 0; log.Len() < 8<<20; i++ {
		_, _ = fmt.Fprintf(&log, "2026-11-25T10:00:00Z INFO app/tests/test_yolo_detect.py::test_case[%d] PASSED map50=0.8%d https://example.com/a?b=%x\n", i, i, i)
		if i%1000 == 0 {
			log.WriteString(secrets[i/1000%100] + "\n")
		}
	}
	text := []byte(log.String())
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			w := m.Writer(io.Discard)
			for rest := text; len(rest) > 0; {
				n := min(len(rest), 16<<10)
				_, _ = w.Write(rest[:n])
				rest = rest[n:]
			}
			_ = w.Close()
		}
	})
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			mask.New(secrets...)
		}
	})
}
