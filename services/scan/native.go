package scan

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// isNative knows programs, libraries and compiled code by their first bytes.
func isNative(_ item, head []byte) bool {
	_, ok := nativeKind(head)
	return ok
}

func nativeKind(head []byte) (string, bool) {
	for sign, kind := range map[string]string{
		"\x7fELF": "a program or library (ELF)", "\xfe\xed\xfa\xce": "a program or library (Mach-O)", "\xfe\xed\xfa\xcf": "a program or library (Mach-O)",
		"\xce\xfa\xed\xfe": "a program or library (Mach-O)", "\xcf\xfa\xed\xfe": "a program or library (Mach-O)",
		"\xca\xfe\xba\xbe": "compiled Java or a library (Mach-O)", "\x00asm": "a WebAssembly module", "dex\n": "compiled Java (DEX)", "!<arch>\n": "a static library",
	} {
		if bytes.HasPrefix(head, []byte(sign)) {
			return kind, true
		}
	}
	if len(head) > 64 && head[0] == 'M' && head[1] == 'Z' {
		if at := binary.LittleEndian.Uint32(head[60:]); int64(at)+4 <= int64(len(head)) && string(head[at:at+4]) == "PE\x00\x00" {
			return "a program or library (Windows)", true
		}
	}
	if len(head) > 16 && head[2] == '\r' && head[3] == '\n' && head[1] >= 0x0b && head[1] <= 0x10 && (head[16]&0x7f == 'c' || (len(head) > 12 && head[12]&0x7f == 'c') || head[8]&0x7f == 'c') {
		return "compiled Python", true
	}
	return "", false
}

func (s *Scanner) native(it item, head []byte) error {
	kind, _ := nativeKind(head)
	s.note(it, models.RuleNativeCode, "log the model without it, or put its path under allow: of this step", "it is %s", kind)
	return nil
}

// scripts are what source code is called.
var scripts = []string{
	".py", ".pyw", ".pyx", ".pth", ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".mjs", ".ts", ".rb", ".pl", ".php", ".lua", ".r", ".jl", ".java", ".c", ".cc", ".cpp", ".cu", ".go", ".rs",
}

// libraries are what compiled code is called; their content need not show it.
var libraries = []string{".so", ".dll", ".dylib", ".pyd", ".exe", ".pyc", ".class", ".com", ".scr", ".msi"}

// isText takes what is neither empty nor binary.
func isText(it item, head []byte) bool {
	if slices.Contains(libraries, it.ext()) {
		return true
	}
	n := min(len(head), 1024)
	return bytes.IndexByte(head[:n], 0) < 0 && printableShare(head[:n]) > 95
}

func printableShare(b []byte) int {
	n := 0
	for _, c := range b {
		if c >= 32 || c == '\n' || c == '\r' || c == '\t' {
			n++
		}
	}
	return 100 * n / max(len(b), 1)
}

// maxText bounds a text that is read whole.
const maxText = 64 << 20

// text looks at what a person could have written, by its name and its look.
func (s *Scanner) text(it item, head []byte) error {
	base := strings.ToLower(it.name[strings.LastIndexByte(it.name, '/')+1:])
	switch ext := it.ext(); {
	case slices.Contains(libraries, ext):
		if _, ok := nativeKind(head); !ok {
			s.note(it, models.RuleNativeCode, "log the model without it, or put its path under allow: of this step", "it is called a program or library (%s)", ext)
		}
		return nil
	case bytes.HasPrefix(head, []byte("#!")), slices.Contains(scripts, ext):
		s.script(it, head)
		return nil
	case strings.Contains(base, "requirements") && (ext == ".txt" || ext == ".in"), base == "constraints.txt":
		return s.whole(it, s.requirements)
	case ext == ".yaml", ext == ".yml", base == "mlmodel":
		return s.whole(it, s.yaml)
	case ext == ".ipynb", ext == ".json", ext == ".keras", ext == ".skops", base == "schema", head[0] == '{':
		return s.whole(it, s.json)
	}
	return nil
}

// whole reads a text for what judges it.
func (s *Scanner) whole(it item, judge func(item, []byte)) error {
	text, err := it.all(maxText)
	if err != nil {
		return err
	}
	if text == nil {
		s.unread(it, "it has %d bytes, too many for what it is called", it.size)
		return nil
	}
	judge(it, text)
	return nil
}

// script notes source code, where MLmodel does not say that it is the model's.
func (s *Scanner) script(it item, head []byte) {
	switch {
	case it.depth == 0 && s.declared.holds(it.top):
		s.declares(it.where, "it is among the model's code")
	case strings.Contains(it.name, "/code/__torch__/") || strings.HasPrefix(it.name, "code/__torch__"):
		s.declares(it.where, "it is a TorchScript program, which PyTorch's own interpreter runs")
	case len(bytes.TrimSpace(head)) > 0:
		s.note(it, models.RuleScript, "log what the model needs as its code (code_paths=), and leave the rest out", "it is source code that MLmodel does not name")
	}
}
