package detection

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-ml/slipway/models"
)

// evidenceForm begins encoded evidence; another form gets another number.
const evidenceForm = "slipway-evidence-1\n"

// The bounds of evidence that is read back.
const (
	maxHeader = 16 << 20
	maxItems  = 1 << 24
)

// evidenceHeader is the part that is not of a picture.
type evidenceHeader struct {
	Convention Convention `json:"convention"`
	Classes    []string   `json:"classes"`
	Confidence float64    `json:"confidence"`
	MaxDet     int        `json:"max_det"`
	Pictures   int        `json:"pictures"`
	Short      bool       `json:"short"` // every score is a 32-bit float
}

// Encode writes evidence: a line, then Zstandard over a JSON header and each
// picture in variable-length integers. The same evidence gives the same bytes.
func (e *Evidence) Encode(to io.Writer) error {
	if _, err := io.WriteString(to, evidenceForm); err != nil {
		return err
	}
	packed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	header := evidenceHeader{e.Convention, e.Classes, e.Confidence, e.MaxDet, len(e.Pictures), e.short()}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	w := evidenceWriter{w: bufio.NewWriter(packed)}
	w.text(string(text))
	for i := range e.Pictures {
		w.picture(&e.Pictures[i], e.Confidence, header.Short)
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	return packed.Close()
}

func (e *Evidence) short() bool {
	for _, p := range e.Pictures {
		for _, f := range p.Found {
			if float64(float32(f.Score)) != f.Score {
				return false
			}
		}
	}
	return true
}

// evidenceWriter keeps its first error in the bufio.Writer.
type evidenceWriter struct {
	w    *bufio.Writer
	room [binary.MaxVarintLen64]byte
}

func (w *evidenceWriter) number(v int) {
	_, _ = w.w.Write(w.room[:binary.PutUvarint(w.room[:], uint64(v))])
}

func (w *evidenceWriter) text(s string) {
	w.number(len(s))
	_, _ = w.w.WriteString(s)
}

func (w *evidenceWriter) double(v float64) {
	_, _ = w.w.Write(binary.LittleEndian.AppendUint64(w.room[:0], math.Float64bits(v)))
}

func (w *evidenceWriter) single(v float64) {
	_, _ = w.w.Write(binary.LittleEndian.AppendUint32(w.room[:0], math.Float32bits(float32(v))))
}

func (w *evidenceWriter) picture(p *Picture, confidence float64, short bool) {
	w.text(p.Name)
	for _, n := range []int{p.Width, p.Height, p.Dropped, len(p.Labels), len(p.Found)} {
		w.number(n)
	}
	for _, l := range p.Labels {
		crowd := 0
		if l.Crowd {
			crowd = 1
		}
		w.number(l.ClassID<<1 | crowd)
		for _, v := range l.Box {
			w.double(v)
		}
	}
	for _, f := range p.Found {
		w.number(f.Class)
		if short {
			w.single(f.Score)
		} else {
			w.double(f.Score)
		}
		w.number(f.Label + 1)
		for _, m := range f.match {
			w.number(int(m.hit))
			w.number(int(m.aside))
		}
		if f.Score < confidence {
			continue
		}
		for _, v := range f.Box {
			w.single(v)
		}
	}
}

// DecodeEvidence reads what Encode wrote; boxes of detections come back in 32
// bits, all else as it was.
func DecodeEvidence(from io.Reader) (*Evidence, error) {
	line := make([]byte, len(evidenceForm))
	if _, err := io.ReadFull(from, line); err != nil || string(line) != evidenceForm {
		return nil, models.Errorf(models.KindInvalid, "this is no evidence in a form that this server reads")
	}
	packed, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	r := evidenceReader{r: bufio.NewReader(packed)}
	var h evidenceHeader
	if text := r.text(); r.err == nil {
		r.err = json.Unmarshal([]byte(text), &h)
	}
	e := &Evidence{Convention: h.Convention, Classes: h.Classes, Confidence: h.Confidence, MaxDet: h.MaxDet}
	for range h.Pictures {
		if r.err != nil {
			break
		}
		e.Pictures = append(e.Pictures, r.picture(h))
	}
	if r.err != nil {
		return nil, fmt.Errorf("read evidence: %w", r.err)
	}
	return e, nil
}

type evidenceReader struct {
	r    *bufio.Reader
	room [8]byte
	err  error
}

func (r *evidenceReader) number(most int) int {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r.r)
	if err == nil && v > uint64(most) {
		err = fmt.Errorf("%d is beyond %d", v, most)
	}
	if err != nil {
		r.err = err
		return 0
	}
	return int(v)
}

func (r *evidenceReader) text() string {
	text := make([]byte, r.number(maxHeader))
	r.fill(text)
	return string(text)
}

func (r *evidenceReader) fill(p []byte) {
	if r.err == nil {
		_, r.err = io.ReadFull(r.r, p)
	}
}

func (r *evidenceReader) double() float64 {
	r.fill(r.room[:])
	return math.Float64frombits(binary.LittleEndian.Uint64(r.room[:]))
}

func (r *evidenceReader) single() float64 {
	r.fill(r.room[:4])
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(r.room[:4])))
}

func (r *evidenceReader) picture(h evidenceHeader) Picture {
	p := Picture{Name: r.text(), Width: r.number(math.MaxInt32), Height: r.number(math.MaxInt32), Dropped: r.number(maxItems)}
	labels, found := r.number(maxItems), r.number(maxItems)
	for range labels {
		if r.err != nil {
			return p
		}
		n := r.number(math.MaxInt32)
		p.Labels = append(p.Labels, Label{ClassID: n >> 1, Crowd: n&1 == 1, Box: Rect{r.double(), r.double(), r.double(), r.double()}})
	}
	for range found {
		if r.err != nil {
			return p
		}
		f := Found{Class: r.number(math.MaxInt32)}
		if h.Short {
			f.Score = r.single()
		} else {
			f.Score = r.double()
		}
		f.Label = r.number(labels) - 1
		for a := range f.match {
			f.match[a] = outcome{mask(r.number(math.MaxUint16)), mask(r.number(math.MaxUint16))}
		}
		if f.Score >= h.Confidence {
			f.Box = Rect{r.single(), r.single(), r.single(), r.single()}
		}
		p.Found = append(p.Found, f)
	}
	return p
}
