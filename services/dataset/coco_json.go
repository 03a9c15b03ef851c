package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// instances is what a COCO file says, in its order.
type instances struct {
	where       string
	images      []cocoImage
	categories  []cocoCategory
	annotations []cocoAnnotation
}

// cocoID is an id, a number or a text, as it is written.
type cocoID string

// UnmarshalJSON implements json.Unmarshaler: 7 and "7" are the same.
func (k *cocoID) UnmarshalJSON(text []byte) error {
	*k = cocoID(bytes.Trim(text, `"`))
	return nil
}

type cocoImage struct {
	ID       cocoID  `json:"id"`
	FileName string  `json:"file_name"`
	Width    float64 `json:"width"`
	Height   float64 `json:"height"`
	line     int
	tags     []string
}

type cocoCategory struct {
	ID   cocoID `json:"id"`
	Name string `json:"name"`
	line int
}

type cocoAnnotation struct {
	ID           cocoID          `json:"id"`
	ImageID      cocoID          `json:"image_id"`
	CategoryID   cocoID          `json:"category_id"`
	BBox         []float64       `json:"bbox"`
	Segmentation json.RawMessage `json:"segmentation"`
	IsCrowd      flag            `json:"iscrowd"`
	polygon      bool            // BBox is around the segmentation
	line         int
}

// flag is 0 or 1, or a JSON truth.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(text []byte) error {
	*f = flag(string(text) == "1" || string(text) == "true")
	return nil
}

// cocoReader reads a COCO file in one pass; memory grows with the boxes alone.
type cocoReader struct {
	instances
	lines  *counted
	dec    *json.Decoder
	fields []string // of images, whose values are tags
	faults *list
}

const bom = "\ufeff"

func readInstances(where string, r io.Reader, fields []string, faults *list) (instances, error) {
	c := cocoReader{instances: instances{where: where}, lines: &counted{r: r}, fields: fields, faults: faults}
	text := bufio.NewReader(c.lines)
	if start, _ := text.Peek(len(bom)); string(start) == bom {
		_, _ = text.Discard(len(bom)) // they have just been peeked at
		c.lines.skip = int64(len(bom))
	}
	c.dec = json.NewDecoder(text)
	err := c.object()
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := func() string { return where + ":" + strconv.Itoa(c.lines.line(c.dec.InputOffset())) }
	switch {
	case err == nil:
		return c.instances, nil
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return c.instances, models.Errorf(models.KindInvalid, "%s: the file does not parse as JSON: %v", at(), err)
	case errors.As(err, &kind):
		return c.instances, models.Errorf(models.KindInvalid, "%s: a value of another type is expected at %s, not: %s", at(), cmp.Or(kind.Field, "the top"), kind.Value)
	}
	return c.instances, err
}

func (c *cocoReader) object() error {
	token, err := c.dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return models.Errorf(models.KindInvalid, "%s: this is no COCO file: an object with images, annotations and categories is expected", c.where)
	}
	for c.dec.More() {
		token, err := c.dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // what else an object's key is, no decoder says
		if err := c.part(name); err != nil {
			return err
		}
	}
	_, err = c.dec.Token()
	return err
}

func (c *cocoReader) part(name string) error {
	switch name {
	case "images":
		return c.each(name, c.image)
	case "annotations":
		return c.each(name, c.annotation)
	case "categories":
		return c.each(name, func(raw json.RawMessage, line int) error {
			category := cocoCategory{line: line}
			err := json.Unmarshal(raw, &category)
			c.categories = append(c.categories, category)
			return err
		})
	}
	return c.skip()
}

// skip passes over a value without holding it.
func (c *cocoReader) skip() error {
	for depth := 0; ; {
		token, err := c.dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// each calls fn for every element of a list, with the line that it begins on.
func (c *cocoReader) each(name string, fn func(raw json.RawMessage, line int) error) error {
	token, err := c.dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('[') {
		return models.Errorf(models.KindInvalid, "%s:%d: %s is no list", c.where, c.lines.line(c.dec.InputOffset()), name)
	}
	for c.dec.More() {
		var raw json.RawMessage
		if err := c.dec.Decode(&raw); err != nil {
			return err
		}
		if err := fn(raw, c.lines.line(c.dec.InputOffset())-bytes.Count(raw, []byte("\n"))); err != nil {
			return err
		}
	}
	_, err = c.dec.Token()
	return err
}

func (c *cocoReader) image(raw json.RawMessage, line int) error {
	image := cocoImage{line: line}
	if err := json.Unmarshal(raw, &image); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	for _, field := range append([]string{"tags"}, c.fields...) {
		image.tags = append(image.tags, tagsOfField(field, fields[field])...)
	}
	c.images = append(c.images, image)
	return nil
}

func (c *cocoReader) annotation(raw json.RawMessage, line int) error {
	a := cocoAnnotation{line: line}
	if err := json.Unmarshal(raw, &a); err != nil {
		return err
	}
	if len(a.BBox) == 0 {
		a.BBox, a.polygon = aroundPolygons(a.Segmentation)
	}
	a.Segmentation = nil
	switch {
	case len(a.BBox) == 4:
		c.annotations = append(c.annotations, a)
	default:
		c.faults.add(c.where+":"+strconv.Itoa(line), "annotation %s has no bbox of 4 numbers (x, y, width, height), and no polygon to take one from", a.ID)
	}
	return nil
}

// aroundPolygons is the bounding box, as x, y, width and height, of the
// polygons of a segmentation.
func aroundPolygons(raw json.RawMessage) ([]float64, bool) {
	var polygons [][]float64
	if len(raw) == 0 || json.Unmarshal(raw, &polygons) != nil {
		return nil, false
	}
	corners := slices.Concat(polygons...)
	if len(corners) < 6 || len(corners)%2 != 0 {
		return nil, false
	}
	box := around(corners)
	return []float64{box.CX - box.Width/2, box.CY - box.Height/2, box.Width, box.Height}, true
}

// cocoKeys are what a COCO file is told by.
var cocoKeys = []string{`"images"`, `"annotations"`, `"categories"`}

// looksLikeCOCO tells a COCO file by its start.
func looksLikeCOCO(start []byte) bool {
	text := strings.TrimSpace(strings.TrimPrefix(string(start), bom))
	return strings.HasPrefix(text, "{") && slices.ContainsFunc(cocoKeys, func(k string) bool { return strings.Contains(text, k) })
}
