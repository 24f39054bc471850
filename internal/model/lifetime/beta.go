package lifetime

import (
	"math"

	"kequn/internal/kernel"
)

// The beta-geometric family. While alive, a customer orders at rate λ with Erlang-k gaps: every k-th tick of a Poisson process of rate λ is an
// order. After each order (MBG: also after the first) he leaves with probability p. λ ~ Gamma(r, rate α), p ~ Beta(a, b). With R = r + kx,
// A = α + T, and n = x chances to leave that were passed (MBG: x + 1),
//
//	L(x, t_x, T) ∝ Γ(R)/Γ(r)·αʳ·A⁻ᴿ · B(a, b+n)/B(a, b) · (S₂ + S₁)
//	S₂ = Σ_{j<k} (R)_j/j!·((T−t_x)/A)ʲ                 alive: fewer than k ticks since the last order
//	S₁ = a/(b+n−1)·(A/(α+t_x))ᴿ   (0 where n = 0)      left after the last order
//
// times Π gapᵏ⁻¹/(k−1)!ˣ. Then P(alive) = S₂/(S₁+S₂); given alive, j ticks have passed with weight S₂'s j-th term, λ ~ Gamma(R+j, A) and p ~ Beta(a, b+n).
type betaGeometric struct {
	k    int
	zero int // 1 where a customer can leave right after the first order
}

// rising returns log Γ(r+k·x)/Γ(r) of each different x, and its derivative by r. Short stretches are sums of logarithms, which lose no digits however
// large r is, unlike differences of log Γ.
func rising(r float64, k int, unique []int) (value, slope []float64) {
	value, slope = make([]float64, len(unique)), make([]float64, len(unique))
	s, d, at := 0.0, 0.0, 0
	for i, x := range unique {
		if x*k-at > longStretch {
			from, length := r+float64(at), float64(x*k-at)
			s += logRising(from, length)
			d += digamma(from+length) - digamma(from)
			at = x * k
		}
		for ; at < x*k; at++ {
			s += math.Log(r + float64(at))
			d += 1 / (r + float64(at))
		}
		value[i], slope[i] = s, d
	}
	return value, slope
}

// staying returns log B(a, b+n)/B(a, b), n = x + zero, of each different x, and its derivatives by a and b.
func staying(a, b float64, zero int, unique []int) (value, byA, byB []float64) {
	value, byA, byB = make([]float64, len(unique)), make([]float64, len(unique)), make([]float64, len(unique))
	s, da, db, at := 0.0, 0.0, 0.0, 0
	for i, x := range unique {
		if n := x + zero; n-at > longStretch {
			from, length := b+float64(at), float64(n-at)
			s += logRising(from, length) - logRising(a+from, length)
			lost := digamma(a+from+length) - digamma(a+from)
			da -= lost
			db += digamma(from+length) - digamma(from) - lost
			at = n
		}
		for ; at < x+zero; at++ {
			bi := b + float64(at)
			s -= math.Log1p(a / bi)
			da -= 1 / (a + bi)
			db += a / (bi * (a + bi))
		}
		value[i], byA[i], byB[i] = s, da, db
	}
	return value, byA, byB
}

// longStretch is from how many terms on a sum is taken as a difference of log Γ.
const longStretch = 1000

// likelihood returns Σ log L and its gradient in the logarithms of r, α, a, b.
func (m betaGeometric) likelihood(theta []float64, g *groups, threads int) (float64, []float64) {
	r, alpha, a, b := theta[0], theta[1], theta[2], theta[3]
	up, dUp := rising(r, m.k, g.unique)
	stay, dStayA, dStayB := staying(a, b, m.zero, g.unique)
	sum := kernel.Reduce(len(g.x), threads, 2048, func(lo, hi int) (s [5]float64) {
		for i := lo; i < hi; i++ {
			w, kind, x, tx, t := g.weight[i], g.kind[i], int(g.x[i]), g.recency[i], g.age[i]
			big, n, end := r+float64(m.k*x), x+m.zero, alpha+t
			q := (t - tx) / end
			s2, term, inner, s2R, s2Alpha := 1.0, 1.0, 0.0, 0.0, 0.0
			for j := 1; j < m.k; j++ {
				rj := big + float64(j-1)
				term *= rj * q / float64(j)
				inner += 1 / rj
				s2 += term
				s2R += term * inner
				s2Alpha -= term * float64(j) / end
			}
			logAlive := math.Log(s2)
			logAge := math.Log1p(t / alpha)
			ll := up[kind] - r*logAge - float64(m.k*x)*math.Log(end) + stay[kind]
			dr, dAlpha, da, db := dUp[kind]-logAge, r*t/(alpha*end)-float64(m.k*x)/end, dStayA[kind], dStayB[kind]
			left := 0.0
			if n > 0 {
				before := b + float64(n-1)
				since := math.Log1p((t - tx) / (alpha + tx))
				logLeft := math.Log(a/before) + big*since
				all := logSum(logAlive, logLeft)
				left = math.Exp(logLeft - all)
				ll += all
				dr += left * since
				dAlpha += left * big * (1/end - 1/(alpha+tx))
				da += left / a
				db -= left / before
			} else {
				ll += logAlive
			}
			dr += (1 - left) * s2R / s2
			dAlpha += (1 - left) * s2Alpha / s2
			s[0] += w * ll
			s[1] += w * dr
			s[2] += w * dAlpha
			s[3] += w * da
			s[4] += w * db
		}
		return s
	}, addFive)
	ll := sum[0]
	if m.k > 1 {
		lf, _ := math.Lgamma(float64(m.k))
		ll += float64(m.k-1)*g.logGaps - g.repeats*lf
	}
	return ll, []float64{sum[1] * r, sum[2] * alpha, sum[3] * a, sum[4] * b}
}

func addFive(a, b [5]float64) [5]float64 {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

func (m betaGeometric) starts(rate float64) [][]float64 {
	return [][]float64{
		{0.5, 0.5 / rate, 0.5, 2},
		{2, 2 / rate, 0.05, 1},
		{0.3, 0.1 / rate, 1, 3},
	}
}

// state is what is known of a customer at the end of history.
func (m betaGeometric) state(theta []float64, s Summary, to *state) {
	r, alpha, a, b := theta[0], theta[1], theta[2], theta[3]
	n := float64(s.Repeats + m.zero)
	big := r + float64(m.k*s.Repeats)
	end := alpha + s.Age
	q := (s.Age - s.Recency) / end
	to.k, to.shape, to.rate = m.k, big, end
	to.ticks = to.ticks[:0]
	term, s2 := 1.0, 0.0
	for j := range m.k {
		if j > 0 {
			term *= (big + float64(j-1)) * q / float64(j)
		}
		to.ticks = append(to.ticks, term)
		s2 += term
	}
	for j := range to.ticks {
		to.ticks[j] /= s2
	}
	to.alive = 1
	if n > 0 {
		logLeft := math.Log(a/(b+n-1)) + big*math.Log1p((s.Age-s.Recency)/(alpha+s.Recency)) - math.Log(s2)
		to.alive = 1 / (1 + math.Exp(logLeft))
	}
	to.leaveA, to.stayB = a, b+n
	to.hazardShape = 0
}
