package additive

import "math"

// purify takes out of a grid of na×nb what it says about one of its columns alone, so that its weighted mean is 0 along
// every row and column (mass moving, Lengerich et al. 2020). The sums of what was taken are returned.
func purify(value, weight []float64, na, nb int) (rows, cols []float64) {
	rows, cols = make([]float64, na), make([]float64, nb)
	rowWeight, colWeight := make([]float64, na), make([]float64, nb)
	size := 0.0
	for i := range na {
		for j := range nb {
			rowWeight[i] += weight[i*nb+j]
			colWeight[j] += weight[i*nb+j]
			size = max(size, math.Abs(value[i*nb+j]))
		}
	}
	mean := make([]float64, nb)
	const most = 1000 // two columns that are nearly one another move mass to and fro for long
	for range most {
		moved := 0.0
		for i := range na {
			if rowWeight[i] == 0 {
				continue
			}
			m := 0.0
			for j := range nb {
				m += weight[i*nb+j] * value[i*nb+j]
			}
			m /= rowWeight[i]
			for j := range nb {
				value[i*nb+j] -= m
			}
			rows[i] += m
			moved = max(moved, math.Abs(m))
		}
		clear(mean)
		for i := range na {
			for j := range nb {
				mean[j] += weight[i*nb+j] * value[i*nb+j]
			}
		}
		for j := range nb {
			if colWeight[j] == 0 {
				mean[j] = 0
				continue
			}
			mean[j] /= colWeight[j]
			cols[j] += mean[j]
			moved = max(moved, math.Abs(mean[j]))
		}
		for i := range na {
			for j := range nb {
				value[i*nb+j] -= mean[j]
			}
		}
		if moved <= 1e-12*size {
			break
		}
	}
	return rows, cols
}

// centre takes the weighted mean out of a shape and returns it.
func centre(value, weight []float64) (mean float64) {
	total := 0.0
	for c, w := range weight {
		mean += w * value[c]
		total += w
	}
	if total == 0 {
		return 0
	}
	mean /= total
	for c := range value {
		value[c] -= mean
	}
	return mean
}

// body averages the bags' fits, purified and centred.
func (b *booster) body() *body {
	outputs := b.objective.outputs()
	unit := b.objective.unit()
	m := &body{cuts: b.bins.Cuts, base: b.objective.base()}
	for k := range m.base {
		m.base[k] = m.base[k]*unit + b.objective.origin()
	}
	for t, c := range b.used {
		m.columns = append(m.columns, newShape(c, b.columns.weights(t, -1, b.rows.unit), outputs))
	}
	if b.pairs != nil {
		for t, p := range b.pairs.terms {
			m.pairs = append(m.pairs, pairShape{
				a: b.used[p.a], b: b.used[p.b], na: p.na, nb: p.nb, ofA: b.coarse.of[p.a], ofB: b.coarse.of[p.b],
				shape: newShape(-1, b.pairs.weights(t, -1, b.rows.unit), outputs),
			})
		}
	}
	share := 1 / float64(len(b.bags))
	for _, g := range b.bags {
		if len(g.fits) > 1 {
			for t, p := range b.pairs.terms {
				for k := range outputs {
					grid := g.fits[1][t][k]
					rows, cols := purify(grid, m.pairs[t].weight, p.na, p.nb)
					for i, s := range b.coarse.of[p.a] {
						g.fits[0][p.a][k][i] += rows[s]
					}
					for i, s := range b.coarse.of[p.b] {
						g.fits[0][p.b][k][i] += cols[s]
					}
					m.pairs[t].add(k, grid, share)
				}
			}
		}
		for t := range m.columns {
			for k := range outputs {
				m.base[k] += share * unit * centre(g.fits[0][t][k], m.columns[t].weight)
				m.columns[t].add(k, g.fits[0][t][k], share)
			}
		}
	}
	for t := range m.columns {
		m.columns[t].finish(len(b.bags), unit)
		s := &m.columns[t]
		if last := len(s.weight) - 1; s.weight[last] == 0 {
			s.forget(last)
		}
	}
	for t := range m.pairs {
		p := &m.pairs[t]
		p.finish(len(b.bags), unit)
		p.forgetEmptySides()
	}
	b.rank(m)
	return m
}
