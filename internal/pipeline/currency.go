package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// currencies is a dataset whose amounts are of several currencies. Amounts of different currencies are never added: those of another
// one than the dataset's are missing wherever amounts are read, so that sums, means and conditions speak of one currency, and the
// rows themselves still count.
type currencies struct {
	column string // that says the currency
	main   string
	masked []string // columns of money
	rows   int64    // with a currency
	others int64    // of them, of another one
}

// amountRoles are the roles of columns that are money, whatever their kind.
var amountRoles = []kequn.ColumnRole{kequn.ColAmount, kequn.ColPrice, kequn.ColDiscount}

// moneys finds the datasets with several currencies. The one that counts is what the plan says of the amount, then of everything,
// then the commonest.
func (s *Shop) moneys(ctx context.Context, data engine.Data) (map[string]*currencies, error) {
	var out map[string]*currencies
	defs := data.Datasets()
	for i := range defs {
		d := &defs[i]
		currency := d.With(kequn.ColCurrency)
		if currency == nil || !currency.Kind.InCode() || !d.Role.HasCustomer() {
			continue
		}
		counts, err := currencyRows(ctx, data, d.Name, currency.Name)
		if err != nil {
			return nil, err
		}
		if len(counts) < 2 {
			continue
		}
		m := &currencies{column: currency.Name}
		said := s.Plan.Currency
		for _, c := range d.Columns {
			if c.Kind == table.Money || slices.Contains(amountRoles, c.Role) {
				m.masked = append(m.masked, c.Name)
			}
			if c.Role == kequn.ColAmount && c.Currency != "" {
				said = c.Currency
			}
		}
		m.main = mainCurrency(counts, said)
		for name, n := range counts {
			m.rows += n
			if name != m.main {
				m.others += n
			}
		}
		if out == nil {
			out = map[string]*currencies{}
		}
		out[d.Name] = m
	}
	return out, nil
}

// mainCurrency is the one that was said, if it is there, or the commonest; the first by name of equally common ones.
func mainCurrency(counts map[string]int64, said string) string {
	if said = currencyName(said); counts[said] > 0 {
		return said
	}
	main := ""
	for name, n := range counts {
		if main == "" || n > counts[main] || n == counts[main] && name < main {
			main = name
		}
	}
	return main
}

// currencyName writes codes alike: " eur" is EUR.
func currencyName(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }

func currencyRows(ctx context.Context, data engine.Data, dataset, column string) (map[string]int64, error) {
	counts := map[string]int64{} // an entry per currency
	for p := range data.NParts() {
		part, err := data.Part(ctx, p, []table.Want{{Dataset: dataset, Columns: []string{column}}})
		if err != nil {
			return nil, err
		}
		c := part.Sets[0].Rows.Columns[0]
		codes := make([]int64, c.Dict.Len())
		for _, k := range c.Code {
			if k >= 0 {
				codes[k]++
			}
		}
		for k, n := range codes {
			if name := currencyName(c.Dict.At(k)); n > 0 && name != "" {
				counts[strings.Clone(name)] += n
			}
		}
	}
	return counts, nil
}

// note says what does not count.
func (m *currencies) note(dataset string, l kequn.Lang) string {
	share := 100 * float64(m.others) / float64(max(1, m.rows))
	return fmt.Sprintf(l.Pick("%[1]s 中有多种货币：金额只计 %[2]s，其余货币（%[3]d 行，%.1[4]f%%）的金额视为缺失，不相加；要计另一种货币，在 kequn.yaml 的金额列写 currency: 代码",
		"%[1]s has several currencies: only amounts in %[2]s count, those of the others (%[3]d rows, %.1[4]f %%) are missing and never added; to count another one, write currency: CODE at the amount in kequn.yaml"),
		dataset, m.main, m.others, share)
}

// moneyNotes says which amounts do not count.
func (v *view) moneyNotes() []string {
	var out []string
	for _, d := range v.datasets {
		if m := v.money[d.Name]; m != nil {
			out = append(out, m.note(d.Name, v.lang))
		}
	}
	return out
}

// Part implements [engine.Data]: amounts of another currency than the dataset's are missing.
func (p planned) Part(ctx context.Context, n int, want []table.Want) (*table.Partition, error) {
	if p.money == nil {
		return p.snapshotData.Part(ctx, n, want)
	}
	asked := slices.Clone(want)
	for i, w := range asked {
		if m := p.money[w.Dataset]; m != nil && m.masks(p.plan(w.Dataset), w.Columns) {
			asked[i].Columns = append(slices.Clone(w.Columns), m.column)
		}
	}
	part, err := p.snapshotData.Part(ctx, n, asked)
	if err != nil {
		return nil, err
	}
	for i, w := range want {
		if len(asked[i].Columns) == len(w.Columns) {
			continue
		}
		m, rows := p.money[w.Dataset], part.Sets[i].Rows
		m.mask(rows, w.Columns)
		rows.Columns = slices.Delete(rows.Columns, len(w.Columns), len(w.Columns)+1)
	}
	return part, nil
}

func (p planned) plan(name string) *plan.Dataset {
	for i := range p.datasets {
		if p.datasets[i].Name == name {
			return &p.datasets[i].Dataset
		}
	}
	return nil
}

// masks tells whether a column of money is asked for.
func (m *currencies) masks(d *plan.Dataset, columns []string) bool {
	return d != nil && slices.ContainsFunc(columns, func(name string) bool { return slices.Contains(m.masked, name) })
}

// mask empties the amounts of other currencies. The currency is the column behind the wanted ones.
func (m *currencies) mask(rows *table.Table, wanted []string) {
	currency := rows.Columns[len(wanted)]
	other := make([]bool, currency.Dict.Len())
	for k := range other {
		name := currencyName(currency.Dict.At(k))
		other[k] = name != "" && name != m.main
	}
	for i, name := range wanted {
		if !slices.Contains(m.masked, name) {
			continue
		}
		c := rows.Columns[i]
		for r, k := range currency.Code {
			switch {
			case k < 0 || !other[k]:
			case c.Kind == table.Number:
				c.Num[r] = math.NaN()
			case c.Kind.InInt():
				c.Int[r] = table.Missing
			}
		}
	}
}
