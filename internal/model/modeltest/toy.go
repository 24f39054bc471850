package modeltest

import (
	"math"
	"math/rand/v2"
	"strconv"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// toy is a small table with what real ones have: missing values, a skewed amount, counts, categories with a rare level,
// constant columns and noise. The outcome follows age, income and city.
type toy struct {
	x *table.Table
	y model.Outcome
}

func newToy(task kequn.Task, n int, seed uint64) toy {
	r := rand.New(rand.NewPCG(seed, 1))
	age := table.NewColumn("age", table.Number, n)
	income := table.NewColumn("income", table.Number, n)
	noise := table.NewColumn("noise", table.Number, n)
	flat := table.NewColumn("flat", table.Number, n)
	visits := table.NewColumn("visits", table.Integer, n)
	city := table.NewColumn("city", table.Category, n)
	only := table.NewColumn("only", table.Category, n)
	y := model.Outcome{Task: task, Y: make([]float64, n)}
	if task == kequn.Multiclass {
		y.Classes = []string{"low", "middle", "high"}
	}
	cities := []string{"上海", "Paris", "Lagos", "Quito"}
	for i := range n {
		a, m, c := 20+50*r.Float64(), math.Exp(3+r.NormFloat64()), r.IntN(4)
		s := (a-45)/10 + 0.8*(math.Log(m)-3) + []float64{1.5, 0, -1.5, 0.5}[c]
		if r.Float64() < 0.1 {
			age.AppendMissing()
		} else {
			age.Num = append(age.Num, a)
		}
		income.Num = append(income.Num, m)
		noise.Num = append(noise.Num, r.NormFloat64())
		flat.Num = append(flat.Num, 7)
		visits.Int = append(visits.Int, int64(r.IntN(5)))
		switch {
		case r.Float64() < 0.05:
			city.AppendMissing()
		case r.Float64() < 0.01:
			city.AppendString("Nuuk")
		default:
			city.AppendString(cities[c])
		}
		only.AppendString("x")
		switch task {
		case kequn.Binary:
			if r.Float64() < 1/(1+math.Exp(-2*s)) {
				y.Y[i] = 1
			}
		case kequn.Regression:
			y.Y[i] = 10 + 3*s + r.NormFloat64()
		case kequn.Multiclass:
			switch v := s + 0.5*r.NormFloat64(); {
			case v > 1:
				y.Y[i] = 2
			case v > -1:
				y.Y[i] = 1
			}
		}
	}
	return toy{x: table.New(visits, age, only, income, noise, flat, city), y: y}
}

func (t toy) take(rows []int32) toy { return toy{x: t.x.Take(rows), y: t.y.Take(rows)} }

func (t toy) with(c *table.Column) toy {
	cols := make([]*table.Column, len(t.x.Columns))
	copy(cols, t.x.Columns)
	if i := t.x.Index(c.Name); i >= 0 {
		cols[i] = c
	} else {
		cols = append(cols, c)
	}
	return toy{x: table.New(cols...), y: t.y}
}

func count(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

func numberColumn(name string, n int, at func(i int) float64) *table.Column {
	c := table.NewColumn(name, table.Number, n)
	for i := range n {
		c.Num = append(c.Num, at(i))
	}
	return c
}

func uniqueCategory(name string, n int) *table.Column {
	c := table.NewColumn(name, table.Category, n)
	for i := range n {
		c.AppendString("id" + strconv.Itoa(i))
	}
	return c
}

// cloneDeep copies a table with its values, to see whether somebody changed the original.
func cloneDeep(x *table.Table) *table.Table {
	c := x.Take(count(x.NRows()))
	for i, col := range c.Columns {
		if col.Dict != nil {
			c.Columns[i].Dict = table.DictOf(x.Columns[i].Dict.Values()...)
		}
	}
	return c
}

func sameTable(a, b *table.Table) bool {
	if len(a.Columns) != len(b.Columns) || a.NRows() != b.NRows() {
		return false
	}
	for j, c := range a.Columns {
		d := b.Columns[j]
		if c.Name != d.Name || c.Kind != d.Kind {
			return false
		}
		for i := range c.Len() {
			switch {
			case c.IsMissing(i) != d.IsMissing(i):
				return false
			case c.IsMissing(i):
			case c.Kind.InCode():
				if c.Code[i] != d.Code[i] || c.String(i) != d.String(i) {
					return false
				}
			case c.Float(i) != d.Float(i):
				return false
			}
		}
	}
	return true
}
