package pickle_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/pickle"
)

// older does what Python 3 does to the names of Python 2.
var older = strings.NewReplacer(
	"__builtin__ xrange", "builtins range", "__builtin__ unicode", "builtins str", "__builtin__ long", "builtins int",
	"__builtin__", "builtins", "copy_reg", "copyreg", "exceptions ", "builtins ")

func read(t testing.TB, data string) pickle.Report {
	t.Helper()
	report, err := pickle.Read(strings.NewReader(data), 0, int64(len(data)))
	require.NoError(t, err)
	return report
}

// short writes a SHORT_BINUNICODE.
func short(s string) string { return "\x8c" + string(rune(len(s))) + s }

// long writes a BINUNICODE.
func long(s string) string {
	return "X" + string([]byte{byte(len(s)), byte(len(s) >> 8), 0, 0}) + s
}

func TestEveryWayToAGlobalIsFollowed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ pickle, want string }{
		"GLOBAL and REDUCE":                   {"cos\nsystem\n(S'id'\ntR.", "os.system()"},
		"a name of Python 2":                  {"c__builtin__\neval\n(S'1'\ntR.", "builtins.eval()"},
		"INST":                                {"(S'id'\nios\nsystem\n.", "os.system()"},
		"OBJ":                                 {"(cos\nsystem\nS'id'\no.", "os.system()"},
		"NEWOBJ":                              {"\x80\x02cos\nsystem\n)\x81.", "os.system()"},
		"NEWOBJ_EX":                           {"\x80\x04cos\nsystem\n)}\x92.", "os.system()"},
		"STACK_GLOBAL":                        {"\x80\x04" + short("os") + short("system") + "\x93)R.", "os.system()"},
		"STACK_GLOBAL without PROTO":          {short("os") + short("system") + "\x93)R.", "os.system()"},
		"STACK_GLOBAL of STRING":              {"S'os'\nS\"sys\\x74em\"\n\x93)R.", "os.system()"},
		"STACK_GLOBAL of UNICODE":             {"Vos\nV\\u0073ystem\n\x93)R.", "os.system()"},
		"STACK_GLOBAL of BINSTRING":           {"T\x02\x00\x00\x00osU\x06system\x93)R.", "os.system()"},
		"STACK_GLOBAL of BINUNICODE8":         {"\x8d\x02\x00\x00\x00\x00\x00\x00\x00os" + long("system") + "\x93)R.", "os.system()"},
		"octal escapes":                       {"S'\\157\\163'\nS'system'\n\x93)R.", "os.system()"},
		"memo by MEMOIZE":                     {"\x80\x04" + short("os") + "\x94" + short("system") + "\x9400h\x00h\x01\x93)R.", "os.system()"},
		"memo by BINPUT and MEMOIZE mixed":    {"\x80\x04" + short("os") + "q\x01" + short("system") + "\x94" + short("x") + "q\x07000h\x01h\x01\x93.", "system.system"},
		"MEMOIZE counts what is distinct":     {"\x80\x04" + short("x") + "q\x00" + "q\x00" + short("os") + "\x94" + short("system") + "\x94h\x01h\x02\x93.", "os.system"},
		"memo far off":                        {long("os") + "r\xff\xff\xff\xff" + "0" + long("system") + "p123456789\n0j\xff\xff\xff\xffg123456789\n\x93)R.", "os.system()"},
		"memo overwritten":                    {long("numpy") + "q\x00" + long("os") + "q\x0000h\x00" + long("system") + "\x93.", "os.system"},
		"DUP":                                 {long("posix") + "2" + "0" + long("system") + "\x93.", "posix.system"},
		"POP_MARK and POP of a MARK":          {"(I1\nI2\n1(0cos\nsystem\n.", "os.system"},
		"the callable from a memo":            {"cos\nsystem\np0\n0g0\n)R.", "os.system()"},
		"a path of attributes":                {"\x80\x04" + short("numpy") + short("f2py.crackfortran.myeval") + "\x93)R.", "numpy.f2py.crackfortran.myeval()"},
		"a dotted module":                     {"cnumpy.f2py.crackfortran\ngetlincoef\n.", "numpy.f2py.crackfortran.getlincoef"},
		"letters that look alike":             {"\x80\x04" + short("nump\u0443") + short("ndarray") + "\x93.", "nump\u0443.ndarray"},
		"getattr":                             {"cbuiltins\ngetattr\n(cos\nenviron\nS'pop'\ntR)R.", "builtins.getattr(), os.environ, os.environ.pop()"},
		"import_module, then getattr":         {"cbuiltins\ngetattr\n(cimportlib\nimport_module\n(S'os'\ntRS'system'\ntR)R.", "builtins.getattr(), importlib.import_module(), os., os.system()"},
		"resolve_name":                        {"cpkgutil\nresolve_name\n(S'os:system'\ntR)R.", "pkgutil.resolve_name(), os.system()"},
		"frames that lie":                     {"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00" + short("os") + short("system") + "\x93.", "os.system"},
		"before what is no opcode":            {"cos\nsystem\n)R\xff", "os.system()"},
		"before its end":                      {"cos\nsystem\n)R", "os.system()"},
		"after taking too much":               {"0R0cos\nsystem\n)R.", "os.system()"},
		"after a PROTO in the middle":         {"\x80\x02N0\x80\x04cos\nsystem\n)R.", "os.system()"},
		"as a persistent id":                  {"cos\nsystem\n)RQ.", "os.system()"},
		"in the state of BUILD":               {"cos\nPathLike\n)\x81cos\nsystem\n)Rb.", "os.PathLike(), os.system()"},
		"one that is not called":              {"\x80\x02cos\nsystem\n.", "os.system"},
		"bytes beside it do not matter":       {"\x80\x05\x96\x04\x00\x00\x00\x00\x00\x00\x00cos\n\x97\x98cos\nsystem\n.", "os.system"},
		"integers of all kinds beside it":     {"I01\nI99999999999999999999\nL5L\nJ\xff\xff\xff\xffK\x01M\x01\x02\x8a\x01\xff\x8b\x01\x00\x00\x00\x05G\x00\x00\x00\x00\x00\x00\x00\x00F1.5\ncos\nsystem\n.", "os.system"},
		"a set, a frozenset, lists and dicts": {"\x8f(I1\n\x90(I1\n\x91](I1\ne(I1\nl(I1\nI2\nd}I1\nI2\ns}(I1\nI2\nu]I1\na\x85\x86cos\nsystem\n\x87.", "os.system"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, g := range read(t, tt.pickle).Globals {
				s := g.String()
				if g.Called {
					s += "()"
				}
				got = append(got, s)
			}
			require.Equal(t, tt.want, strings.Join(got, ", "))
		})
	}
}

func TestTroubleIsTold(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pickle string
		kind   pickle.TroubleKind
		want   string
	}{
		"no STOP":                       {"\x80\x04N", pickle.Malformed, "it ends without a STOP"},
		"cut off":                       {"\x80\x04X\x05\x00\x00\x00ab", pickle.Malformed, "in the middle of an opcode"},
		"no opcode":                     {"\x80\x04\x00.", pickle.Malformed, "0x00 is no opcode"},
		"a protocol to come":            {"\x80\x06N.", pickle.Malformed, "no pickle protocol 6"},
		"too much taken":                {"R.", pickle.Malformed, "takes more from the stack"},
		"below a MARK":                  {"N(0(a.", pickle.Malformed, "takes more from the stack"},
		"no MARK":                       {"t.", pickle.Malformed, "no MARK"},
		"nothing in the memo":           {"g7\n.", pickle.Malformed, "holds nothing at 7"},
		"a memo's number that is none":  {"Npx\n.", pickle.Malformed, `"x" is no place in the memo`},
		"the extension registry":        {"\x80\x02\x82\x01.", pickle.Undetermined, "extension registry has under 1"},
		"a name that is computed":       {"\x80\x04c_codecs\nencode\n(" + short("bf") + short("rot13") + "tR" + short("system") + "\x93.", pickle.Undetermined, "imports system from a name that _codecs.encode gives"},
		"a name that is no text":        {"\x80\x04K\x01" + short("system") + "\x93.", pickle.Undetermined, "a name that cannot be determined"},
		"a name of 2,000 letters":       {"c" + strings.Repeat("a", 2000) + "\nb\n.", pickle.Undetermined, "names that are too long"},
		"a call of what a call gave":    {"cbuiltins\nlist\n)R)R.", pickle.Undetermined, "calls what builtins.list gave"},
		"a call of what is no callable": {"P1\n)R.", pickle.Undetermined, "calls what cannot be determined"},
		"BUILD on a class":              {"cbuiltins\nlist\nN}S'a'\nI1\ns\x86b.", pickle.Undetermined, "sets attributes of builtins.list itself"},
		"items for a class":             {"cbuiltins\nlist\n(I1\ne.", pickle.Undetermined, "puts items into builtins.list itself"},
		"a frame beyond the end":        {"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.", pickle.Malformed, "a frame of 255 bytes goes beyond the end"},
		"an array of unknown size":      {"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b.", pickle.Undetermined, "whose size cannot be determined"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			troubles := read(t, tt.pickle).Troubles
			require.NotEmpty(t, troubles)
			require.Equal(t, tt.kind, troubles[0].Kind)
			require.Contains(t, troubles[0].Message, tt.want)
		})
	}
}

// wrapper is joblib's NumpyArrayWrapper of n bytes, up to its BUILD.
func wrapper(n byte) string {
	return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(S'shape'\nK" + string([]byte{n}) + "\x85S'dtype'\ncnumpy\ndtype\n(S'u1'\nI00\nI01\ntRub"
}

func TestJoblibsArraysAreReadInBothWays(t *testing.T) {
	t.Parallel()
	evil := "cos\nsystem\n(S'id'\ntR."
	plain := "\x80\x02" + wrapper(4) + "\x00\x01\x02\x03" + "."
	report := read(t, plain)
	require.True(t, report.Stopped)
	require.Empty(t, report.Troubles)
	require.NotContains(t, names(report), "os system")

	hidden := "\x80\x02" + wrapper(byte(len(evil))) + evil + "."
	require.Contains(t, names(read(t, hidden)), "os system", "an array whose bytes pickle.load executes")
	behind := "\x80\x02" + wrapper(2) + "." + "." + "0" + evil
	require.Contains(t, names(read(t, behind)), "os system", "what joblib alone reads")
}

func TestMemoryIsBounded(t *testing.T) {
	for name, data := range map[string]string{
		"a tower of MARKs":    strings.Repeat("(", 4<<20),
		"a stack of dicts":    strings.Repeat("}", 4<<20),
		"nested tuples":       "N" + strings.Repeat("\x85", 4<<20),
		"a memo of long text": strings.Repeat(long(strings.Repeat("x", 1000))+"\x940", 150_000) + ".",
		"a memo of all sorts": strings.Repeat("}\x940", 2<<20) + ".",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			report := read(t, data)
			runtime.ReadMemStats(&after)
			require.NotEmpty(t, report.Opcodes)
			require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(700<<20))
		})
	}
}

// corpus are pickles to be mutated.
var corpus = []string{
	"cos\nsystem\n(S'id'\ntR.", "\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00" + short("os") + "\x94" + short("system") + "\x94\x93)R.",
	"\x80\x02" + wrapper(4) + "\x00\x01\x02\x03.", "(lp0\nI1\na(dp1\nS'a'\nF1.5\nsVx\\u1234\n.", "\x80\x05\x96\x04\x00\x00\x00\x00\x00\x00\x00abcd\x97\x98\x8f(K\x01\x90\x87.",
}

func FuzzRead(f *testing.F) {
	for _, seed := range corpus {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, string(data)) })
}

func TestRandomBytesBreakNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 2026))
	for range 20_000 {
		data := []byte(corpus[r.IntN(len(corpus))])
		for range 1 + r.IntN(8) {
			switch i := r.IntN(len(data)); r.IntN(3) {
			case 0:
				data[i] = byte(r.IntN(256))
			case 1:
				data = append(data[:i:i], data[min(i+1+r.IntN(4), len(data)-1):]...)
			default:
				data = append(data[:i:i], append([]byte{byte(r.IntN(256))}, data[i:]...)...)
			}
		}
		sound(t, string(data))
	}
}

// sound holds what is true of every report.
func sound(t *testing.T, data string) {
	report := read(t, data)
	require.LessOrEqual(t, report.End, int64(len(data)))
	require.True(t, report.Stopped || len(report.Troubles) > 0)
	for _, g := range report.Globals {
		require.Less(t, g.Offset, int64(len(data)))
	}
}
