package scan_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/scan"
)

const (
	evil  = "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."
	plain = "\x80\x04]\x94(K\x01K\x02e."
)

// zipped makes an archive of names and contents in turn.
func zipped(t testing.TB, method uint16, parts ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(parts); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: parts[i], Method: method})
		require.NoError(t, err)
		_, err = f.Write([]byte(parts[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.String()
}

// rawZip makes an archive of one stored entry with sizes in its header, as
// PyTorch does.
func rawZip(t testing.TB, name, text string, flags uint16) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.CreateRaw(&zip.FileHeader{
		Name: name, Flags: flags, CRC32: crc32.ChecksumIEEE([]byte(text)), CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text)),
	})
	require.NoError(t, err)
	_, err = f.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.String()
}

func tarred(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		text := h.Uname // a test's way to say the content
		h.Uname, h.Size = "", int64(len(text))
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := w.Write([]byte(text))
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return buf.String()
}

// sevenZipped makes an archive of one file, copied as it is.
func sevenZipped(name, text string) string {
	var names []byte
	for _, u := range utf16.Encode([]rune(name + "\x00")) {
		names = binary.LittleEndian.AppendUint16(names, u)
	}
	size := byte(len(text))
	header := append([]byte{
		1, 4, 6, 0, 1, 9, size, 0, 7, 0x0b, 1, 0, 1, 1, 0, 0x0c, size, 0, 0,
		5, 1, 0x11, byte(len(names) + 1), 0,
	}, names...)
	header = append(header, 0, 0)
	start := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	start = binary.LittleEndian.AppendUint64(start, uint64(len(header)))
	start = binary.LittleEndian.AppendUint32(start, crc32.ChecksumIEEE(header))
	out := binary.LittleEndian.AppendUint32([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), crc32.ChecksumIEEE(start))
	return string(out) + string(start) + text + string(header)
}

func packed(t testing.TB, open func(*bytes.Buffer) (interface {
	Write([]byte) (int, error)
	Close() error
}, error), text string,
) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := open(&buf)
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.String()
}

type writeCloser = interface {
	Write([]byte) (int, error)
	Close() error
}

func gz(t testing.TB, text string) string {
	return packed(t, func(b *bytes.Buffer) (writeCloser, error) { return gzip.NewWriter(b), nil }, text)
}

func npy(descr, data string) string {
	header := "{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), byte(len(header) >> 8)}) + header + data
}

func TestAPickleIsFoundWhereverItHides(t *testing.T) {
	t.Parallel()
	wrongSum := rawZip(t, "archive/data.pkl", evil, 0)
	wrongSum = strings.Replace(wrongSum, evil, strings.Replace(evil, "id", "ls", 1), 1)
	otherName := strings.Replace(rawZip(t, "archive/data.pkl", evil, 0), "archive/data.pkl", "archive/data.txt", 1)
	unlisted := rawZip(t, "data.pkl", evil, 0)
	unlisted = unlisted[:strings.Index(unlisted, "PK\x01\x02")] + zipped(t, zip.Store, "harmless.txt", "x")
	tests := map[string]struct{ name, text, where string }{
		"a raw pickle":                       {"model.pkl", evil, "model.pkl@17"},
		"protocol 0":                         {"model.pkl", "cposix\nsystem\n(S'id'\ntR.", "model.pkl@0"},
		"misnamed":                           {"config.json", evil, "config.json@17"},
		"misnamed, protocol 0":               {"notes.txt", "cposix\nsystem\n(S'id'\ntR.", "notes.txt@0"},
		"without PROTO":                      {"weights.bin", evil[2:], "weights.bin@15"},
		"the second pickle of a file":        {"model.pkl", plain + plain + evil, "model.pkl@39"},
		"the second pickle, of protocol 0":   {"model.pkl", plain + "cposix\nsystem\n(S'id'\ntR.", "model.pkl@11"},
		"behind a broken end":                {"model.pkl", evil[:len(evil)-1], "model.pkl@17"},
		"before what does not parse":         {"model.pkl", evil[:len(evil)-1] + "\xff\xff", "model.pkl@17"},
		"a PyTorch zip":                      {"model.pt", zipped(t, zip.Store, "archive/data.pkl", evil, "archive/data/0", "\x00\x01"), "model.pt!archive/data.pkl@17"},
		"a PyTorch zip, another name inside": {"model.pt", zipped(t, zip.Deflate, "archive/weights", evil), "model.pt!archive/weights@17"},
		"a PyTorch zip, misnamed":            {"readme.md", zipped(t, zip.Store, "archive/data.pkl", evil), "readme.md!archive/data.pkl@17"},
		"a zip with a wrong checksum":        {"model.pt", wrongSum, "model.pt!archive/data.pkl@17"},
		"a zip that is marked as encrypted":  {"model.pt", rawZip(t, "archive/data.pkl", evil, 1), "model.pt!archive/data.pkl@17"},
		"a zip whose headers disagree":       {"model.pt", otherName, "model.pt!archive/data.pkl@17"},
		"a zip with an entry nobody lists":   {"model.pt", unlisted, "model.pt!data.pkl@17"},
		"a zip behind other bytes":           {"model.pt", "MZ\x00 anything" + zipped(t, zip.Store, "data.pkl", evil), "model.pt!data.pkl@17"},
		"a pickle before a zip":              {"model.pt", evil + zipped(t, zip.Store, "data.pkl", plain), "model.pt@17"},
		"a zip behind a pickle":              {"model.pkl", plain + zipped(t, zip.Store, "data.pkl", evil), "model.pkl!data.pkl@17"},
		"a zip without a directory":          {"model.pt", rawZip(t, "data.pkl", evil, 0)[:80], "model.pt!data.pkl@17"},
		"a zip in a zip":                     {"a.zip", zipped(t, zip.Deflate, "b.zip", zipped(t, zip.Deflate, "c.pkl", evil)), "a.zip!b.zip!c.pkl@17"},
		"gzip":                               {"model.pkl.gz", gz(t, evil), "model.pkl.gz!model.pkl@17"},
		"gzip in gzip, misnamed":             {"model.bin", gz(t, gz(t, evil)), "model.bin!model.bin!model.bin@17"},
		"gzip that is cut off":               {"model.pkl.gz", gz(t, evil)[:48], "model.pkl.gz!model.pkl@17"},
		"tar.gz":                             {"model.tar.gz", gz(t, tarred(t, tar.Header{Name: "m/x.pkl", Typeflag: tar.TypeReg, Uname: evil})), "model.tar.gz!model.tar!m/x.pkl@17"},
		"7z":                                 {"model.7z", sevenZipped("data.pkl", evil), "model.7z!data.pkl@17"},
		"7z that is called a pickle":         {"model.pkl", sevenZipped("data.pkl", evil), "model.pkl!data.pkl@17"},
		"a NumPy array of objects":           {"x.npy", npy("'|O'", evil), "x.npy@"},
		"a NumPy array that hides its type":  {"x.npy", npy("'|' 'O'", evil), "x.npy@"},
		"an array in an .npz":                {"x.npz", zipped(t, zip.Deflate, "arr_0.npy", npy("[('a', '|O')]", evil)), "x.npz!arr_0.npy@"},
		"a pickle that is called .npy":       {"x.npy", evil, "x.npy@17"},
		"joblib's zlib":                      {"m.joblib", packed(t, func(b *bytes.Buffer) (writeCloser, error) { return zlib.NewWriter(b), nil }, evil), "m.joblib!m.joblib@17"},
		"joblib's lz4":                       {"m.joblib", packed(t, func(b *bytes.Buffer) (writeCloser, error) { return lz4.NewWriter(b), nil }, evil), "m.joblib!m.joblib@17"},
		"zstd":                               {"m.pkl.zst", packed(t, func(b *bytes.Buffer) (writeCloser, error) { return zstd.NewWriter(b) }, evil), "m.pkl.zst!m.pkl@17"},
		"xz":                                 {"m.pkl.xz", packed(t, func(b *bytes.Buffer) (writeCloser, error) { return xz.NewWriter(b) }, evil), "m.pkl.xz!m.pkl@17"},
		"behind the end of a tar":            {"m.tar", tarred(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Uname: "x"}) + evil, "m.tar!behind the end@17"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scanned(t, scan.Options{}, files{tt.name: tt.text})
			require.Contains(t, said(s), "pickle-global: "+tt.where)
			require.Contains(t, said(s), "the pickle calls posix.system when it is loaded")
			require.Equal(t, "hidden code", s.Verdict())
			require.Equal(t, models.SeverityError, s.Severity(models.RulePickleGlobal))
		})
	}
}

// global is a pickle that names one global.
func global(module, name string) string {
	return "\x80\x04\x8c" + string(rune(len(module))) + module + "\x8c" + string(rune(len(name))) + name + "\x93)R."
}

func TestTrustIsByExactName(t *testing.T) {
	t.Parallel()
	bad := [][2]string{
		{"os", "system"},
		{"builtins", "eval"},
		{"builtins", "exec"},
		{"builtins", "getattr"},
		{"builtins", "open"},
		{"builtins", "__import__"},
		{"builtins", "type"},
		{"importlib", "import_module"},
		{"operator", "attrgetter"},
		{"_operator", "methodcaller"},
		{"functools", "partial"},
		{"functools", "reduce"},
		{"pkgutil", "resolve_name"},
		{"pydoc", "locate"},
		{"torch.utils.collect_env", "run"},
		{"mlflow.projects.backend.local", "_run_entry_point"},
		{"pandas", "read_csv"},
		{"pandas", "read_pickle"},
		{"pandas.io.pickle", "read_pickle"},
		{"numpy", "f2py.crackfortran.myeval"},
		{"numpy", "load"},
		{"numpy.core._ufunc_reconstruct", "x"},
		{"numpy._core", "_ufunc_reconstruct"},
		{"numpy.testing._private.utils", "runstring"},
		{"numpy.f2py.crackfortran", "getlincoef"},
		{"torch", "load"},
		{"torch.storage", "_load_from_bytes"},
		{"torch.hub", "load"},
		{"torch.jit", "load"},
		{"torch._inductor.codecache", "compile_file"},
		{"joblib", "load"},
		{"joblib.numpy_pickle", "NDArrayWrapper"},
		{"sklearn.datasets._base", "load_files"},
		{"sklearn.linear_model", "os.system"},
		{"scipy.stats._distn_infrastructure", "rv_continuous"},
		{"xgboost.core", "DMatrix"},
		{"lightgbm.basic", "_TempFile"},
		{"pip", "main"},
		{"ctypes", "CDLL"},
		{"cloudpickle.cloudpickle", "_make_function"},
		{"dill._dill", "_create_function"},
		{"types", "CodeType"},
		{"types", "FunctionType"},
		{"marshal", "loads"},
		{"pickle", "loads"},
		{"_pickle", "loads"},
		{"subprocess", "Popen"},
		{"pty", "spawn"},
		{"socket", "socket"},
		{"webbrowser", "open"},
		{"urllib.request", "urlopen"},
		{"numpy", "ndarray.tofile"},
		{"builtins", "str.format"},
		{"collections", "namedtuple"},
		{"idlelib.pyshell", "ModifiedInterpreter.runcommand"},
		{"asyncio.unix_events", "_UnixSubprocessTransport._start"},
		{"profile", "Profile.run"},
		{"timeit", "timeit"},
		{"trace", "Trace.run"},
		{"nump\u0443", "dtype"},
		{"\uff4fs", "system"},
	}
	for _, g := range bad {
		s := scanned(t, scan.Options{}, files{"m.pkl": global(g[0], g[1])})
		require.Contains(t, said(s), "pickle-global: m.pkl@", g)
		require.Equal(t, "hidden code", s.Verdict())
	}
	for _, g := range [][2]string{
		{"sklearn.linear_model._logistic", "LogisticRegression"},
		{"numpy._core.multiarray", "_reconstruct"},
		{"collections", "OrderedDict"},
		{"torch._utils", "_rebuild_tensor_v2"},
		{"builtins", "set"},
		{"xgboost.sklearn", "XGBClassifier"},
		{"lightgbm.basic", "Booster"},
	} {
		require.Empty(t, said(scanned(t, scan.Options{}, files{"m.pkl": global(g[0], g[1])})), g)
	}
	s := scanned(t, scan.Options{}, files{"m.pkl": global("nump\u0443", "dtype")})
	require.Contains(t, said(s), `"nump\u0443.dtype" when it is loaded (a name with letters that look like others)`)
}

func TestAUsersOwnClassIsAllowedByItsName(t *testing.T) {
	t.Parallel()
	own := files{"m.pkl": global("acme.transform", "Scaler")}
	s := scanned(t, scan.Options{}, own)
	require.Contains(t, s.Found()[0].Remedy, `put "acme.transform.Scaler" under allow: of this step`)
	require.Empty(t, said(scanned(t, scan.Options{Allow: []string{"acme.transform.Scaler"}}, own)))
	for _, allow := range []string{"acme.transform", "acme.*", "acme.transform.*", "Scaler", "*"} {
		require.NotEmpty(t, said(scanned(t, scan.Options{Allow: []string{allow}}, own)), allow)
	}
	declared := files{
		"MLmodel": "flavors:\n  python_function: {loader_module: mlflow.sklearn, code: code}\n  sklearn: {code: code, pickled_model: m.pkl}\n",
		"m.pkl":   own["m.pkl"], "code/acme/transform.py": "class Scaler: pass\n",
	}
	s = scanned(t, scan.Options{}, declared)
	require.Contains(t, said(s), "declared-code: m.pkl: declared code: it makes acme.transform.Scaler, a class of the version's own code")
	require.Equal(t, "declared code", s.Verdict())
	require.Equal(t, models.SeverityWarning, s.Severity(models.RuleDeclaredCode))
	require.Equal(t, models.SeverityError, scanned(t, scan.Options{Fail: []models.UnsafeRule{models.RuleDeclaredCode}}, declared).Severity(models.RuleDeclaredCode))
}

func TestTroubleInPicklesIsAFinding(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, text, want string }{
		"cut off":                   {"m.pkl", plain[:5], "pickle-malformed: m.pkl@5: the pickle does not parse: it ends without a STOP"},
		"no pickle at all":          {"m.pkl", "hello", "pickle-malformed: m.pkl@0: the pickle does not parse"},
		"a protocol to come":        {"m.pkl", "\x80\x06N.", "no pickle protocol 6"},
		"the extension registry":    {"m.bin", "\x80\x02\x82\x01.", "what the pickle does cannot be determined: it imports what the extension registry has under 1"},
		"a computed name":           {"m.pkl", "\x80\x04c_codecs\nencode\n(\x8c\x02bf\x8c\x05rot13tR\x8c\x06system\x93)R.", "imports system from a name that _codecs.encode gives"},
		"bytes behind it":           {"m.pkl", plain + "\xff\xfejunk", "trailing-data: m.pkl@11: 6 bytes stand behind the pickle"},
		"cut off in a zip":          {"m.pt", zipped(t, zip.Store, "a/data.pkl", plain[:5]), "pickle-malformed: m.pt!a/data.pkl@5"},
		"attributes of a class set": {"m.pkl", "\x80\x02ccollections\nOrderedDict\nN}S'x'\nNs\x86b.", "sets attributes of collections.OrderedDict itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, said(scanned(t, scan.Options{}, files{tt.file: tt.text})), tt.want)
		})
	}
}

func TestArchivesAreBoundedAndStayInside(t *testing.T) {
	t.Parallel()
	nested := evil
	for range 12 {
		nested = gz(t, nested)
	}
	overlap := rawZip(t, "a", "x", 0)
	at := strings.Index(overlap, "PK\x01\x02")
	end := strings.Index(overlap, "PK\x05\x06")
	other := strings.Replace(overlap[at:end], "a", "b", 1)
	tail := []byte(overlap[end:])
	tail[8], tail[10] = 2, 2
	binary.LittleEndian.PutUint32(tail[12:], uint32(2*(end-at)))
	overlap = overlap[:end] + other + string(tail)
	damaged := zipped(t, zip.Store, "first.bin", "0123456789", "data.pkl", evil)
	damaged = strings.Replace(damaged, "0123456789", "0123456780", 1)
	for name, tt := range map[string]struct{ file, text, want string }{
		"a bomb":                    {"a.gz", gz(t, strings.Repeat("\x00", 300<<20)), "archive-bomb: a.gz!a: "},
		"a nest":                    {"a.gz", nested, "archive-bomb: a.gz!a!a!"},
		"entries over one another":  {"a.zip", overlap, "archive-bomb: a.zip!b: its data overlaps another entry's"},
		"zip slip":                  {"a.zip", zipped(t, zip.Store, "../../etc/cron.d/x", "x"), "archive-path: a.zip!../../etc/cron.d/x: "},
		"zip slip on Windows":       {"a.zip", zipped(t, zip.Store, `..\x`, "x"), "archive-path"},
		"an absolute name in a tar": {"a.tar", tarred(t, tar.Header{Name: "/etc/passwd", Typeflag: tar.TypeReg, Uname: "x"}), "archive-path: a.tar!/etc/passwd"},
		"a symlink in a tar":        {"a.tar", tarred(t, tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}), `archive-link: a.tar!x: it is a link to "/etc"`},
		"a hard link in a tar":      {"a.tar", tarred(t, tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "../y"}), `archive-link: a.tar!x: it is a link to "../y"`},
		"a device in a tar":         {"a.tar", tarred(t, tar.Header{Name: "x", Typeflag: tar.TypeChar}), "archive-link: a.tar!x: it is neither a file nor a folder"},
		"a damaged entry":           {"m.pt", damaged, "archive-malformed: m.pt!first.bin: it is damaged: its checksum is"},
		"and the pickle behind it":  {"m.pt", damaged, "pickle-global: m.pt!data.pkl@17"},
		"a name twice":              {"a.zip", zipped(t, zip.Store, "a", "x", "a", "y"), "archive-malformed: a.zip!a: the name stands in the archive more than once"},
		"encrypted":                 {"a.zip", rawZip(t, "a", "\x99\x01\x02", 1), "unread: a.zip!a: it is marked as encrypted"},
		"a method nobody knows":     {"a.zip", strings.ReplaceAll(rawZip(t, "a", "x", 0), "\x00\x00\x00\x00\x00\x00\x00\x00\x83", "\x00\x00\x63\x00\x00\x00\x00\x00\x83"), "unread: a.zip!a: it is compressed by method 99"},
		"RAR":                       {"a.rar", "Rar!\x1a\x07\x01\x00xxxxxxxx", "unread: a.rar: it is compressed in a way that is not read here"},
		"a path of the version":     {"../x", "x", "archive-path: ../x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, said(scanned(t, scan.Options{}, files{tt.file: tt.text})), tt.want)
		})
	}
	s := scanned(t, scan.Options{Limits: scan.Limits{Members: 3}}, files{"a.zip": zipped(t, zip.Store, "a", "1", "b", "2", "c", "3", "d", "4")})
	require.Contains(t, said(s), "archive-bomb: a.zip: more than 3 files are in the archives")
	s = scanned(t, scan.Options{Limits: scan.Limits{Unpacked: 1000}}, files{"a.gz": gz(t, strings.Repeat("abc", 1000))})
	require.Contains(t, said(s), "unread: a.gz!a: more than 1000 bytes would have to be unpacked")
}
