package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pickle"
)

// pickleNames are what pickles are called.
var pickleNames = []string{".pkl", ".pickle", ".pck", ".pcl", ".dill", ".cloudpickle", ".joblib", ".pt", ".pth", ".p"}

// maxPickles bounds the pickles in one file.
const maxPickles = 100_000

// pickles follows the pickles that stand one behind another in content. What is
// called a pickle, or begins as one does, has to parse. Anything else is taken
// for one only where it would come to its end or call something, as no file
// does by chance.
func (s *Scanner) pickles(it item, head []byte, known bool) error {
	begins := len(head) > 1 && head[0] == 0x80 && head[1] <= 5
	sure := begins || (!known && slices.Contains(pickleNames, it.ext())) || (it.depth == 0 && s.declared.pickles[it.top])
	return s.pickleAt(it, 0, sure)
}

func (s *Scanner) pickleAt(it item, at int64, sure bool) error {
	var first pickle.Report
	for n := 0; at < it.size; n++ {
		if n == maxPickles {
			s.unread(it, "it holds more than %d pickles", maxPickles)
			return nil
		}
		report, err := pickle.Read(it.source, at, it.size)
		if err != nil {
			return fmt.Errorf("read %s: %w", it.where, err)
		}
		if n == 0 {
			first = report
		}
		if !sure && !telling(report) {
			if n > 0 {
				s.trailing(it, at)
			}
			return nil
		}
		s.Counts.Pickles++
		s.Counts.Opcodes += report.Opcodes
		s.judge(it, report, sure)
		if !report.Stopped {
			return nil
		}
		if at = report.End; n == 4 && first.Top.Long() == torchMagic {
			return nil // what follows are the tensors' bytes
		}
		next := make([]byte, 2)
		_, _ = it.ReadAt(next, at)
		if sure = next[0] == 0x80 && next[1] <= 5; n == 0 && !first.Framed && !sure && !telling(first) {
			return nil
		}
	}
	return nil
}

// telling tells whether what was read is a pickle with an effect, rather than
// another file whose first letters happen to be opcodes.
func telling(r pickle.Report) bool {
	if len(r.Globals) == 0 {
		return false
	}
	for _, g := range r.Globals {
		if !identifier(g.Module) || (g.Name != "" && !identifier(g.Name)) {
			return false
		}
	}
	return r.Stopped || r.Executes
}

// identifier tells whether text can be a dotted name of Python.
func identifier(name string) bool {
	for _, part := range strings.Split(name, ".") {
		if part == "" || len(part) > 100 {
			return false
		}
		for i, r := range part {
			letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127 && r != 0xFFFD
			if !letter && (i == 0 || r < '0' || r > '9') {
				return false
			}
		}
	}
	return true
}

func (s *Scanner) trailing(it item, at int64) {
	if it.size-at > 0 {
		it.where += fmt.Sprintf("@%d", at)
		s.note(it, models.RuleTrailingData, "log the model again; nothing that a known library writes ends so", "%d bytes stand behind the pickle", it.size-at)
	}
}

// judge holds a pickle's globals against what is allowed.
func (s *Scanner) judge(it item, report pickle.Report, sure bool) {
	for _, g := range report.Globals {
		if id := g.String(); !s.told[id] {
			s.told[id] = true
			s.Counts.Globals++
		}
		s.global(it, g)
	}
	if !sure {
		return
	}
	for _, t := range report.Troubles {
		at := it
		at.where += fmt.Sprintf("@%d", t.Offset)
		switch t.Kind {
		case pickle.Limit:
			s.unread(at, "the pickle cannot be followed to its end: %s", t.Message)
		case pickle.Undetermined:
			if s.declared.pickles[it.top] && strings.Contains(t.Message, "cloudpickle") {
				continue // it calls a function that it made: declared code
			}
			s.note(at, models.RulePickleMalformed, "no known library writes this: do not load the file", "what the pickle does cannot be determined: %s", t.Message)
		case pickle.Malformed:
			s.note(at, models.RulePickleMalformed, "log the model again; what stands in front of this place is executed all the same", "the pickle does not parse: %s", t.Message)
		}
	}
}

// global judges one name.
func (s *Scanner) global(it item, g pickle.Global) {
	list, ok := known()[[2]string{g.Module, g.Name}]
	does := "imports"
	if g.Called {
		does = "calls"
	}
	name := printable(g.String())
	if g.Name == "" {
		name = printable(g.Module)
	}
	f := Found{
		Rule: models.RulePickleGlobal, Where: fmt.Sprintf("%s@%d", it.where, g.Offset), Subject: strings.TrimSuffix(g.String(), "."),
		Message: fmt.Sprintf("the pickle %s %s when it is loaded", does, name),
	}
	if g.Via != "" {
		f.Message += ", by way of " + g.Via
	}
	declared := s.declared.pickles[it.top]
	switch {
	case g.Aside && !importable(g.Module):
		return // in another reading, bytes of arrays look like names now and then
	case ok && list == cloudpickle && declared:
		s.declares(it.where, "it holds functions or classes as code (cloudpickle)")
		return
	case ok && list != cloudpickle && s.brings(list):
		return
	case ok && list != cloudpickle:
		f.Rule, f.Message = models.RulePickleFlavor, fmt.Sprintf("the pickle makes %s, and MLmodel names no flavour of %s", name, list)
		f.Remedy = "log the model with the flavour of its library"
	case s.ours(g.Module):
		s.declares(it.where, "it makes "+name+", a class of the version's own code")
		return
	case declared && !g.Called && !powerful(g.Module):
		s.declares(it.where, "it refers to "+name)
		return
	case ok:
		f.Remedy = "cloudpickle wrote code into the file: log it as a pyfunc (python_model=), so that MLmodel declares it, or save the model as ONNX or safetensors"
	case powerful(g.Module):
		f.Remedy = "do not load this file anywhere: it does more than hold a model. Find out where it came from"
	default:
		f.Remedy = fmt.Sprintf("if it is a class of yours that you trust, log its code with the model (code_paths=) or put %q under allow: of this step", f.Subject)
	}
	if g.Name != "" && strings.ContainsFunc(g.String(), func(r rune) bool { return r > 127 }) {
		f.Message += " (a name with letters that look like others)"
	}
	s.add(f)
}
