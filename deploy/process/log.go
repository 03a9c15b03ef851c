package process

import (
	"io"
	"os"
)

// boundedLog is a file that is put aside when it is full; the one put aside
// before is lost.
type boundedLog struct {
	path  string
	limit int64
	file  *os.File
	size  int64
}

func openLog(path string, limit int64) (*boundedLog, error) {
	l := &boundedLog{path: path, limit: limit}
	return l, l.open()
}

func (l *boundedLog) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// fill takes all that r gives. A disk that is full costs log, and does not
// block who writes it.
func (l *boundedLog) fill(r io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && l.file != nil {
			_, _ = l.file.Write(buf[:n])
			if l.size += int64(n); l.size >= l.limit {
				_ = l.file.Close()
				l.file = nil
				_ = os.Rename(l.path, l.path+".1")
				_ = l.open()
			}
		}
		if err != nil {
			return
		}
	}
}

// tail copies the last bytes of a log, at most limit.
func tail(path string, w io.Writer, limit int64) error {
	var parts []*os.File
	var sizes []int64
	var total int64
	for _, p := range []string{path + ".1", path} {
		f, err := os.Open(p)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		parts, sizes, total = append(parts, f), append(sizes, info.Size()), total+info.Size()
	}
	skip := max(total-limit, 0)
	for i, f := range parts {
		from := min(skip, sizes[i])
		skip -= from
		if _, err := io.Copy(w, io.NewSectionReader(f, from, sizes[i]-from)); err != nil {
			return err
		}
	}
	return nil
}
