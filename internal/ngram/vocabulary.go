package ngram

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"

	"kequn/internal/kernel"
)

// Vocabulary is what training texts taught: which buckets are known, and how much a gram of each tells. It is immutable.
//
// A text's weights are (1 + log count)·idf over its known buckets, those of words, their pairs, dense characters and symbols together
// brought to length 1, those of characters inside of words to ½, where idf = 1 + log((1+W)/(1+W_b)), W being the weight of all rows and W_b that of those whose text has a gram of bucket b.
type Vocabulary struct {
	light  bool
	bucket []uint32  // known, ascending
	idf    []float32 // of them

	once  sync.Once
	index []int32 // by bucket: its place, -1 if unknown
	pool  sync.Pool
}

// A bucket is known if the rows with one of its grams weigh at least so much. Even a gram of one row carries over, to texts that are almost
// the same, and keeps the others of its row from being taken for more than they are; but of many texts, those are too many to keep.
const (
	leastWeight = 1
	leastOfMany = 2
	manyGrams   = 4 << 20
)

// lightFrom is the number of grams, all texts together, from which on only words, pairs and up to two dense characters are cut;
// mostGrams is the number from which on only some of the texts are learnt from: 8 bytes each, and twice while fitting.
const (
	lightFrom = 20 << 20
	mostGrams = 24 << 20
)

// Learn returns the vocabulary of the texts in rows of weight > 0 (w nil: all of weight 1), and their matrix, ready for
// [Matrix.Gradient]. Which texts are learnt from, where they are too many, follows from their content.
func Learn(c Cells, w []float64, threads int) (*Vocabulary, *Matrix) {
	row, code := c.distinct()
	weight := make([]float64, len(code))
	sum := 0.0
	for i, t := range row {
		if t >= 0 {
			weight[t] += weightOf(w, i)
		}
		sum += weightOf(w, i)
	}
	v := &Vocabulary{}
	grams := 0
	for t, k := range code {
		if weight[t] > 0 {
			grams += expect(c.Texts.At(int(k)))
		}
	}
	share := 1.0
	if grams > lightFrom {
		v.light = true
		if grams /= 4; grams > mostGrams {
			share = mostGrams / float64(grams)
		}
	}
	learnt := make([]bool, len(code))
	for t, k := range code {
		learnt[t] = weight[t] > 0 && (share == 1 || kernel.HashUnit(sampleSeed, c.Texts.At(int(k))) < share)
	}
	raw := cutAll(c.Texts, code, learnt, v.light, threads)
	df := make([]float64, nBuckets)
	seen := 0.0
	for t := range code {
		if !learnt[t] {
			continue
		}
		seen += weight[t]
		for _, e := range raw.of(t) {
			df[e.bucket] += weight[t]
		}
	}
	least := float64(leastWeight)
	if grams > manyGrams {
		least = leastOfMany
	}
	for b, d := range df {
		if d >= least {
			v.bucket = append(v.bucket, uint32(b))
			v.idf = append(v.idf, float32(1+math.Log((1+seen)/(1+d))))
		}
	}
	m := &Matrix{NTexts: len(code), NCols: len(v.bucket), Row: row, Learnt: learnt, code: code}
	m.fill(v, raw)
	m.transpose(threads)
	return v, m
}

const sampleSeed = 0x6e6772616d

// expect returns about how many different grams a text has.
func expect(text string) int {
	text = clip(text)
	wide := 0
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			wide++
		}
	}
	return wide + 2*(len(text)-wide)
}

// NCols returns how many buckets are known: the columns of its matrices.
func (v *Vocabulary) NCols() int { return len(v.bucket) }

// places returns by bucket its place, -1 if unknown.
func (v *Vocabulary) places() []int32 {
	v.once.Do(func() {
		v.index = make([]int32, nBuckets)
		for b := range v.index {
			v.index[b] = -1
		}
		for j, b := range v.bucket {
			v.index[b] = int32(j)
		}
		v.pool.New = func() any { return newCutter(v.light) }
	})
	return v.index
}

// raw returns the weight of a bucket that a text has count times, before scaling.
func (v *Vocabulary) raw(j int32, count uint16) float32 {
	return float32(1+math.Log(float64(count))) * v.idf[j]
}

// scale brings a text's weights to length: those of characters inside of words to innerLength, all others to 1.
func (v *Vocabulary) scale(col []uint32, weight []float32) {
	var squares [2]float64
	for e, x := range weight {
		squares[v.kind(col[e])] += float64(x) * float64(x)
	}
	unit := [2]float32{float32(1 / math.Sqrt(squares[0])), float32(innerLength / math.Sqrt(squares[1]))}
	for e := range weight {
		weight[e] *= unit[v.kind(col[e])]
	}
}

func (v *Vocabulary) kind(j uint32) int { return int(v.bucket[j] / firstInner) }

// innerLength is how much the characters inside of words count beside the words: they tell forms and misspellings of known words, and are
// so many that they would drown the words.
const innerLength = 0.5

// Each calls f for every row that has a text with at least one gram, known or not, with the places and weights of its known buckets. It may be called by several goroutines, on disjoint rows [lo, hi);
// the slices are good until f returns. Rows of one text next to each other are cut once.
func (v *Vocabulary) Each(c Cells, lo, hi int, f func(row int, col []uint32, weight []float32)) {
	index := v.places()
	cut := v.pool.Get().(*cutter)
	defer v.pool.Put(cut)
	var col []uint32
	var weight []float32
	last, some := int32(-1), false
	for i := lo; i < hi; i++ {
		k := c.Code[i]
		if k < 0 {
			continue
		}
		if k != last {
			last = k
			col, weight = col[:0], weight[:0]
			cut.cut(c.Texts.At(int(k)))
			some = len(cut.touched) > 0
			for _, b := range cut.touched {
				if j := index[b]; j >= 0 {
					col, weight = append(col, uint32(j)), append(weight, v.raw(j, cut.count[b]))
				}
			}
			cut.done()
			v.scale(col, weight)
		}
		if some {
			f(i, col, weight)
		}
	}
}

// Blank tells of each text whether it has no gram at all: then it is as good as missing.
func Blank(t Texts, threads int) []bool {
	out := make([]bool, t.Len())
	kernel.Parallel(t.Len(), threads, 256, func(lo, hi int) {
		var cut *cutter
		for k := lo; k < hi; k++ {
			if plainly(t.At(k)) {
				continue
			}
			if cut == nil {
				cut = newCutter(true)
			}
			cut.cut(t.At(k))
			out[k] = len(cut.touched) == 0
			cut.done()
		}
	})
	return out
}

// plainly tells whether the text begins with something that makes a gram in whatever way it is folded.
func plainly(text string) bool {
	for _, r := range text {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0x4e00 && r <= 0x9fff
	}
	return false
}

// Names returns for each of the given places the gram that occurs most often in it among the rows of weight > 0 (the first by spelling of equals).
func (v *Vocabulary) Names(c Cells, w []float64, places []int) []string {
	index := v.places()
	want := map[int32]int{}
	for i, j := range places {
		want[int32(j)] = i
	}
	counts := make([]map[string]float64, len(places))
	for i := range counts {
		counts[i] = map[string]float64{}
	}
	cut := newCutter(v.light)
	weight := 0.0
	seen := map[string]bool{} // of the text under way
	cut.named = func(b uint32, gram string) {
		if j := index[b]; j >= 0 {
			if i, ok := want[j]; ok && !seen[gram] {
				seen[gram] = true
				counts[i][gram] += weight
			}
		}
	}
	row, code := c.distinct()
	sum := make([]float64, len(code))
	for i, t := range row {
		if t >= 0 {
			sum[t] += weightOf(w, i)
		}
	}
	for t, k := range code {
		if weight = sum[t]; weight > 0 {
			cut.cut(c.Texts.At(int(k)))
			cut.done()
			clear(seen)
		}
	}
	out := make([]string, len(places))
	for i, m := range counts {
		best := 0.0
		for gram, n := range m { // the best of a total order: any way through finds the same
			if n > best || n == best && gram < out[i] {
				out[i], best = gram, n
			}
		}
	}
	return out
}

func weightOf(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// errArrays says that a stored vocabulary or encoder is cut or contradicts itself.
var errArrays = errors.New("ngram: arrays are cut or contradict themselves")

// vocabularyVersion stands before a stored vocabulary: how texts are cut and hashed is part of it.
const vocabularyVersion = 1

// Append adds the vocabulary to b, little endian: version, light (0, 1), number of buckets, the buckets, their idf as float32.
func (v *Vocabulary) Append(b []byte) []byte {
	light := byte(0)
	if v.light {
		light = 1
	}
	b = append(b, vocabularyVersion, light)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(v.bucket)))
	for _, k := range v.bucket {
		b = binary.LittleEndian.AppendUint32(b, k)
	}
	for _, x := range v.idf {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// ReadVocabulary reads what Append wrote and returns what follows it.
func ReadVocabulary(b []byte) (*Vocabulary, []byte, error) {
	if len(b) < 6 || b[0] != vocabularyVersion || b[1] > 1 {
		return nil, nil, errArrays
	}
	v := &Vocabulary{light: b[1] == 1}
	n := int(binary.LittleEndian.Uint32(b[2:]))
	if b = b[6:]; n > nBuckets || len(b) < 8*n {
		return nil, nil, errArrays
	}
	v.bucket, v.idf = make([]uint32, n), make([]float32, n)
	for j := range n {
		v.bucket[j] = binary.LittleEndian.Uint32(b[4*j:])
		v.idf[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*n+4*j:]))
		// Between 1 and what a weight of 10^18 rows would give: no product with it overflows.
		if v.bucket[j] >= nBuckets || j > 0 && v.bucket[j] <= v.bucket[j-1] || !(v.idf[j] > 0 && v.idf[j] < 100) {
			return nil, nil, errArrays
		}
	}
	return v, b[8*n:], nil
}
