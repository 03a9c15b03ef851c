package dataset

import (
	"encoding/csv"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// tagsFile lists tags of images: a line each of a path and its tags.
const tagsFile = "tags.csv"

// The bounds of tags.
const (
	maxTag  = 100 // characters
	maxTags = 100 // of one image
)

// faultOf says what keeps a text from being a tag; "" for nothing. A tag is a
// word, or key=value.
func faultOf(tag string) string {
	switch key, _, pair := strings.Cut(tag, "="); {
	case tag == "" || (pair && key == ""):
		return "a tag is a word or key=value"
	case len([]rune(tag)) > maxTag:
		return "a tag has at most " + strconv.Itoa(maxTag) + " characters"
	case strings.TrimSpace(tag) != tag || strings.ContainsFunc(tag, unicode.IsControl) || strings.ToValidUTF8(tag, "") != tag:
		return "a tag is plain text without spaces around it"
	}
	return ""
}

// sortedTags puts tags in order, each once.
func sortedTags(tags []string) []string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// matches tells whether a pattern names a path: itself, a folder above it, or
// by * and ? which do not cross a slash.
func matches(pattern, p string) bool {
	pattern = strings.TrimSuffix(pattern, "/")
	if !strings.ContainsAny(pattern, `*?[\`) {
		return p == pattern || strings.HasPrefix(p, pattern+"/")
	}
	for at := p; at != "." && at != "/"; at = path.Dir(at) {
		if ok, err := path.Match(pattern, at); err == nil && ok {
			return true
		}
	}
	return false
}

// tagger gives images the tags that a data set has for them.
type tagger struct {
	images []models.LabeledImage
	byPath map[string]int
	faults *list
	found  findings
}

func newTagger(images []models.LabeledImage, faults *list, found findings) tagger {
	t := tagger{images: images, byPath: make(map[string]int, len(images)), faults: faults, found: found}
	for i, image := range images {
		t.byPath[image.File.Path] = i
		t.images[i].Tags = append(t.images[i].Tags, image.File.Tags...)
	}
	return t
}

// add gives a tag to the images that a pattern names.
func (t tagger) add(where, pattern string, tags ...string) {
	if i, ok := t.byPath[strings.TrimPrefix(pattern, "./")]; ok {
		t.images[i].Tags = append(t.images[i].Tags, tags...)
		return
	}
	used := false
	for i, image := range t.images {
		if matches(strings.TrimPrefix(pattern, "./"), image.File.Path) {
			t.images[i].Tags = append(t.images[i].Tags, tags...)
			used = true
		}
	}
	if !used {
		t.found.add(tagOfNothing, where, "%q is no image of the data set", pattern)
	}
}

// finish puts each image's tags in order.
func (t tagger) finish() {
	for i := range t.images {
		if tags := t.images[i].Tags; len(tags) > 0 {
			t.images[i].Tags = sortedTags(tags)
		}
		for _, tag := range t.images[i].Tags {
			if fault := faultOf(tag); fault != "" {
				t.faults.add(t.images[i].File.Path, "%q is no tag: %s", tag, fault)
			}
		}
		if n := len(t.images[i].Tags); n > maxTags {
			t.faults.add(t.images[i].File.Path, "the image has %d tags, at most %d", n, maxTags)
		}
	}
}

// file reads tags.csv: a line of names, the first one path. Under tag or tags
// stand words, several with ; between them; under any other name stands a
// value, and the tag is name=value.
func (t tagger) file(text io.Reader) error {
	r := csv.NewReader(text)
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && strings.TrimPrefix(strings.TrimSpace(names[0]), "\ufeff") != "path" {
		err = models.Errorf(models.KindInvalid, tagsFile+":1: the first line names the columns: path,tag or path,time,weather; its first is %q, not path", names[0])
	}
	for err == nil {
		var row []string
		if row, err = r.Read(); err != nil {
			break
		}
		line, _ := r.FieldPos(0)
		var tags []string
		for i, cell := range row[1:] {
			tags = append(tags, tagsOf(strings.TrimSpace(names[i+1]), cell)...)
		}
		t.add(tagsFile+":"+strconv.Itoa(line), strings.TrimSpace(row[0]), tags...)
	}
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		t.faults.add(tagsFile+":"+strconv.Itoa(broken.Line), "the line does not parse: %v", broken.Err)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func tagsOf(name, cell string) (tags []string) {
	for word := range strings.SplitSeq(cell, ";") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case name == "tag" || name == "tags":
			tags = append(tags, word)
		default:
			tags = append(tags, name+"="+word)
		}
	}
	return tags
}

// mapping reads tags: of data.yaml, from each tag to a pattern or a list of
// them.
func (t tagger) mapping(where string, node yaml.Node) error {
	if node.Kind == 0 {
		return nil
	}
	wrong := models.Errorf(models.KindInvalid, "%s:%d: tags does not parse: write a mapping such as night: images/night-*", where, node.Line)
	if node.Kind != yaml.MappingNode {
		return wrong
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		tag, value := node.Content[i], node.Content[i+1]
		patterns := []string{value.Value}
		if value.Kind == yaml.SequenceNode {
			patterns = nil
			if value.Decode(&patterns) != nil {
				return wrong
			}
		} else if value.Kind != yaml.ScalarNode {
			return wrong
		}
		for _, pattern := range patterns {
			t.add(where+":"+strconv.Itoa(value.Line), pattern, tag.Value)
		}
	}
	return nil
}
