package rule

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"kequn"
)

// source is a rule's text and how to find places in it.
//
// CEL's names are ASCII. A name with other letters, or between backticks, is replaced by a stand-in before CEL reads the
// text; names holds what each stands for, and origin says where each character of the replaced text came from.
type source struct {
	where   string // what errors call the text: "rule", or "audience vip"
	text    []rune
	names   map[string]string // stand-in: name
	aliases map[string]string // name: stand-in
	origin  []int32
}

// standIn begins every stand-in. A name that begins so itself gets one too.
const standIn = "__name_"

// place is a place in a rule: a character's offset.
type place struct {
	s      *source
	offset int
}

func (p place) errorf(format string, args ...any) *kequn.Error {
	line, column := 1, 1
	for _, r := range p.s.text[:min(p.offset, len(p.s.text))] {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return kequn.Errorf(kequn.KindUsage, fmt.Sprintf("%s:%d:%d", p.s.where, line, column), format, args...)
}

// parse checks the text's size and depth and lets CEL read it.
func parse(where, text string) (*ast.AST, *source, error) {
	s := &source{where: where, names: map[string]string{}, aliases: map[string]string{}}
	if len(text) > MaxBytes {
		return nil, s, kequn.Errorf(kequn.KindUsage, where, "is %d bytes long, at most %d are read", len(text), MaxBytes).WithHint("save parts of it as audiences and combine them with in_audience")
	}
	if !utf8.ValidString(text) {
		return nil, s, kequn.Errorf(kequn.KindUsage, where, "is not UTF-8 text")
	}
	s.text = []rune(text)
	if strings.TrimSpace(text) == "" {
		return nil, s, place{s, 0}.errorf("the rule is empty").WithHint(`for example orders.last("90d").count() >= 2`)
	}
	replaced, err := s.replaceNames()
	if err != nil {
		return nil, s, err
	}
	p, perr := parser.NewParser(parser.EnablePrattParser(true), parser.EnableVariadicOperatorASTs(true), parser.ErrorReportingLimit(4),
		parser.MaxRecursionDepth(4*MaxDepth), parser.ExpressionSizeCodePointLimit(-1), parser.MaxExpressionNodeCount(8*MaxNodes))
	if perr != nil {
		return nil, s, perr
	}
	src := common.NewTextSource(replaced)
	tree, errs := p.Parse(src)
	if list := errs.GetErrors(); len(list) > 0 {
		offset := int32(0)
		if o, ok := src.LocationOffset(list[0].Location); ok {
			offset = o
		}
		return nil, s, s.syntaxError(offset, list[0].Message)
	}
	return tree, s, nil
}

func (s *source) syntaxError(offset int32, message string) *kequn.Error {
	at := s.at(offset)
	switch {
	case strings.Contains(message, "recursion limit"):
		return at.errorf("the rule is nested too deeply, at most %d levels are read", MaxDepth)
	case strings.Contains(message, "node count") || strings.Contains(message, "expression node"):
		return at.errorf("the rule is too long, at most %d operations are read", MaxNodes)
	case strings.Contains(message, "<EOF>"):
		return at.errorf("the rule ends where something is still to come").WithHint("is a value missing, or a closing parenthesis?")
	}
	message = strings.TrimPrefix(message, "Syntax error: ")
	if r := []rune(message); len(r) > 0 {
		message = string(unicode.ToLower(r[0])) + string(r[1:])
	}
	for name, original := range s.names {
		message = strings.ReplaceAll(message, name, original)
	}
	return at.errorf("%s", message)
}

// at returns the place of a character of the replaced text.
func (s *source) at(offset int32) place {
	switch {
	case offset < 0 || len(s.origin) == 0:
		return place{s, 0}
	case int(offset) >= len(s.origin):
		return place{s, len(s.text)}
	}
	return place{s, int(s.origin[offset])}
}

// original returns the name that a name in CEL's tree stands for.
func (s *source) original(name string) string {
	if o, ok := s.names[name]; ok {
		return o
	}
	return name
}

// lookalikes are signs that input methods write where a rule wants an ASCII one.
var lookalikes = map[rune]string{'“': `"`, '”': `"`, '‘': `'`, '’': `'`, '＂': `"`, '（': "(", '）': ")", '，': ",", '。': ".", '＝': "=", '！': "!", '＞': ">", '＜': "<",
	'＆': "&", '｜': "|", '【': "[", '】': "]", '、': ",", '；': ";", '：': ":", '？': "?", '＋': "+", '－': "-", '＊': "*", '／': "/"}

func isLetter(r rune) bool { return r == '_' || unicode.IsLetter(r) }
func isDigit(r rune) bool {
	return unicode.IsDigit(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.Nl, r)
}

// replaceNames returns the text with stand-ins. It refuses what no rule has: NUL, lookalike quotes, too many brackets.
func (s *source) replaceNames() (string, error) {
	var out []rune
	emit := func(from, to int) {
		for ; from < to; from++ {
			out, s.origin = append(out, s.text[from]), append(s.origin, int32(from))
		}
	}
	t, depth := s.text, 0
	for i := 0; i < len(t); {
		r := t[i]
		end := i + 1
		switch {
		case r == '"' || r == '\'':
			end = stringEnd(t, i, false)
		case r == '/' && i+1 < len(t) && t[i+1] == '/':
			for end < len(t) && t[end] != '\n' {
				end++
			}
		case r == '`':
			name, e, ok := quotedName(t, i)
			if !ok {
				return "", place{s, i}.errorf("the name's closing backtick is missing")
			}
			out = s.emitStandIn(out, name, i)
			i = e
			continue
		case isLetter(r):
			for end < len(t) && (isLetter(t[end]) || isDigit(t[end])) {
				end++
			}
			word := string(t[i:end])
			if end < len(t) && (t[end] == '"' || t[end] == '\'') {
				if l := strings.ToLower(word); l == "r" || l == "b" || l == "rb" || l == "br" {
					end = stringEnd(t, end, strings.Contains(l, "r"))
					break
				}
			}
			if !isASCII(word) || strings.HasPrefix(word, standIn) {
				out = s.emitStandIn(out, word, i)
				i = end
				continue
			}
		case r >= '0' && r <= '9':
			for end < len(t) && t[end] < 0x80 && (isLetter(t[end]) || t[end] >= '0' && t[end] <= '9') {
				end++ // 10u and 0xff are one word
			}
		case r == '(' || r == '[' || r == '{':
			if depth++; depth > MaxDepth {
				return "", place{s, i}.errorf("the rule is nested too deeply, at most %d levels are read", MaxDepth)
			}
		case r == ')' || r == ']' || r == '}':
			depth--
		case lookalikes[r] != "":
			return "", place{s, i}.errorf("the sign %q means nothing in a rule", r).WithHint("write %s", lookalikes[r])
		case r == 0 || r >= 0x80 && !unicode.IsSpace(r):
			return "", place{s, i}.errorf("the character %U means nothing in a rule", r).WithHint("texts stand in quotes, unusual names between backticks")
		}
		emit(i, end)
		i = end
	}
	return string(out), nil
}

func (s *source) emitStandIn(out []rune, name string, at int) []rune {
	alias := s.aliases[name]
	if alias == "" {
		alias = fmt.Sprint(standIn, len(s.names), "_")
		s.names[alias], s.aliases[name] = name, alias
	}
	for _, r := range alias {
		out, s.origin = append(out, r), append(s.origin, int32(at))
	}
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// quotedName reads a name between backticks that starts at i; a doubled backtick is one of the name.
func quotedName(t []rune, i int) (name string, end int, ok bool) {
	var b strings.Builder
	for i++; i < len(t); i++ {
		if t[i] != '`' {
			b.WriteRune(t[i])
			continue
		}
		if i+1 < len(t) && t[i+1] == '`' {
			b.WriteRune('`')
			i++
			continue
		}
		return b.String(), i + 1, b.Len() > 0
	}
	return "", i, false
}

// stringEnd returns where the text literal that starts at i ends; one that never ends is left to CEL's own complaint.
func stringEnd(t []rune, i int, raw bool) int {
	q := t[i]
	n := 1
	if i+2 < len(t) && t[i+1] == q && t[i+2] == q {
		n = 3
	}
	for i += n; i < len(t); i++ {
		if t[i] == '\\' && !raw {
			i++
			continue
		}
		if t[i] != q {
			continue
		}
		if n == 1 {
			return i + 1
		}
		if i+2 < len(t) && t[i+1] == q && t[i+2] == q {
			return i + 3
		}
	}
	return len(t)
}

// quoteName writes a name as rules read it.
func quoteName(name string) string {
	plain := name != "" && !reserved[name] && !strings.HasPrefix(name, standIn)
	for i, r := range name {
		if !(isLetter(r) || i > 0 && isDigit(r)) {
			plain = false
		}
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// reserved words of CEL cannot be names, except between backticks.
var reserved = map[string]bool{"as": true, "break": true, "const": true, "continue": true, "else": true, "false": true, "for": true, "function": true,
	"if": true, "import": true, "in": true, "let": true, "loop": true, "package": true, "namespace": true, "null": true, "return": true, "true": true,
	"var": true, "void": true, "while": true}
