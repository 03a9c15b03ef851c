package dataset

import "io"

// counted tells the line of each offset of a stream, asked for in their order.
type counted struct {
	r     io.Reader
	read  int64
	ends  []int64 // offsets behind the line ends that are not asked for yet
	lines int
	skip  int64 // bytes of the stream that offsets do not count
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.read+int64(i)+1)
		}
	}
	c.read += int64(n)
	return n, err
}

func (c *counted) line(offset int64) int {
	passed := 0
	for passed < len(c.ends) && c.ends[passed] <= offset+c.skip {
		passed++
	}
	c.lines += passed
	c.ends = c.ends[passed:]
	return c.lines + 1
}
