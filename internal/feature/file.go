package feature

import (
	"bufio"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
)

// Columns of files of features that come before the features: whose row it is and, where there are several cutoffs, when.
const (
	FileCustomer = "customer"
	FileCutoff   = "cutoff"
)

// File takes panels, in the order in which an engine delivers them, and writes their rows.
type File interface {
	Write(*engine.Panel) error
	Close() error // writes what is left; the writer below stays open
}

// Layout says what a file of features holds.
type Layout struct {
	Features []query.Feature
	Datasets []engine.Dataset // tell which features are whole numbers
	Cutoffs  []kequn.Cutoff   // with more than one, a column cutoff comes second
	Zone     *time.Location
}

// sortCells is the most values (rows × columns) that are kept to sort a CSV file: 80 MB.
const sortCells = 10_000_000

// NewCSV returns a CSV file: customer, with several cutoffs cutoff, and a column for each feature; conditions are 1 and 0, missing
// values are empty. Up to ten million values, rows are sorted by customer and cutoff; larger files keep the store's order (of the
// customers' hashes, the same for the same data), so that memory stays bounded by a few partitions.
func NewCSV(w io.Writer, l Layout) File {
	f := &csvFile{layout: l, w: bufio.NewWriterSize(w, 1<<18), most: sortCells}
	f.text(FileCustomer)
	if len(l.Cutoffs) > 1 {
		f.line = append(f.line, ',')
		f.text(FileCutoff)
		for _, c := range l.Cutoffs {
			f.cutoffs = append(f.cutoffs, kequn.FormatZone(c, l.Zone))
		}
	}
	for _, x := range l.Features {
		f.line = append(f.line, ',')
		f.text(x.Name)
	}
	f.end()
	return f
}

type csvFile struct {
	layout  Layout
	w       *bufio.Writer
	cutoffs []string
	line    []byte

	kept  []*engine.Panel // to be sorted
	cells int
	most  int
	large bool // too many to sort: rows go out as they come
}

func (f *csvFile) Write(p *engine.Panel) error {
	if !f.large {
		f.kept = append(f.kept, p)
		if f.cells += p.NRows() * (1 + len(p.X.Columns)); f.cells <= f.most {
			return nil
		}
		f.large = true
		for _, k := range f.kept {
			f.rows(k)
		}
		f.kept = nil
		return f.failed()
	}
	f.rows(p)
	return f.failed()
}

// failed returns the error of an earlier write.
func (f *csvFile) failed() error {
	_, err := f.w.Write(nil)
	return err
}

func (f *csvFile) Close() error {
	type row struct {
		customer string
		panel    *engine.Panel
		at       int
	}
	var order []row
	for _, p := range f.kept {
		for i := range p.NRows() {
			order = append(order, row{p.Customer.String(i), p, i})
		}
	}
	slices.SortFunc(order, func(a, b row) int {
		if c := strings.Compare(a.customer, b.customer); c != 0 {
			return c
		}
		return int(a.panel.Cutoff[a.at]) - int(b.panel.Cutoff[b.at])
	})
	for _, r := range order {
		f.row(r.panel, r.at)
	}
	return f.w.Flush()
}

func (f *csvFile) rows(p *engine.Panel) {
	for i := range p.NRows() {
		f.row(p, i)
	}
}

func (f *csvFile) row(p *engine.Panel, i int) {
	f.text(p.Customer.String(i))
	if f.cutoffs != nil {
		f.line = append(f.line, ',')
		f.text(f.cutoffs[p.Cutoff[i]])
	}
	for _, c := range p.X.Columns {
		f.line = append(f.line, ',')
		if c.Kind.InCode() {
			f.text(c.String(i))
		} else if v := c.Float(i); !math.IsNaN(v) {
			f.line = strconv.AppendFloat(f.line, v, 'g', -1, 64)
		}
	}
	f.end()
}

func (f *csvFile) end() {
	f.line = append(f.line, '\n')
	f.w.Write(f.line) // an error stays in the writer and comes out of Flush
	f.line = f.line[:0]
}

// text appends a field, in quotes where it needs them.
func (f *csvFile) text(s string) {
	if !strings.ContainsAny(s, ",\"\r\n") && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\t") && s != `\.` {
		f.line = append(f.line, s...)
		return
	}
	f.line = append(f.line, '"')
	f.line = append(f.line, strings.ReplaceAll(s, `"`, `""`)...)
	f.line = append(f.line, '"')
}

// wholeNumber tells whether a number fits an int64 exactly.
func wholeNumber(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1<<63 }

// isText tells how an engine writes a feature.
func isText(f query.Feature) bool { return f.Node.Type == query.Text }
