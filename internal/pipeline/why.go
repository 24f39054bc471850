package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/explain"
	"kequn/internal/feature"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Why is what the scores and decisions of one customer rest on.
type Why struct {
	Customer  string        `json:"customer"`
	Cutoff    string        `json:"cutoff"`
	Goals     []WhyGoal     `json:"goals"`
	Decisions []WhyDecision `json:"decisions"`
	Segments  []WhySegment  `json:"segments"`
}

// WhyGoal is a score with its reasons.
type WhyGoal struct {
	Goal       string      `json:"goal"`
	Question   string      `json:"question"`
	Score      float64     `json:"score"`
	Percentile float64     `json:"percentile"` // share of scored customers whose score is not higher
	Headline   string      `json:"headline"`
	Base       float64     `json:"base"`   // margin of the average customer
	Margin     float64     `json:"margin"` // base plus all contributions
	Reasons    []WhyReason `json:"reasons"`
	Change     *WhyChange  `json:"nearest_change,omitempty"`
	Outlook    *Outlook    `json:"lifetime,omitempty"` // of a count or an amount: what the lifetime model says
}

// WhyChange is the nearest change that would take the customer into, or out of, the best scored fifth.
type WhyChange struct {
	Enters    bool           `json:"enters"`    // into the best scored fifth
	Threshold float64        `json:"threshold"` // its lowest score
	Steps     []explain.Step `json:"steps"`
	To        float64        `json:"to"` // the score then
	Text      string         `json:"text"`
}

// WhyReason is one feature's part in a score.
type WhyReason struct {
	Feature      string     `json:"feature"`
	Value        string     `json:"value"`
	Contribution float64    `json:"contribution"` // on the margin
	Kind         query.Kind `json:"kind"`
	Text         string     `json:"text"`
}

// WhyDecision is what was decided for the customer.
type WhyDecision struct {
	Campaign string  `json:"campaign"`
	Group    string  `json:"group"`
	Offer    string  `json:"offer,omitempty"`
	Value    float64 `json:"value"`
	Reason   string  `json:"reason,omitempty"`
	Text     string  `json:"text"`
}

// WhySegment is the customer's segment.
type WhySegment struct {
	Segmentation string `json:"segmentation"`
	Segment      string `json:"segment"` // its key, as rules know it
	Name         string `json:"name"`    // in the user's language
}

// mostReasons is how many reasons are told: more than people keep in mind help nobody.
const mostReasons = 6

// Why explains a customer's scores, by the models that the last run or predict kept, and the decisions about the customer.
// A customer who is not in the data is a usage error.
func (s *Shop) Why(ctx context.Context, customer, goal string) (*Why, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	out := &Why{Customer: customer, Goals: []WhyGoal{}, Decisions: []WhyDecision{}, Segments: []WhySegment{}}
	for _, b := range v.snap.Blobs(docs) {
		name, ok := strings.CutPrefix(b.Name, "goal.")
		if !ok || goal != "" && name != goal {
			continue
		}
		g, err := s.whyGoal(ctx, v, name, customer)
		if err != nil {
			return nil, err
		}
		if g != nil {
			out.Goals = append(out.Goals, g.WhyGoal)
			out.Cutoff = g.cutoff
		}
	}
	if goal != "" && len(out.Goals) == 0 {
		return nil, kequn.Errorf(kequn.KindUsage, "", "goal %q has no model yet, or the customer was not eligible", goal).WithHint("kequn predict %s", goal)
	}
	if out.Cutoff == "" {
		t, err := v.cutoff("")
		if err != nil {
			return nil, err
		}
		out.Cutoff = kequn.FormatZone(t, v.zone)
		// Nothing is known of the customer's scores, but an unknown id must not pass in silence.
		if _, err := s.valuesOf(ctx, v, customer, t, []*query.Node{query.CustomerID()}); err != nil {
			return nil, err
		}
	}
	if out.Segments, err = s.whySegments(v, customer); err != nil {
		return nil, err
	}
	out.Decisions, err = s.whyDecisions(v, customer)
	return out, err
}

// valuesOf computes nodes for one customer at a cutoff.
func (s *Shop) valuesOf(ctx context.Context, v *view, customer string, cutoff kequn.Cutoff, nodes []*query.Node) ([]engine.Value, error) {
	e, ok := s.Engine.(engine.Valuer)
	if !ok {
		return nil, kequn.Errorf(kequn.KindUsage, "", "this engine cannot answer for one customer")
	}
	values, err := e.Values(ctx, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Threads: s.Threads}, customer, nodes)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

type explained struct {
	WhyGoal
	cutoff string
}

func (s *Shop) whyGoal(ctx context.Context, v *view, name, customer string) (*explained, error) {
	var doc goalDoc
	if err := s.readDoc("goal."+name, &doc); err != nil {
		return nil, err
	}
	if isListed(doc.Goal) {
		return s.whyListed(v, doc, name, customer)
	}
	text, err := v.snap.Blob("models", name)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(bytes.NewReader(text), s.Decoders)
	if err != nil {
		return nil, err
	}
	nodes := make([]*query.Node, len(doc.Definitions))
	for i, f := range doc.Definitions {
		nodes[i] = f.Node
	}
	data, err := s.reading(v, doc.Definitions, doc.Ask)
	if err != nil {
		return nil, err
	}
	values, err := s.valuesOf(ctx, v.over(data), customer, doc.Ask, nodes)
	if err != nil {
		return nil, err
	}
	x := rowOf(doc.Definitions, values)
	score, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	out := &explained{cutoff: kequn.FormatZone(doc.Ask, v.zone)}
	out.Goal, out.Question, out.Score = name, Question(doc.Goal, s.Lang), score[0]
	out.Percentile = s.percentileOf(v, name, score[0])
	out.Outlook = outlookOf(m, x)
	out.Headline = s.headline(doc, out.WhyGoal)
	if _, ok := m.(model.Attributor); !ok {
		return out, nil
	}
	reasons, err := explain.Reasons(m, x, 0, mostReasons, wordsOf(doc.Definitions))
	if kequn.KindOf(err) == kequn.KindUsage { // a lifetime model alone: what it says of the customer is told beside
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Base, out.Margin = reasons[0].Base, reasons[0].Margin
	for _, r := range reasons[0].Reasons {
		out.Reasons = append(out.Reasons, WhyReason{Feature: r.Column, Value: r.Value, Contribution: r.Contribution, Kind: query.Kind(r.Kind), Text: s.Lang.Pick(r.Zh, r.En)})
	}
	out.Change, err = s.whyChange(ctx, v, doc, m, x, score[0])
	return out, err
}

// wordsOf returns the plain words of features.
func wordsOf(defs []query.Feature) explain.Catalogue {
	byName := map[string]*query.Feature{}
	for i := range defs {
		byName[defs[i].Name] = &defs[i]
	}
	return func(column string) explain.Words {
		f := byName[column]
		if f == nil {
			return explain.Words{}
		}
		return explain.Words{Zh: f.TextZH, En: f.TextEN, Unit: f.Unit, Kind: string(f.Kind), MissingEn: f.Missing, Fact: func(c *table.Column, row int) (zh, en string) {
			number, text := math.NaN(), ""
			if c.Kind.InCode() {
				text = c.String(row)
			} else {
				number = c.Float(row)
			}
			return feature.Sentence(*f, number, text, kequn.Chinese), feature.Sentence(*f, number, text, kequn.English)
		}}
	}
}

// rowOf makes a table of one row out of a customer's values.
func rowOf(defs []query.Feature, values []engine.Value) *table.Table {
	x := &table.Table{}
	for i, f := range defs {
		if f.Node.Type == query.Text {
			c := table.NewColumn(f.Name, table.Category, 1)
			if values[i].Missing {
				c.AppendMissing()
			} else {
				c.AppendString(values[i].Text)
			}
			x.Columns = append(x.Columns, c)
			continue
		}
		v := values[i].Num
		switch {
		case values[i].Missing:
			v = math.NaN()
		case f.Node.Type == query.Bool:
			v = 0
			if values[i].Bool {
				v = 1
			}
		}
		x.Columns = append(x.Columns, &table.Column{Name: f.Name, Kind: table.Number, Num: []float64{v}})
	}
	return x
}

func (s *Shop) percentileOf(v *view, goal string, score float64) float64 {
	t, _, err := v.snap.Table(query.ScoreSet)
	if err != nil || t.Column(goal) == nil {
		return math.NaN()
	}
	below, all := 0, 0
	for _, x := range t.Column(goal).Num {
		if !math.IsNaN(x) {
			all++
			if x <= score {
				below++
			}
		}
	}
	return float64(below) / math.Max(1, float64(all))
}

func (s *Shop) headline(doc goalDoc, g WhyGoal) string {
	value := fmt.Sprintf("%.1f%%", 100*g.Score)
	if doc.Goal.Task() != kequn.Binary {
		value = fmt.Sprintf("%.2f", g.Score)
	}
	return s.Lang.Pick(fmt.Sprintf("%s  %s，高于 %.0f%% 的客户", g.Question, value, 100*g.Percentile), fmt.Sprintf("%s  %s, higher than %.0f %% of customers", g.Question, value, 100*g.Percentile))
}

func (s *Shop) whySegments(v *view, customer string) ([]WhySegment, error) {
	out := []WhySegment{}
	if _, ok := v.snap.Dataset(query.SegmentSet); !ok {
		return out, nil
	}
	t, _, err := v.snap.Table(query.SegmentSet)
	if err != nil {
		return nil, err
	}
	key := t.Column(engine.CustomerColumn)
	for i := range t.NRows() {
		if key.String(i) != customer {
			continue
		}
		for _, c := range t.Columns {
			if c.Name != engine.CustomerColumn && !c.IsMissing(i) {
				x := WhySegment{c.Name, strings.Clone(c.String(i)), strings.Clone(c.String(i))}
				var doc segmentDoc
				if err := s.readDoc("segment."+c.Name, &doc); err != nil {
					return nil, err
				}
				if doc.Segmentation != nil {
					for _, g := range doc.Segmentation.Segments {
						if g.Key == x.Segment {
							x.Name = s.Lang.Pick(g.Name.ZH, g.Name.EN)
						}
					}
				}
				out = append(out, x)
			}
		}
		break
	}
	return out, nil
}
