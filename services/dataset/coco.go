package dataset

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// maxInstances bounds a COCO file: its boxes are held in memory.
const maxInstances = 1 << 30

// sniffed is how much of a JSON file tells whether it is COCO's.
const sniffed = 64 << 10

// instanceFiles finds the COCO files by what they hold.
func (r *reading) instanceFiles(ctx context.Context) (found []models.DatasetFile, err error) {
	for _, f := range r.files {
		if path.Ext(f.Path) != ".json" {
			continue
		}
		body, err := r.Read(ctx, f)
		if err != nil {
			return nil, err
		}
		start, err := io.ReadAll(io.LimitReader(body, sniffed))
		if err = errors.Join(err, body.Close()); err != nil {
			return nil, err
		}
		if looksLikeCOCO(start) {
			found = append(found, f)
		}
	}
	return found, nil
}

// coco reads a COCO file and the images that it lists.
func (r *reading) coco(ctx context.Context, c *contents) error {
	found, err := r.instanceFiles(ctx)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		var names []string
		for _, f := range found {
			names = append(names, f.Path)
		}
		return models.Errorf(models.KindInvalid, "instances.json: there has to be one COCO file (images, annotations, categories), and there are %d: %s; push each part of a data set by itself",
			len(found), strings.Join(names, ", "))
	}
	if found[0].Size > maxInstances {
		return models.Errorf(models.KindInvalid, "%s: %d bytes are too many for a COCO file, at most %d: leave out segmentations, or split the data set", found[0].Path, found[0].Size, maxInstances)
	}
	body, err := r.Read(ctx, found[0])
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	in, err := readInstances(found[0].Path, body, r.version.Settings.TagFields, &c.faults)
	if err != nil {
		return err
	}
	j := cocoJoin{reading: r, contents: c, instances: in, images: map[cocoID]int{}, classes: map[cocoID]int{}, absent: map[cocoID]bool{}}
	if err := j.categories(); err != nil {
		return err
	}
	j.listed()
	if r.whole {
		if err := r.seeAll(ctx, c.images, r.pictures); err != nil {
			return err
		}
	}
	j.sizes()
	j.annotations()
	if r.whole {
		j.judge()
	}
	if len(in.annotations) == 0 && c.faults.count == 0 {
		c.faults.add(in.where, "the file has no annotation")
	}
	slices.SortFunc(c.images, func(a, b models.LabeledImage) int { return strings.Compare(a.File.Path, b.File.Path) })
	return r.finish(ctx, c, nil)
}

// cocoJoin puts a COCO file together with the images that are there.
type cocoJoin struct {
	*reading
	*contents
	instances
	images  map[cocoID]int  // ids to indexes of contents.images, which are in the file's order until the end
	classes map[cocoID]int  // ids to class ids that count from 0
	entries []cocoImage     // of contents.images
	absent  map[cocoID]bool // ids of images that are at fault
	frames  []models.ImageFacts
}

func (j *cocoJoin) at(line int) string { return j.where + ":" + strconv.Itoa(line) }

// categories numbers the classes in the order of their ids, as pycocotools
// does; ids that are texts stand in the file's order.
func (j *cocoJoin) categories() error {
	all := j.instances.categories
	if len(all) == 0 {
		return models.Errorf(models.KindInvalid, "%s: categories is missing: each class with its id and name", j.where)
	}
	numbers := make(map[cocoID]float64, len(all))
	for _, category := range all {
		n, err := strconv.ParseFloat(string(category.ID), 64)
		if err != nil {
			numbers = nil
			break
		}
		numbers[category.ID] = n
	}
	if numbers != nil {
		slices.SortStableFunc(all, func(a, b cocoCategory) int { return cmp.Compare(numbers[a.ID], numbers[b.ID]) })
	}
	names := map[string]bool{}
	for _, category := range all {
		_, twice := j.classes[category.ID]
		switch {
		case category.ID == "" || category.Name == "":
			j.faults.add(j.at(category.line), "a category has an id and a name; this one has the id %q and the name %q", category.ID, category.Name)
		case twice || names[category.Name]:
			j.faults.add(j.at(category.line), "category %s %q: its id or its name stands here twice", category.ID, category.Name)
		}
		names[category.Name] = true
		j.classes[category.ID] = len(j.contents.classes)
		j.contents.classes = append(j.contents.classes, category.Name)
	}
	return nil
}

// listed finds the images that the file lists among those that are there.
func (j *cocoJoin) listed() {
	byBase := map[string][]models.DatasetFile{}
	for _, f := range j.files {
		if isImage(f) {
			byBase[path.Base(f.Path)] = append(byBase[path.Base(f.Path)], f)
		}
	}
	used := map[string]bool{}
	for _, image := range j.instances.images {
		f, ok := j.find(image, byBase)
		_, twice := j.images[image.ID]
		switch {
		case !ok:
			j.absent[image.ID] = true
			continue
		case image.ID == "" || twice || used[f.Path]:
			j.faults.add(j.at(image.line), "image %s, %q: its id is missing, or its id or file stands here twice", image.ID, image.FileName)
			continue
		}
		used[f.Path] = true
		j.images[image.ID] = len(j.contents.images)
		j.contents.images = append(j.contents.images, models.LabeledImage{File: f, Class: -1, Tags: image.tags})
		j.entries = append(j.entries, image)
	}
	for _, f := range j.files {
		if isImage(f) && !used[f.Path] {
			j.found.add(notListed, f.Path, "")
		}
	}
	if len(j.contents.images) == 0 && j.faults.count == 0 {
		j.faults.add(j.where, "images is empty: each image with its id, file_name, width and height")
	}
}

// find looks for a file_name beside the JSON file, from the root, in a folder
// images, without the folders that it begins with, and last by its base name
// alone where just one file has it.
func (j *cocoJoin) find(image cocoImage, byBase map[string][]models.DatasetFile) (models.DatasetFile, bool) {
	name := strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(image.FileName, `\`, "/")), "/")
	beside := path.Dir(j.where)
	for _, candidate := range []string{path.Join(beside, name), name, path.Join(beside, "images", name), path.Join("images", name)} {
		if f, ok := j.byPath[candidate]; ok {
			return f, true
		}
	}
	for _, rest, ok := strings.Cut(name, "/"); ok && strings.Contains(rest, "/"); _, rest, ok = strings.Cut(rest, "/") {
		if f, ok := j.byPath[rest]; ok {
			return f, true
		}
	}
	switch same := byBase[path.Base(name)]; len(same) {
	case 1:
		j.found.add(foundByName, j.at(image.line), "%q is %s", image.FileName, same[0].Path)
		return same[0], true
	case 0:
		j.faults.add(j.at(image.line), "image %s: its file_name %q is not in the data set", image.ID, image.FileName)
	default:
		j.faults.add(j.at(image.line), "image %s: its file_name %q could be %s or %s", image.ID, image.FileName, same[0].Path, same[1].Path)
	}
	return models.DatasetFile{}, false
}

// sizes finds how large each picture is: its boxes are in pixels. What the file
// says has to be what the picture is.
func (j *cocoJoin) sizes() {
	j.frames = make([]models.ImageFacts, len(j.entries))
	for i, image := range j.entries {
		file := j.contents.images[i].File
		seen := j.pictures[file.SHA256]
		said := models.ImageFacts{Width: int(image.Width), Height: int(image.Height)}
		switch {
		case said.Width <= 0 || said.Height <= 0:
			said = seen
			if seen.Width == 0 {
				j.faults.add(j.at(image.line), "image %s, %q: width and height are missing, and the picture does not decode", image.ID, image.FileName)
			}
		case seen.Width == 0 || (said.Width == seen.Width && said.Height == seen.Height):
		case tooLarge(file.Size, seen.Width, seen.Height) && said.Width == seen.Height && said.Height == seen.Width: // it may be turned
		case seen.Turned && said.Width == seen.Height && said.Height == seen.Width:
			j.faults.add(j.at(image.line), "image %s, %q: its labels are for the picture as it is stored, %dx%d, which its EXIF orientation turns to %dx%d: store it upright, or label it so",
				image.ID, image.FileName, said.Width, said.Height, seen.Width, seen.Height)
		default:
			j.faults.add(j.at(image.line), "image %s, %q: the file says %dx%d, and the picture is %dx%d: the boxes do not fit it",
				image.ID, image.FileName, said.Width, said.Height, seen.Width, seen.Height)
		}
		j.frames[i] = said
	}
}
