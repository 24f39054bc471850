package source

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"

	"kequn"
)

// decoder turns text of any accepted encoding into UTF-8.
//
// Plain ASCII passes through while nothing else has been seen; the first byte beyond it decides, together with the
// 64 KiB that follow. So a file whose first Chinese name stands in row 2,000,000 is still read right, and UTF-8 costs
// no copy. Bytes that the encoding does not know become bytes that are invalid in UTF-8 too, so that the row which
// holds them is rejected and not stored as something else.
type decoder struct {
	path     string
	r        io.Reader
	encoding string // "" while only ASCII was seen
	pending  []byte // read but not handed out
	convert  io.Reader
	err      error
}

// detectWindow is how much text decides the encoding.
const detectWindow = 64 << 10

// newDecoder reads text of the named encoding ("" detects it), without its byte order mark.
func newDecoder(path string, r io.Reader, named string) (*decoder, error) {
	d := &decoder{path: path, r: r}
	head := make([]byte, 4096)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	d.pending = head
	name := strings.ToLower(strings.ReplaceAll(named, "_", "-"))
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		d.pending = head[3:]
		name = "utf-8"
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return nil, kequn.Errorf(kequn.KindInput, path, "is text in UTF-32, which is not read").WithHint("save it as UTF-8")
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		d.pending, name = head[2:], "utf-16le"
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		d.pending, name = head[2:], "utf-16be"
	case name == "":
		name = wideASCII(head)
	}
	if !strings.HasPrefix(name, "utf-16") && isBinary(head) {
		return nil, kequn.Errorf(kequn.KindInput, path, "holds binary data, not text").WithHint("give a CSV, JSON, Excel or Parquet file")
	}
	switch name {
	case "":
	case "utf8", "utf-8":
		d.encoding = "utf-8"
	case "utf-16le", "utf-16be":
		d.use(name, &wide{r: d.rest(), big: name == "utf-16be"})
	case "gb18030", "gbk", "gb2312":
		d.use("gb18030", decoded(d.rest(), simplifiedchinese.GB18030))
	case "windows-1252", "latin1", "latin-1", "iso-8859-1":
		d.use("windows-1252", decoded(d.rest(), charmap.Windows1252))
	default:
		return nil, kequn.Errorf(kequn.KindUsage, path, "encoding %q is not known", named).
			WithHint("known are utf-8, utf-16le, utf-16be, gb18030 and windows-1252")
	}
	return d, nil
}

func (d *decoder) rest() io.Reader { return io.MultiReader(bytes.NewReader(d.pending), d.r) }

func (d *decoder) use(name string, r io.Reader) { d.encoding, d.convert, d.pending = name, r, nil }

func (d *decoder) Read(p []byte) (int, error) {
	if d.convert != nil {
		return d.convert.Read(p)
	}
	var n int
	var err error
	switch {
	case len(d.pending) > 0:
		n = copy(p, d.pending)
		d.pending = d.pending[n:]
	case d.err != nil:
		return 0, d.err
	default:
		n, err = d.r.Read(p)
	}
	if d.encoding != "" {
		return n, err
	}
	i := firstHigh(p[:n])
	if i == n {
		return n, err
	}
	// Look ahead from the first byte that is not ASCII, decide, and hand out what came before it.
	window := append(bytes.Clone(p[i:n]), d.pending...)
	d.err = err
	for len(window) < detectWindow && d.err == nil {
		more := make([]byte, detectWindow-len(window))
		var k int
		k, d.err = d.r.Read(more)
		window = append(window, more[:k]...)
	}
	d.pending = window
	switch name := detect(window[:min(len(window), detectWindow)]); name {
	case "utf-8":
		d.encoding = name
	case "gb18030":
		rest := d.rest()
		if d.err != nil {
			rest = io.MultiReader(bytes.NewReader(window), failing{d.err})
		}
		d.use(name, decoded(rest, simplifiedchinese.GB18030))
	default:
		return i, kequn.Errorf(kequn.KindInput, d.path, "is neither UTF-8, UTF-16 nor GB18030; it looks like %s", name).
			WithHint("save it as UTF-8, for example: iconv -f %s -t UTF-8", name)
	}
	if i == 0 {
		return d.Read(p)
	}
	return i, nil
}

// isBinary tells whether text has so many control bytes that it is none. 0x01 is a delimiter of Hive.
func isBinary(head []byte) bool {
	n := 0
	for _, c := range head {
		if c < 0x20 && (c < '\t' || c > '\r') && c != 0x1B && c != 0x01 {
			n++
		}
	}
	return n > 3 && n*20 > len(head)
}

// failing is a reader that has come to its end, or to its error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func firstHigh(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

// wideASCII recognises UTF-16 without a byte order mark: every second byte of mostly ASCII text is zero.
func wideASCII(head []byte) string {
	n := len(head) / 2
	if n < 4 {
		return ""
	}
	var even, odd int
	for i := range n {
		if head[2*i] == 0 {
			even++
		}
		if head[2*i+1] == 0 {
			odd++
		}
	}
	switch {
	case odd*10 >= n*6 && even*20 <= n:
		return "utf-16le"
	case even*10 >= n*6 && odd*20 <= n:
		return "utf-16be"
	}
	return ""
}

// detect names the encoding of text that begins with its first byte beyond ASCII: utf-8, gb18030, or what it looks like.
//
// UTF-8 that is damaged in a few places is UTF-8: its damaged rows are rejected. In GB18030 Chinese is written by pairs
// of two high bytes, and what is not Chinese by groups of four that no other encoding has; Japanese and Western
// encodings give themselves away by kana, by low second bytes and by single high bytes among ASCII letters.
func detect(b []byte) string {
	var good, bad int
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if !utf8.FullRune(b[i:]) {
				break // cut by the window's end
			}
			bad++
		} else {
			good++
		}
		i += n
	}
	if bad == 0 || good > 2*bad {
		return "utf-8"
	}
	var common, four, rare, kana, lone int
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		if i+1 >= len(b) {
			break
		}
		t := b[i+1]
		switch {
		case c >= 0x81 && c <= 0xFE && t >= 0x30 && t <= 0x39:
			if i+3 >= len(b) {
				i = len(b)
			} else if b[i+2] >= 0x81 && b[i+2] <= 0xFE && b[i+3] >= 0x30 && b[i+3] <= 0x39 {
				four++
				i += 4
			} else {
				lone++
				i++
			}
		case (c == 0xA4 || c == 0xA5) && t >= 0xA1:
			kana++
			i += 2
		case c >= 0xA1 && c <= 0xF7 && t >= 0xA1 && t <= 0xFE:
			common++
			i += 2
		case c >= 0x81 && c <= 0xFE && t >= 0x40 && t != 0x7F && t != 0xFF:
			if t < 0x80 {
				lone++ // as likely a Western letter followed by an ASCII one
			}
			rare++
			i += 2
		default:
			lone++
			i++
		}
	}
	chinese := common + four
	switch {
	case chinese > 0 && chinese >= 9*(rare+kana) && chinese >= 9*lone:
		return "gb18030"
	case chinese >= 4 && chinese >= 3*rare && chinese >= 3*kana && four+common >= 8*lone:
		return "gb18030"
	case kana > common/4 && kana > lone:
		return "EUC-JP"
	case rare > 2*lone || common > lone && rare > 0:
		return "SHIFT_JIS or BIG5"
	case bad < 3 || good >= bad:
		return "utf-8" // a stray byte or two: those rows are rejected
	}
	return "WINDOWS-1252"
}

// decoded converts text to UTF-8. What the encoding does not know becomes 0xFF, which is invalid in UTF-8.
func decoded(r io.Reader, e encoding.Encoding) io.Reader {
	return &unknownMarker{r: transform.NewReader(r, e.NewDecoder())}
}

// unknownMarker overwrites U+FFFD, which stands for what could not be decoded, with three invalid bytes.
type unknownMarker struct {
	r    io.Reader
	buf  [64 << 10]byte
	n    int    // bytes in buf
	out  []byte // the part of buf that is ready
	kept int    // bytes at the end of buf that may be the beginning of U+FFFD
	err  error
}

var replacement = []byte("\uFFFD")

func (m *unknownMarker) Read(p []byte) (int, error) {
	for len(m.out) == 0 {
		if m.err != nil {
			return 0, m.err
		}
		m.fill()
	}
	n := copy(p, m.out)
	m.out = m.out[n:]
	return n, nil
}

func (m *unknownMarker) fill() {
	copy(m.buf[:], m.buf[m.n-m.kept:m.n])
	k, err := m.r.Read(m.buf[m.kept:])
	m.n, m.err = m.kept+k, err
	for b := m.buf[:m.n]; ; {
		i := bytes.Index(b, replacement)
		if i < 0 {
			break
		}
		b[i], b[i+1], b[i+2] = 0xFF, 0xFF, 0xFF
		b = b[i+3:]
	}
	m.kept = 0
	if err == nil {
		for k := 2; k > 0; k-- {
			if bytes.HasSuffix(m.buf[:m.n], replacement[:k]) {
				m.kept = k
				break
			}
		}
	}
	m.out = m.buf[:m.n-m.kept]
}

// wide decodes UTF-16. A surrogate without its partner becomes 0xFF, which is invalid in UTF-8.
type wide struct {
	r   io.Reader
	big bool
	in  [8192]byte
	n   int // bytes in in
	out []byte
	err error
}

func (w *wide) Read(p []byte) (int, error) {
	for len(w.out) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.fill()
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

func (w *wide) fill() {
	k, err := w.r.Read(w.in[w.n:])
	w.n += k
	w.err = err
	w.out = w.out[:0:0]
	unit := func(i int) rune {
		if w.big {
			return rune(w.in[i])<<8 | rune(w.in[i+1])
		}
		return rune(w.in[i+1])<<8 | rune(w.in[i])
	}
	i := 0
	for i+2 <= w.n {
		u := unit(i)
		if u < 0xD800 || u > 0xDFFF {
			w.out = utf8.AppendRune(w.out, u)
			i += 2
			continue
		}
		if u < 0xDC00 && i+4 > w.n && err == nil {
			break // its partner comes with the next read
		}
		if u < 0xDC00 && i+4 <= w.n {
			if v := unit(i + 2); v >= 0xDC00 && v <= 0xDFFF {
				w.out = utf8.AppendRune(w.out, (u-0xD800)<<10|(v-0xDC00)+0x10000)
				i += 4
				continue
			}
		}
		w.out = append(w.out, 0xFF)
		i += 2
	}
	if err != nil && i < w.n {
		w.out = append(w.out, 0xFF) // half a unit at the end
		i = w.n
	}
	copy(w.in[:], w.in[i:w.n])
	w.n -= i
}
