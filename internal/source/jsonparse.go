package source

import (
	"unicode/utf16"
	"unicode/utf8"
)

// jsonDepth is how deep objects and arrays may lie in each other.
const jsonDepth = 64

// jsonNode is a field that objects have, at its place in the nest.
//
//	{"id": 7, "customer": {"id": "C1", "tags": ["a"]}}   →   id · customer.id · customer.tags
type jsonNode struct {
	name  string
	path  string // with the names of the objects around it, joined by dots
	place int    // of its value among the cells of a row, -1 if nobody wants it
	kids  []*jsonNode
	index map[string]*jsonNode // looked up only; nil while there are few kids
	guess int                  // the kid that is likely to come next: objects repeat their order
	seen  int64                // the record that had it last

	value bool // some record has a value that is no object
	null  bool // some record has null
	rows  bool // some record has an array of objects
}

func (n *jsonNode) kid(name []byte) *jsonNode {
	if n.guess < len(n.kids) {
		if k := n.kids[n.guess]; k.name == string(name) {
			n.guess++
			return k
		}
	}
	if n.index != nil {
		return n.index[string(name)]
	}
	for i, k := range n.kids {
		if k.name == string(name) {
			n.guess = i + 1
			return k
		}
	}
	return nil
}

// maxNewName is how long the name of an unknown field may be to be told: longer ones are data.
const maxNewName = 60

// dotted is the path of a field within an object.
func dotted(path, name string) string {
	if path != "" {
		return path + "." + name
	}
	return name
}

func (n *jsonNode) add(name string) *jsonNode {
	k := &jsonNode{name: name, path: dotted(n.path, name), place: -1}
	n.kids = append(n.kids, k)
	if n.index != nil {
		n.index[name] = k
	} else if len(n.kids) > 16 {
		n.index = make(map[string]*jsonNode, 32)
		for _, k := range n.kids {
			n.index[k.name] = k
		}
	}
	return k
}

// copy returns the tree for another goroutine; place gives each column's place among the cells.
func (n *jsonNode) copy(place []int) *jsonNode {
	out := &jsonNode{name: n.name, path: n.path, place: -1}
	if n.place >= 0 {
		out.place = place[n.place]
	}
	for _, k := range n.kids {
		c := k.copy(place)
		out.kids = append(out.kids, c)
	}
	if n.index != nil {
		out.index = make(map[string]*jsonNode, len(out.kids))
		for _, k := range out.kids {
			out.index[k.name] = k
		}
	}
	return out
}

// walk calls f for every field, in the order of first appearance, nested ones where their object stands.
func (n *jsonNode) walk(f func(*jsonNode)) {
	for _, k := range n.kids {
		f(k)
		k.walk(f)
	}
}

// jsonParser cuts one JSON object after the other into cells. The grammar is that of RFC 8259, of which it accepts
// exactly what encoding/json does, with one addition: NaN, Infinity and -Infinity, which Python writes, are numbers that
// are none; the column decides what they cost.
type jsonParser struct {
	text     []byte // values with escapes are written behind the records
	end      int    // of the record
	root     *jsonNode
	learn    bool // unknown fields become known
	nodes    int  // learnt
	cells    []span
	record   int64
	late     bool     // the record has a field that is unknown
	fields   []string // those fields, a few of them
	flaw     Reason
	fieldMax int
	key      []byte // of a key with escapes
}

// jsonClass sorts the bytes within a string.
var jsonClass = func() (t [256]uint8) {
	for c := range 0x20 {
		t[c] = 3
	}
	t['"'], t['\\'], t[0x7F] = 1, 2, 4
	return
}()

// parse reads the object text[from:to]. cells are filled; a flaw is the first thing that is wrong with the record.
func (p *jsonParser) parse(from, to int) Reason {
	p.end, p.late, p.fields, p.flaw = to, false, p.fields[:0], ""
	p.record++
	i := p.space(from)
	if i >= to || p.text[i] != '{' {
		why := NotObject
		if next, ok := p.value(i, nil, 1); !ok || p.space(next) != to {
			why = orReason(p.flaw, NotJSON)
		}
		return why
	}
	next, ok := p.object(i, p.root, 1)
	if !ok || p.space(next) != to {
		if p.flaw == TooDeep {
			return TooDeep
		}
		return NotJSON
	}
	return p.flaw
}

func orReason(r, other Reason) Reason {
	if r == TooDeep {
		return r
	}
	return other
}

func (p *jsonParser) space(i int) int {
	for i < p.end && (p.text[i] == ' ' || p.text[i] == '\n' || p.text[i] == '\r' || p.text[i] == '\t') {
		i++
	}
	return i
}

// object reads the object that begins at i. Within node nil its fields are checked and left out.
func (p *jsonParser) object(i int, node *jsonNode, depth int) (next int, ok bool) {
	if depth > jsonDepth {
		p.flaw = TooDeep
		return i, false
	}
	if node != nil {
		node.guess = 0
	}
	i = p.space(i + 1)
	if i < p.end && p.text[i] == '}' {
		return i + 1, true
	}
	for {
		if i >= p.end || p.text[i] != '"' {
			return i, false
		}
		from := i + 1
		next, escaped, ok := p.str(from)
		if !ok {
			return i, false
		}
		var kid *jsonNode
		unknown := ""
		if node != nil {
			name := p.text[from : next-1]
			if escaped {
				var why Reason
				if p.key, why = appendUnescaped(p.key[:0], name); why != "" {
					p.blame(why)
				}
				name = p.key
			}
			if kid = node.kid(name); kid == nil {
				if p.learn {
					kid = node.add(string(name))
					p.nodes++
				} else {
					p.late = true
					if len(p.fields) < maxNewFields && len(name) <= maxNewName {
						unknown = dotted(node.path, string(name))
					}
				}
			}
			if kid != nil {
				if kid.seen == p.record {
					p.blame(FieldTwice)
				}
				kid.seen = p.record
			}
		}
		if i = p.space(next); i >= p.end || p.text[i] != ':' {
			return i, false
		}
		i = p.space(i + 1)
		if unknown != "" {
			if i < p.end && p.text[i] == '{' {
				kid = &jsonNode{path: unknown, place: -1} // its fields are the unknown ones
			} else {
				p.fields = append(p.fields, unknown)
			}
		}
		if i, ok = p.value(i, kid, depth); !ok {
			return i, false
		}
		if i = p.space(i); i >= p.end {
			return i, false
		}
		switch p.text[i] {
		case ',':
			i = p.space(i + 1)
		case '}':
			return i + 1, true
		default:
			return i, false
		}
	}
}

func (p *jsonParser) blame(why Reason) {
	if p.flaw == "" {
		p.flaw = why
	}
}

// value reads the value that begins at i, and keeps it if node has a place.
func (p *jsonParser) value(i int, node *jsonNode, depth int) (next int, ok bool) {
	if i >= p.end {
		return i, false
	}
	switch c := p.text[i]; c {
	case '"':
		next, escaped, ok := p.str(i + 1)
		if !ok {
			return i, false
		}
		if node != nil {
			p.keepString(node, span{uint32(i + 1), uint32(next - 1)}, escaped)
		}
		return next, true
	case '{':
		return p.object(i, node, depth+1)
	case '[':
		next, rows, ok := p.array(i, depth+1)
		if ok && node != nil {
			node.rows = node.rows || rows
			v := span{uint32(i), uint32(next)}
			if string(p.text[i:next]) == "[]" {
				v.from = v.to
			}
			p.keep(node, v)
		}
		return next, ok
	case 't':
		return p.literal(i, "true", node)
	case 'f':
		return p.literal(i, "false", node)
	case 'n':
		if node != nil {
			node.null = true
		}
		return p.literal(i, "null", nil)
	case 'N':
		return p.literal(i, "NaN", node)
	case 'I':
		return p.literal(i, "Infinity", node)
	default:
		if c == '-' && i+1 < p.end && p.text[i+1] == 'I' {
			return p.literal(i, "-Infinity", node)
		}
		next, ok := p.number(i)
		if ok && node != nil {
			p.keep(node, span{uint32(i), uint32(next)})
		}
		return next, ok
	}
}

// array checks the array that begins at i, and tells whether its first value is an object.
func (p *jsonParser) array(i, depth int) (next int, rows, ok bool) {
	if depth > jsonDepth {
		p.flaw = TooDeep
		return i, false, false
	}
	i = p.space(i + 1)
	if i < p.end && p.text[i] == ']' {
		return i + 1, false, true
	}
	rows = i < p.end && p.text[i] == '{'
	for {
		if i, ok = p.value(i, nil, depth); !ok {
			return i, rows, false
		}
		if i = p.space(i); i >= p.end {
			return i, rows, false
		}
		switch p.text[i] {
		case ',':
			i = p.space(i + 1)
		case ']':
			return i + 1, rows, true
		default:
			return i, rows, false
		}
	}
}

func (p *jsonParser) literal(i int, word string, node *jsonNode) (next int, ok bool) {
	next = i + len(word)
	if next > p.end || string(p.text[i:next]) != word {
		return i, false
	}
	if node != nil {
		p.keep(node, span{uint32(i), uint32(next)})
	}
	return next, true
}

func (p *jsonParser) number(i int) (next int, ok bool) {
	if i < p.end && p.text[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < p.end && p.text[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if i < p.end && p.text[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < p.end && p.text[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < p.end && p.text[i]|0x20 == 'e' {
		i++
		if i < p.end && (p.text[i] == '+' || p.text[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// str reads the rest of a string whose opening quote lies before i, and returns what follows its closing quote.
func (p *jsonParser) str(i int) (next int, escaped, ok bool) {
	text := p.text[:p.end]
	for {
		for i < len(text) && jsonClass[text[i]] == 0 {
			i++
		}
		if i >= len(text) {
			return i, escaped, false
		}
		switch jsonClass[text[i]] {
		case 1:
			return i + 1, escaped, true
		case 2:
			escaped = true
			if i+1 >= len(text) {
				return i, true, false
			}
			switch text[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if i+6 > len(text) {
					return i, true, false
				}
				if _, ok := hex4(text[i+2:]); !ok {
					return i, true, false
				}
				i += 6
			default:
				return i, true, false
			}
		case 4:
			p.blame(ControlByte)
			i++
		default:
			return i, escaped, false
		}
	}
}

func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (p *jsonParser) keepString(node *jsonNode, v span, escaped bool) {
	if escaped && node.place >= 0 {
		from := len(p.text)
		var why Reason
		if p.text, why = appendUnescaped(p.text, p.text[v.from:v.to]); why != "" {
			p.blame(why)
		}
		v = span{uint32(from), uint32(len(p.text))}
	}
	p.keep(node, v)
}

func (p *jsonParser) keep(node *jsonNode, v span) {
	node.value = true
	if node.place < 0 {
		return
	}
	if int(v.to-v.from) > p.fieldMax {
		p.blame(FieldTooLong)
		return
	}
	p.cells[node.place] = v
}

// appendUnescaped appends a string without its escapes, which are known to be well-formed. A NUL, a control character
// and half of a surrogate pair are written as they are and told, because no text of ours holds them.
func appendUnescaped(dst, b []byte) ([]byte, Reason) {
	var why Reason
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			continue
		}
		i++
		r := rune(b[i])
		switch b[i] {
		case 'b':
			r = '\b'
		case 'f':
			r = '\f'
		case 'n':
			r = '\n'
		case 'r':
			r = '\r'
		case 't':
			r = '\t'
		case 'u':
			r, _ = hex4(b[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				var low rune
				if i+6 < len(b) && b[i+1] == '\\' && b[i+2] == 'u' {
					low, _ = hex4(b[i+3:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				} else if why == "" {
					why = BadEncoding
				}
			}
		}
		if why == "" && (r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7F) {
			why = ControlByte
			if r == 0 {
				why = NULByte
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, why
}
