package dataset

import (
	"errors"
	"path"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// layout is where a data set in YOLO's form says its parts are.
type layout struct {
	classes []string
	images  []models.DatasetFile
	labels  map[string]models.DatasetFile // by the path of their image
	tags    yaml.Node
}

// config is what a data set's YAML file may say; other keys are for trainers.
type config struct {
	Path  string    `yaml:"path"`
	Val   yaml.Node `yaml:"val"`
	Names yaml.Node `yaml:"names"`
	NC    *int      `yaml:"nc"`
	Tags  yaml.Node `yaml:"tags"`
}

var imageForms = []string{".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}

// configFile finds the data set's YAML file: data.yaml, or the only one at the
// root.
func configFile(files []models.DatasetFile) (models.DatasetFile, error) {
	var found []models.DatasetFile
	for _, f := range files {
		if ext := path.Ext(f.Path); path.Dir(f.Path) == "." && (ext == ".yaml" || ext == ".yml") {
			if f.Path == "data.yaml" || f.Path == "data.yml" {
				return f, nil
			}
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return models.DatasetFile{}, models.Errorf(models.KindInvalid,
			"data.yaml: there is none at the root; it holds the names of the classes (names: [bolt, nut]) and where the images are (val: images)")
	}
	return found[0], nil
}

// readLayout reads the YAML file and finds the images and their labels. open
// gives the text of a file, for val: FILE.txt.
func readLayout(where string, text []byte, files []models.DatasetFile, open func(models.DatasetFile) ([]byte, error)) (layout, error) {
	var c config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return layout{}, models.Errorf(models.KindInvalid, "%s does not parse: %s", where, misread(err))
	}
	classes, err := c.classes(where)
	if err != nil {
		return layout{}, err
	}
	l := layout{classes: classes, labels: map[string]models.DatasetFile{}, tags: c.Tags}
	if l.images, err = c.images(where, files, open); err != nil {
		return layout{}, err
	}
	byPath := make(map[string]models.DatasetFile, len(files))
	for _, f := range files {
		byPath[f.Path] = f
	}
	for _, image := range l.images {
		if label, ok := byPath[labelPath(image.Path)]; ok {
			l.labels[image.Path] = label
		}
	}
	return l, nil
}

// misread says what is wrong with YAML, without our types.
func misread(err error) string {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	reason, _, _ := strings.Cut(wrong.Errors[0], " into ")
	return strings.Replace(reason, "cannot unmarshal", "this cannot stand here:", 1)
}

// classes reads names: a list, or a mapping from each id.
func (c config) classes(where string) ([]string, error) {
	var names []string
	switch c.Names.Kind {
	case yaml.SequenceNode:
		if err := c.Names.Decode(&names); err != nil {
			return nil, models.Errorf(models.KindInvalid, "%s:%d: names does not parse: a list of names", where, c.Names.Line)
		}
	case yaml.MappingNode:
		byID := map[int]string{}
		if err := c.Names.Decode(&byID); err != nil {
			return nil, models.Errorf(models.KindInvalid, "%s:%d: names does not parse: each id with its name", where, c.Names.Line)
		}
		for id := range len(byID) {
			name, ok := byID[id]
			if !ok {
				return nil, models.Errorf(models.KindInvalid, "%s:%d: names has %d classes and none of id %d: ids count from 0", where, c.Names.Line, len(byID), id)
			}
			names = append(names, name)
		}
	default:
	}
	if len(names) == 0 {
		return nil, models.Errorf(models.KindInvalid, "%s: names is missing: the names of the classes, in the order of their ids", where)
	}
	if c.NC != nil && *c.NC != len(names) {
		return nil, models.Errorf(models.KindInvalid, "%s: nc is %d, and names has %d", where, *c.NC, len(names))
	}
	if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) || slices.Contains(names, "") {
		return nil, models.Errorf(models.KindInvalid, "%s: names has a name twice, or an empty one", where)
	}
	return names, nil
}

// images finds what val names: folders, or text files that list images. Where
// it is not said, every image is meant.
func (c config) images(where string, files []models.DatasetFile, open func(models.DatasetFile) ([]byte, error)) ([]models.DatasetFile, error) {
	var roots []string
	switch c.Val.Kind {
	case 0:
		roots = []string{""}
	case yaml.SequenceNode:
		if err := c.Val.Decode(&roots); err != nil {
			return nil, models.Errorf(models.KindInvalid, "%s:%d: val does not parse: a folder, or a list of folders", where, c.Val.Line)
		}
	default:
		roots = []string{c.Val.Value}
	}
	chosen := map[string]models.DatasetFile{}
	for _, root := range roots {
		before := len(chosen)
		for _, candidate := range []string{inside(c.Path, root), inside("", root)} {
			if err := choose(chosen, candidate, files, open); err != nil {
				return nil, err
			}
			if len(chosen) > before {
				break
			}
		}
		if len(chosen) == before {
			return nil, models.Errorf(models.KindInvalid, "%s: there is no image under val: %q", where, root)
		}
	}
	images := make([]models.DatasetFile, 0, len(chosen))
	for _, f := range chosen {
		images = append(images, f)
	}
	sort.Slice(images, func(i, j int) bool { return images[i].Path < images[j].Path })
	return images, nil
}

// inside reads a path as the data set's own: the folder it stood in elsewhere
// is not ours.
func inside(base, p string) string {
	if path.IsAbs(base) {
		base = ""
	}
	return strings.TrimPrefix(path.Clean("/"+path.Join(base, p)), "/")
}

func choose(chosen map[string]models.DatasetFile, root string, files []models.DatasetFile, open func(models.DatasetFile) ([]byte, error)) error {
	for _, f := range files {
		switch {
		case f.Path == root && path.Ext(root) == ".txt":
			return chooseListed(chosen, f, files, open)
		case root != "" && f.Path != root && !strings.HasPrefix(f.Path, root+"/"):
		case isImage(f):
			chosen[f.Path] = f
		}
	}
	return nil
}

func chooseListed(chosen map[string]models.DatasetFile, listing models.DatasetFile, files []models.DatasetFile, open func(models.DatasetFile) ([]byte, error)) error {
	text, err := open(listing)
	if err != nil {
		return err
	}
	byPath := make(map[string]models.DatasetFile, len(files))
	for _, f := range files {
		byPath[f.Path] = f
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f, ok := byPath[inside(path.Dir(listing.Path), line)]
		if !ok {
			return models.Errorf(models.KindInvalid, "%s:%d: the image %q is not in the data set", listing.Path, n+1, line)
		}
		chosen[f.Path] = f
	}
	return nil
}

// labelPath is where YOLO looks for an image's labels: the last folder images
// is labels, and the file is text.
func labelPath(image string) string {
	p := "/" + strings.TrimSuffix(image, path.Ext(image)) + ".txt"
	if i := strings.LastIndex(p, "/images/"); i >= 0 {
		p = p[:i] + "/labels/" + p[i+len("/images/"):]
	}
	return p[1:]
}

// orphans adds a fault for each label file beside those in use that no image
// of the data set has.
func (l layout) orphans(files []models.DatasetFile, faults *list) {
	known, folders := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		if isImage(f) {
			known[labelPath(f.Path)] = true
		}
	}
	for _, image := range l.images {
		folders[path.Dir(labelPath(image.Path))] = true
	}
	for _, f := range files {
		labels := path.Ext(f.Path) == ".txt" && folders[path.Dir(f.Path)] && strings.Contains("/"+f.Path, "/labels/")
		if labels && !known[f.Path] && path.Base(f.Path) != "classes.txt" {
			faults.add(f.Path, "no image has these labels: remove the file, or push its image (%s)", strings.Join(imageForms, ", "))
		}
	}
}

func isImage(f models.DatasetFile) bool {
	return slices.Contains(imageForms, strings.ToLower(path.Ext(f.Path)))
}
