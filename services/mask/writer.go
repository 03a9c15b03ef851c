package mask

import "io"

// window bounds what is looked at in one go.
const window = 32 << 10

// writer masks a stream. Every secret that starts before what it holds is
// decided, and written.
type writer struct {
	mask *Mask
	to   io.Writer
	held []byte // what may be the beginning of a secret
	over int    // how much of held belongs to a secret whose replacement is written
	out  []byte
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	for written := 0; written < len(p); {
		n := min(window, len(p)-written)
		w.held = append(w.held, p[written:written+n]...)
		found, hold := w.mask.find(w.held)
		if err := w.pass(found, hold); err != nil {
			return written, err
		}
		written += n
	}
	return len(p), nil
}

// Close writes what is held, as what it is: no more follows.
func (w *writer) Close() error {
	found, _ := w.mask.find(w.held)
	return w.pass(found, len(w.held))
}

// pass writes what stands before hold, and keeps the rest.
func (w *writer) pass(found []span, hold int) error {
	w.out = w.out[:0]
	over := w.over // until where what is read is behind a replacement
	at := min(over, hold)
	for _, s := range found {
		if s.start >= hold {
			break
		}
		if s.start >= over {
			w.out = append(w.out, w.held[at:s.start]...)
			w.out = append(w.out, Replacement...)
		}
		over = max(over, s.end)
		at = min(over, hold)
	}
	w.out = append(w.out, w.held[at:hold]...)
	w.over = max(0, over-hold)
	w.held = append(w.held[:0], w.held[hold:]...)
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.to.Write(w.out)
	return err
}
