package folder

import (
	"io/fs"
	"path/filepath"
	"syscall"
)

// blockBytes is what a file takes at least: an empty one is no way round a
// limit.
const blockBytes = 4096

// Bytes sums what folders take of their disk.
func Bytes(dirs []string) int64 {
	var sum int64
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err == nil { // else it has just gone
				if info, err := e.Info(); err == nil {
					sum += max(blockBytes, FileBytes(info))
				}
			}
			return nil
		})
	}
	return sum
}

// FileBytes is what a file takes of its disk.
func FileBytes(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
