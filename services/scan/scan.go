package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Options say what is borne with.
type Options struct {
	Fail, Warn []models.UnsafeRule // rules that weigh so, whatever their default
	Allow      []string            // rules, exact globals, paths or requirements to leave out
	Temp       string              // a folder for what is unpacked
	Limits     Limits
}

// Limits bound what archives may cost; zero fields have defaults.
type Limits struct {
	Depth    int   // archives in archives
	Members  int   // files in all archives
	Unpacked int64 // bytes of all that is unpacked
}

// Found is something that a rule speaks of.
type Found struct {
	Rule    models.UnsafeRule
	Where   string // file!member@offset
	Subject string // what an allow list names to leave it out
	Message string
	Remedy  string
}

// Counts are what was looked at.
type Counts struct {
	Files, Bytes, Members, Unpacked, Pickles, Globals, Opcodes int64
}

// Scanner looks at the files of one version, one after another.
type Scanner struct {
	opt      Options
	ctx      context.Context //nolint:containedctx // of one scan; readers below have no room for it
	declared declaration
	found    []Found
	seen     map[string]bool
	told     map[string]bool // globals
	Counts   Counts
}

// New makes a scanner for one version.
func New(ctx context.Context, opt Options) *Scanner {
	opt.Limits.Depth = cmp.Or(opt.Limits.Depth, 8)
	opt.Limits.Members = cmp.Or(opt.Limits.Members, 200_000)
	opt.Limits.Unpacked = cmp.Or(opt.Limits.Unpacked, 64<<30)
	return &Scanner{opt: opt, ctx: ctx, seen: map[string]bool{}, told: map[string]bool{}}
}

// File looks at one of the version's files, at its path in the version. An
// error means that it could not be read at all.
func (s *Scanner) File(name string, src io.ReaderAt, size int64) error {
	s.Counts.Files++
	s.Counts.Bytes += size
	it := item{where: name, name: name, top: name, source: source{ReaderAt: reader{s.ctx, src}, size: size}}
	if escapes(name) {
		s.note(it, models.RuleArchivePath, "register the version without it", "the path %q leaves the version's folder", name)
	}
	return s.look(it)
}

// Found lists what was found, and what an allow list did not leave out.
func (s *Scanner) Found() []Found { return s.found }

// source is content that can be read anywhere.
type source struct {
	io.ReaderAt
	size int64
}

func (src source) part(from, size int64) source {
	size = max(min(size, src.size-from), 0)
	return source{io.NewSectionReader(src.ReaderAt, from, size), size}
}

func (src source) stream() *io.SectionReader { return io.NewSectionReader(src.ReaderAt, 0, src.size) }

// head reads the first n bytes, or as many as there are.
func (src source) head(n int64) ([]byte, error) {
	buf := make([]byte, min(n, src.size))
	got, err := src.ReadAt(buf, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:got], err
}

// all reads a small file whole; nil where it is too large.
func (src source) all(most int64) ([]byte, error) {
	if src.size > most {
		return nil, nil
	}
	return src.head(src.size)
}

// item is content at a place: a file, or a member of one.
type item struct {
	source
	where string // file!member!member
	name  string // path in its container
	top   string // path of the file in the version
	depth int
	plain bool // its name says nothing
}

// member is content inside it.
func (it item) member(name string, src source) item {
	return item{source: src, where: it.where + "!" + name, name: name, top: it.top, depth: it.depth + 1}
}

func (it item) ext() string {
	if it.plain {
		return ""
	}
	return strings.ToLower(path.Ext(it.name))
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // io.ReaderAt has no room for it
	io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (r reader) ReadAt(p []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(p, at)
}

// note keeps something that was found of a file.
func (s *Scanner) note(it item, rule models.UnsafeRule, remedy, format string, args ...any) {
	s.add(Found{Rule: rule, Where: it.where, Subject: it.where, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

// unread keeps that a file, or a part of it, could not be looked into.
func (s *Scanner) unread(it item, format string, args ...any) {
	s.note(it, models.RuleUnread, "register the model unpacked and unencrypted, or name the rule unread under warn: of this step",
		format, args...)
}

// maxFound bounds what is kept.
const maxFound = 10_000

func (s *Scanner) add(f Found) {
	id := string(f.Rule) + "\x00" + f.Where + "\x00" + f.Message
	if s.seen[id] || len(s.found) >= maxFound || s.allowed(f) {
		return
	}
	s.seen[id] = true
	s.found = append(s.found, f)
}

// allowed tells whether the pipeline leaves something out. Names of globals are
// taken exactly; a path may be a pattern.
func (s *Scanner) allowed(f Found) bool {
	return slices.ContainsFunc(s.opt.Allow, func(entry string) bool {
		if entry == string(f.Rule) || entry == f.Subject {
			return true
		}
		match, err := path.Match(entry, f.Subject)
		return err == nil && match && f.Rule != models.RulePickleGlobal && f.Rule != models.RuleRequirementSource
	})
}

// Severity weighs something found.
func (s *Scanner) Severity(rule models.UnsafeRule) models.Severity {
	switch {
	case slices.Contains(s.opt.Fail, rule):
		return models.SeverityError
	case slices.Contains(s.opt.Warn, rule):
		return models.SeverityWarning
	}
	i := slices.IndexFunc(models.UnsafeRules, func(r models.UnsafeRuleInfo) bool { return r.Rule == rule })
	return models.UnsafeRules[i].Severity
}

// escapes tells whether a path leaves the folder that it is unpacked to, on any
// system.
func escapes(name string) bool {
	slashed := strings.ReplaceAll(name, `\`, "/")
	return strings.HasPrefix(slashed, "/") || strings.ContainsRune(name, 0) || (len(slashed) > 1 && slashed[1] == ':') ||
		slices.Contains(strings.Split(slashed, "/"), "..")
}
