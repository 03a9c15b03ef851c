package detection

import (
	"encoding/binary"
	"errors"
	"math"
)

// Answer is what slipway-serve says of a picture.
type Answer struct {
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	InputWidth  int    `json:"input_width"` // of the model's input
	InputHeight int    `json:"input_height"`
	Classes     int    `json:"classes"` // that the output has room for; 0 where it does not tell
	Layout      Layout `json:"layout"`
	Boxes       []Box  `json:"boxes"`
}

// AnswerType is the media type of an Answer in its short form, without the
// names of classes: a validation asks for hundreds of boxes of a picture, which
// take longer to write and read as JSON than the model to find.
const AnswerType = "application/vnd.slipway.boxes"

// boxSize is the bytes of one box in the short form.
const boxSize = 4 + 4 + 4*8

// answerHeader is the bytes before the layout's text.
const answerHeader = 5*4 + 1

// Append writes the short form: the five numbers, length and text of the layout,
// then for each box its class, score (32 bits) and corners (64 bits).
func (a Answer) Append(to []byte) []byte {
	e := binary.LittleEndian
	for _, n := range []int{a.Width, a.Height, a.InputWidth, a.InputHeight, a.Classes} {
		to = e.AppendUint32(to, uint32(n))
	}
	to = append(append(to, byte(len(a.Layout))), a.Layout...)
	for _, b := range a.Boxes {
		to = e.AppendUint32(to, uint32(b.ClassID))
		to = e.AppendUint32(to, math.Float32bits(float32(b.Score)))
		for _, v := range b.Box {
			to = e.AppendUint64(to, math.Float64bits(v))
		}
	}
	return to
}

// ReadAnswer reads the short form.
func ReadAnswer(data []byte) (Answer, error) {
	e := binary.LittleEndian
	if len(data) < answerHeader || len(data) < answerHeader+int(data[answerHeader-1]) {
		return Answer{}, errors.New("cut off")
	}
	var a Answer
	for i, n := range []*int{&a.Width, &a.Height, &a.InputWidth, &a.InputHeight, &a.Classes} {
		*n = int(e.Uint32(data[4*i:]))
	}
	end := answerHeader + int(data[answerHeader-1])
	a.Layout, data = Layout(data[answerHeader:end]), data[end:]
	if len(data)%boxSize != 0 {
		return Answer{}, errors.New("cut off")
	}
	a.Boxes = make([]Box, 0, len(data)/boxSize)
	for ; len(data) > 0; data = data[boxSize:] {
		b := Box{ClassID: int(e.Uint32(data)), Score: float64(math.Float32frombits(e.Uint32(data[4:])))}
		for i := range b.Box {
			b.Box[i] = math.Float64frombits(e.Uint64(data[8+8*i:]))
		}
		a.Boxes = append(a.Boxes, b)
	}
	return a, nil
}
