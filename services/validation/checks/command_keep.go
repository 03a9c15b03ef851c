package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// The files that a command leaves for us to read.
const (
	junitName    = "report.xml"
	measuredName = "measurements.json"
)

// The bounds of what is kept of a command's output folder: the rest is told.
const (
	maxKept      = 100
	maxKeptFile  = 64 << 20
	maxKeptBytes = 256 << 20
	maxKeptName  = 120 // bytes
	maxWalked    = 20_000
)

// keep keeps the files of the output folder with the report. Only plain files
// are read: a link could lead to a file of ours.
func (p *place) keep(ctx context.Context, s *validation.Subject, report *models.Report) error {
	if !isFolder(p.output) {
		report.Findings = append(report.Findings, warning("output", "SLIPWAY_OUTPUT_DIR is no folder any more: nothing of it is kept"))
		return nil
	}
	root, err := os.OpenRoot(p.output)
	if err != nil {
		return fmt.Errorf("open the output folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	k := keeper{root: root, subject: s, report: report, names: map[string]bool{validation.FiguresName: true}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if k.walked++; k.walked > maxWalked {
			k.left++
			return fs.SkipAll
		}
		if err != nil { // a folder without rights
			return k.refuse(name, "it cannot be read")
		}
		if d.IsDir() || name == junitName || name == measuredName {
			return nil
		}
		return k.file(ctx, name)
	})
	if k.left > 0 {
		report.Findings = append(report.Findings, warning("output",
			"not all files of SLIPWAY_OUTPUT_DIR are kept: %d were too many or too large (%d files, %d MiB each and %d MiB together are kept)",
			k.left, maxKept, maxKeptFile>>20, maxKeptBytes>>20))
	}
	return err
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// keeper keeps files of one output folder.
type keeper struct {
	root    *os.Root
	subject *validation.Subject
	report  *models.Report
	names   map[string]bool
	bytes   int64
	walked  int
	left    int
	refused int
}

func (k *keeper) file(ctx context.Context, name string) error {
	stat, err := k.root.Lstat(name)
	if err != nil {
		return k.refuse(name, "it cannot be read")
	}
	switch sys, ok := stat.Sys().(*syscall.Stat_t); {
	case stat.Mode()&fs.ModeSymlink != 0:
		return k.refuse(name, "it is a link, and links are not followed")
	case !stat.Mode().IsRegular():
		return k.refuse(name, "it is no plain file")
	case ok && sys.Nlink > 1:
		return k.refuse(name, "it is a hard link, and may be another's file")
	}
	if len(k.report.Attachments) >= maxKept || stat.Size() > maxKeptFile || k.bytes+stat.Size() > maxKeptBytes {
		k.left++
		return nil
	}
	file, err := k.root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return k.refuse(name, "it cannot be read")
	}
	defer func() { _ = file.Close() }()
	kept := k.name(name)
	a, err := k.subject.Attach(ctx, kept, file)
	if err != nil {
		return err
	}
	if kept != name && kept != strings.ReplaceAll(name, "/", "_") {
		k.report.Findings = append(k.report.Findings, info("output", "%q is kept as %s", name, kept))
	}
	k.bytes += a.Size
	k.report.Attachments = append(k.report.Attachments, a)
	return nil
}

// refuse tells of a file that is not kept; of very many, of the first.
func (k *keeper) refuse(name, why string) error {
	if k.refused++; k.refused <= 20 {
		k.report.Findings = append(k.report.Findings, warning("output", "%q is not kept: %s", name, why))
	}
	return nil
}

// name makes of a path a name that every browser, file system and shell bears,
// and that no other file has.
func (k *keeper) name(file string) string {
	safe := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,+-_@=()", r) {
			return r
		}
		return '_' // "/" too, and what turns the direction of writing
	}, strings.ToValidUTF8(file, "_"))
	if safe = strings.TrimSpace(safe); safe == "" || safe[0] == '.' || safe[0] == '-' {
		safe = "_" + safe
	}
	ext := path.Ext(safe)
	if len(ext) > 20 {
		ext = ""
	}
	base := strings.TrimSuffix(safe, ext)
	for len(base) > maxKeptName {
		_, size := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-size]
	}
	unique := base + ext
	for n := 2; k.names[strings.ToLower(unique)]; n++ {
		unique = base + "-" + strconv.Itoa(n) + ext
	}
	k.names[strings.ToLower(unique)] = true
	return unique
}

// leftFile reads a file that the command left, in its folder for output or
// where it ran; nil where it left none.
func (p *place) leftFile(name string) ([]byte, error) {
	for _, dir := range []string{p.output, p.work} {
		file := filepath.Join(dir, name)
		info, err := os.Lstat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, models.Errorf(models.KindInvalid, "%s cannot be read", name).Because(err)
		}
		if was := p.found[name]; dir == p.work && was != nil && os.SameFile(was, info) && was.ModTime().Equal(info.ModTime()) {
			continue // it came with the model
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !info.Mode().IsRegular() || info.Size() > maxText || ok && stat.Nlink > 1 {
			return nil, models.Errorf(models.KindInvalid, "%s is no plain file of at most %d bytes", name, maxText)
		}
		return os.ReadFile(file)
	}
	return nil, nil
}
