package pickle_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What one reading finds must not change the other's way.
func TestTheTwoReadingsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	evil := "cos\nsystem\n(S'id'\ntR."

	// The array's bytes give the wrapper another shape, where they are read as
	// opcodes, and hide what stands behind the array in bytes.
	reshape := "}S'shape'\nK\x40\x85sS'dtype'\ncnumpy\ndtype\n(S'u1'\nI00\nI01\ntRsbC" + string([]byte{byte(len(evil))})
	data := "\x80\x02" + wrapper(byte(len(reshape))) + reshape + evil + "N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0."
	require.Contains(t, names(read(t, data)), "os system", "joblib reads on behind the array")

	// The array's bytes hold, as opcodes, a second wrapper: pickle.load skips
	// nothing behind it.
	second := wrapper(byte(len(evil))) + evil
	data = "\x80\x02" + wrapper(byte(len(second))) + second + "."
	require.Contains(t, names(read(t, data)), "os system", "pickle.load skips no array")

	// An array of objects is read by pickle.load, which skips nothing either.
	objects := "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(S'shape'\nK\x01\x85S'dtype'\ncnumpy\ndtype\n(S'O8'\nI00\nI01\ntRub"
	data = "\x80\x02" + objects + "\x80\x02" + second + "."
	require.Contains(t, names(read(t, data)), "os system", "the pickle of an array of objects")
}
