package pipeline

import (
	"context"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/model/cluster"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/segment"
	"kequn/internal/table"
)

// segmentDoc is what is kept of a segmentation.
type segmentDoc struct {
	Cutoff       kequn.Cutoff          `json:"cutoff"`
	Segmentation *segment.Segmentation `json:"segmentation"`
}

func (d segmentDoc) names() []string {
	var out []string
	if d.Segmentation != nil {
		for _, s := range d.Segmentation.Segments {
			out = append(out, s.Key)
		}
	}
	return out
}

// Segments makes the plan's segmentations, or the one of that name, and keeps who is in which segment.
func (s *Shop) Segments(ctx context.Context, name, cutoff string) ([]*segment.Segmentation, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	t, err := v.cutoff(cutoff)
	if err != nil {
		return nil, err
	}
	var todo []plan.Segmentation
	var known []string
	for _, p := range s.Plan.Segments {
		known = append(known, p.Name)
		if name == "" || name == p.Name {
			todo = append(todo, p)
		}
	}
	if len(todo) == 0 {
		return nil, kequn.Errorf(kequn.KindUsage, "", "there is no segmentation %q", name).WithHint("kequn.yaml has %s", strings.Join(known, ", "))
	}
	var out []*segment.Segmentation
	for _, p := range todo {
		err := s.locked(ctx, "segment", func() error {
			seg, err := s.makeSegments(ctx, p, t)
			out = append(out, seg)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// makeSegments makes one segmentation and keeps it.
func (s *Shop) makeSegments(ctx context.Context, p plan.Segmentation, cutoff kequn.Cutoff) (*segment.Segmentation, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	orders := v.purchases()
	if orders == nil {
		return nil, kequn.Errorf(kequn.KindNotEnough, p.Name, "no orders are loaded").WithHint("load orders, or items of orders")
	}
	s.Progress(s.Lang.Pick("分群 ", "segments ")+p.Name, 0, 0)
	features := segment.RFMFeatures(orders, p.Within)
	n := len(features)
	behaviour := segment.BehaviourFeatures(v.plans(), p.Within)
	features = append(features, behaviour...)
	panel, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Features: features, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	rfm := &table.Table{Columns: panel.X.Columns[:n]}
	rest := &table.Table{Columns: panel.X.Columns[n:]}
	in := segment.Input{Name: p.Name, X: rfm, Profile: rest, Features: features, Revenue: revenue(orders, rfm)}
	var seg *segment.Segmentation
	var keys []string
	if p.Method == "rfm" {
		seg, keys, err = segment.ByRFM(in, nil)
	} else {
		in.X, in.Profile = rest, nil
		seg, keys, err = segment.ByBehaviour(ctx, in, p.K, s.grouper(p.Method))
	}
	if err != nil {
		return nil, err
	}
	seg.Method = p.Method
	return seg, s.keepSegments(ctx, v, p, cutoff, panel, seg, keys)
}

// revenue returns the money column, or nil where orders have none.
func revenue(orders *plan.Dataset, rfm *table.Table) []float64 {
	if orders.With(kequn.ColAmount) == nil {
		return nil
	}
	return rfm.Column(segment.MonetaryFeature).Floats()
}

// grouper finds groups by k-means, or by a Gaussian mixture: at least four where there is a choice, because two or three tell a
// marketer little.
func (s *Shop) grouper(method string) segment.Grouper {
	by := cluster.ByKMeans
	if method == "mixture" {
		by = cluster.ByMixture
	}
	return func(ctx context.Context, x *table.Table, k int) (*segment.Groups, error) {
		m, label, err := cluster.Find(ctx, x, cluster.Options{Method: by, K: k, MinK: 4, MaxK: 8, Seed: s.Seed, Threads: s.Threads})
		if err != nil {
			return nil, err
		}
		return &segment.Groups{Label: label, K: m.K, Stability: m.Stability, Silhouette: m.Silhouette, Notes: m.Notes}, nil
	}
}

func (s *Shop) keepSegments(ctx context.Context, v *view, p plan.Segmentation, cutoff kequn.Cutoff, panel *engine.Panel, seg *segment.Segmentation, keys []string) error {
	tx, err := s.ws.Begin(ctx, "segment "+p.Name)
	if err != nil {
		return err
	}
	defer tx.Abort()
	if err := putDoc(tx, "segment."+p.Name, segmentDoc{cutoff, seg}); err != nil {
		return err
	}
	customers := make([]string, len(keys))
	values := table.NewColumn(p.Name, table.Category, len(keys))
	for i, k := range keys {
		customers[i] = panel.Customer.String(i)
		values.AppendString(k)
	}
	if err := s.putColumn(ctx, tx, v, query.SegmentSet, p.Name, cutoff, customers, values); err != nil {
		return err
	}
	return tx.Commit()
}

// purchases returns the dataset of orders, or of items where there are no orders.
func (v *view) purchases() *plan.Dataset {
	for _, role := range []kequn.Role{kequn.Orders, kequn.Items} {
		for i := range v.datasets {
			if v.datasets[i].Role == role && v.datasets[i].Rows > 0 {
				return &v.datasets[i].Dataset
			}
		}
	}
	return nil
}
