package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
)

// CardPage is a model card: how far to trust one model, and why it says what it says, for people who decide with it.
// Whatever is nil or empty is left out.
type CardPage struct {
	Lang  kequn.Lang
	Title string // "bank_marketing: y = yes", or the question that the model answers

	Program  string // version
	Created  string
	Data     string // file name
	DataHash string
	Window   string // cutoffs, or "one table"
	Seed     uint64
	Params   []Param // of the chosen model

	Card      *evaluate.Card
	Why       *explain.Global
	Rungs     []Rung // the ladder, simplest first
	WhyChosen Text
	Leaks     []Text
	Notes     []string
	Examples  []Example

	// Words says what a column is; nil, and columns of which it returns no word, are called by their names.
	Words func(column string) Text
}

// Param is one parameter with its value.
type Param struct {
	Name  string
	Value float64
}

// ParamsOf lists parameters by name.
func ParamsOf(m map[string]float64) []Param {
	out := make([]Param, 0, len(m))
	for name, v := range m {
		out = append(out, Param{name, v})
	}
	slices.SortFunc(out, func(a, b Param) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Example is one score explained, of a customer who is not named.
type Example struct {
	Title     Text
	Explained explain.Explained
	Change    *explain.Change // nearest change that flips what is decided; nil where none was found or asked for
}

//go:embed card.html
var cardText string

//go:embed card.css
var cardStyle string

var cardTemplate = template.Must(template.New("cards").Funcs(template.FuncMap{"style": style}).Parse(cardText))

// WriteCard writes the card as one self-contained HTML page that asks the network for nothing and runs no script.
// Everything that comes from data is escaped.
func WriteCard(w io.Writer, p CardPage) error {
	v := cardOf(p)
	return cardTemplate.ExecuteTemplate(w, "card", v.document())
}

// WriteCardMarkdown writes the same card as GitHub-flavoured Markdown, with tables in place of pictures.
func WriteCardMarkdown(w io.Writer, p CardPage) error {
	v := cardOf(p)
	_, err := io.WriteString(w, markdown(v.document()))
	return err
}

// cardView knows how to say the card's figures in its language.
type cardView struct {
	CardPage
	card *evaluate.Card // never nil
	why  *explain.Global
}

func cardOf(p CardPage) cardView {
	v := cardView{CardPage: p, card: p.Card, why: p.Why}
	if v.card == nil {
		v.card = &evaluate.Card{}
	}
	if v.why == nil {
		v.why = &explain.Global{}
	}
	return v
}

// document puts the card together in the order in which it is read.
func (v cardView) document() document {
	d := document{
		Code: v.Lang.Pick("zh-CN", "en"), Title: v.Title, Kind: v.say("模型卡", "Model card"), Tiles: v.tiles(),
		Foot: v.say("由 kequn 生成", "Made by kequn"),
	}
	for _, s := range []string{v.Data, v.Window, v.Created} {
		if s != "" {
			d.Under = append(d.Under, s)
		}
	}
	if v.Program != "" {
		d.Foot += " " + v.Program
	}
	if v.Created != "" {
		d.Foot += " · " + v.Created
	}
	for _, s := range []section{
		{"verdict", v.say("结论", "The verdict"), v.verdict()},
		{"accuracy", v.rankTitle(), v.accuracy()},
		{"stability", v.say("稳不稳", "How stable it is"), v.stability()},
		{"reasons", v.say("凭什么这样打分", "Why it scores as it does"), v.reasons()},
		{"more", v.say("更多数据有没有用，要花多少时间", "Would more data help, and what it costs"), v.more()},
		{"elsewhere", v.say("换个时间、换一群人，还准吗", "Does it hold elsewhere"), v.elsewhere()},
		{"rungs", v.say("更简单的模型够不够", "Would a simpler model do"), v.rungs()},
		{"fairness", v.say("对各个群体公平吗", "Is it fair to groups"), v.fairness()},
		{"facts", v.say("来历与边界", "Facts and limits"), v.facts()},
	} {
		if len(s.Blocks) > 0 {
			d.Sections = append(d.Sections, s)
		}
	}
	return d
}

func (v cardView) say(zh, en string) string { return v.Lang.Pick(zh, en) }
func (v cardView) pick(t Text) string       { return v.Lang.Pick(t.ZH, t.EN) }

// sayf fills a sentence in.
func (v cardView) sayf(zh, en string, args ...any) string {
	return fmt.Sprintf(v.Lang.Pick(zh, en), args...)
}

// column says what a column is.
func (v cardView) column(name string) string {
	if v.Words != nil {
		if w := v.pick(v.Words(name)); w != "" {
			return w
		}
	}
	return name
}

// family says what kind of model a name stands for.
func (v cardView) family(name string) string {
	if t, ok := families[name]; ok {
		return v.pick(t)
	}
	return name
}

func (v cardView) binary() bool { return v.card.Task != kequn.Regression }

// skill is what the figure of ranking is called.
func (v cardView) skill() string {
	if v.binary() {
		return "AUC"
	}
	return "R²"
}
