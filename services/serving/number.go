package serving

import (
	"encoding/binary"
	"math"
	"strconv"
)

// decimal is a JSON number as written: mantissa times ten to the exponent.
type decimal struct {
	mantissa uint64
	exponent int
	negative bool
	cut      bool // the mantissa has more digits than fit
	text     []byte
}

// number scans a JSON number.
func (c *cursor) number(field string) (decimal, error) {
	c.token()
	d := decimal{}
	data, i := c.data, c.at
	if i < len(data) && data[i] == '-' {
		d.negative = true
		i++
	}
	whole := i
	i = d.digits(data, i, 0)
	if i == whole || (data[whole] == '0' && i > whole+1) {
		return d, invalid("%s: a number expected at %s", fieldName(field), c.what())
	}
	if i < len(data) && data[i] == '.' {
		fraction := i + 1
		if i = d.digits(data, fraction, -1); i == fraction {
			return d, invalid("%s: a number expected at %s", fieldName(field), c.what())
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		minus := false
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			minus = data[i] == '-'
			i++
		}
		start, e := i, 0
		for ; i < len(data) && data[i]-'0' < 10; i++ {
			e = min(e*10+int(data[i]-'0'), 1<<20)
		}
		if i == start {
			return d, invalid("%s: a number expected at %s", fieldName(field), c.what())
		}
		if minus {
			e = -e
		}
		d.exponent += e
	}
	d.text = data[c.at:i]
	c.at = i
	return d, nil
}

// digits adds digits to the mantissa; each moves the exponent by shift, and by
// one more when there is no room for it.
func (d *decimal) digits(data []byte, i, shift int) int {
	const tenth, last = math.MaxUint64 / 10, math.MaxUint64 % 10
	for ; i < len(data) && data[i]-'0' < 10; i++ {
		digit := uint64(data[i] - '0')
		if d.mantissa > tenth || d.mantissa == tenth && digit > last {
			d.cut = true
			d.exponent += shift + 1
			continue
		}
		d.mantissa = d.mantissa*10 + digit
		d.exponent += shift
	}
	return i
}

const exactPowers = 22 // of ten, as float64

var powers = func() (p [exactPowers + 1]float64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// near is the number within one and a half units in the last place, and
// exactly rounded where the mantissa is below 2^53; ok says whether it could
// be had so cheaply.
func (d decimal) near() (f float64, ok bool) {
	if d.cut || d.exponent < -exactPowers || d.exponent > exactPowers {
		return 0, false
	}
	f = float64(d.mantissa)
	if d.exponent < 0 {
		f /= powers[-d.exponent]
	} else {
		f *= powers[d.exponent]
	}
	if d.negative {
		f = -f
	}
	return f, true
}

// float64 reads a number, correctly rounded.
func (c *cursor) float64(field string) (float64, error) {
	d, err := c.number(field)
	if err != nil {
		return 0, err
	}
	if f, ok := d.near(); ok && d.mantissa < 1<<53 {
		return f, nil
	}
	f, err := strconv.ParseFloat(string(d.text), 64)
	if err != nil {
		return 0, invalid("%s: %s is out of range", fieldName(field), d.text)
	}
	return f, nil
}

// float32 reads a number, correctly rounded. A cheap float64 decides unless it
// lies next to the middle between two float32.
func (c *cursor) float32(field string) (float32, error) {
	c.token()
	if f, end := plain(c.data, c.at); end > 0 && decided(f) {
		c.at = end
		return float32(f), nil
	}
	d, err := c.number(field)
	if err != nil {
		return 0, err
	}
	if f, ok := d.near(); ok && decided(f) {
		return float32(f), nil
	}
	f, err := strconv.ParseFloat(string(d.text), 32)
	if err != nil {
		return 0, invalid("%s: %s is out of range for FP32", fieldName(field), d.text)
	}
	return float32(f), nil
}

// decided tells whether a float64 that is a unit or two off rounds to the same
// float32 all the same.
func decided(f float64) bool {
	const below, middle = 1<<29 - 1, 1 << 28 // the bits that float32 does not have
	rest := int64(math.Float64bits(f) & below)
	return (rest < middle-4 || rest > middle+4) && math.Abs(f) < math.MaxFloat32
}

// plain scans the numbers that pictures are made of, such as 0.12941177 or 255,
// at several times the speed of number: up to 18 digits without an exponent,
// eight at a time. end is 0 when the number is another.
func plain(data []byte, at int) (f float64, end int) {
	i := at
	negative := i < len(data) && data[i] == '-'
	if negative {
		i++
	}
	whole, m := i, uint64(0)
	for ; i < len(data) && data[i]-'0' < 10; i++ {
		m = m*10 + uint64(data[i]-'0')
	}
	digits, fraction := i-whole, 0
	if digits == 0 || digits > 1 && data[whole] == '0' {
		return 0, 0
	}
	if i < len(data) && data[i] == '.' {
		i++
		start := i
		for ; i+8 <= len(data) && i < start+16; i += 8 {
			eight := binary.LittleEndian.Uint64(data[i:])
			if !allDigits(eight) {
				break
			}
			m = m*1e8 + eightDigits(eight)
		}
		for ; i < len(data) && data[i]-'0' < 10; i++ {
			m = m*10 + uint64(data[i]-'0')
		}
		if fraction = i - start; fraction == 0 {
			return 0, 0
		}
	}
	if digits+fraction > 18 || i < len(data) && data[i]|0x20 == 'e' {
		return 0, 0
	}
	f = float64(m) / powers[fraction]
	if negative {
		f = -f
	}
	return f, i
}

// allDigits tells whether eight bytes are digits.
func allDigits(v uint64) bool {
	const high, six = 0xf0f0f0f0f0f0f0f0, 0x0606060606060606
	return v&high|(v+six)&high>>4 == 0x3333333333333333
}

// eightDigits is the value of eight digits, the first in the lowest byte: pairs,
// then fours, then all are added up side by side.
func eightDigits(v uint64) uint64 {
	v -= 0x3030303030303030
	v = v*10 + v>>8
	const mask = 0x000000ff000000ff
	return (v&mask*(100+1000000<<32) + v>>16&mask*(1+10000<<32)) >> 32
}

// integer reads a whole number between low and high, 1.0 and 1e3 included.
func (c *cursor) integer(field string, low int64, high uint64, typ Type) (negative bool, magnitude uint64, err error) {
	d, err := c.number(field)
	if err != nil {
		return false, 0, err
	}
	m, e, fits := d.mantissa, d.exponent, !d.cut
	for ; e < 0 && m%10 == 0 && m > 0; e++ {
		m /= 10
	}
	for ; e > 0 && m > 0 && fits; e-- {
		if fits = m <= math.MaxUint64/10; fits {
			m *= 10
		}
	}
	limit := high
	if d.negative {
		limit = -uint64(low)
	}
	switch {
	case m > 0 && e < 0:
		return false, 0, invalid("%s: %s is no whole number, the model takes %s", fieldName(field), d.text, typ)
	case !fits || m > limit:
		return false, 0, invalid("%s: %s is out of range for %s: %d to %d", fieldName(field), d.text, typ, low, high)
	}
	return d.negative, m, nil
}
