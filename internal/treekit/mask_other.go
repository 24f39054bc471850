//go:build !amd64

package treekit

func (c *askedColumn) search(below *[maskRows]uint16, x []float64) (missing uint64) {
	return c.searchPortable(below, x)
}

func compare(below *[maskRows]uint16, masks []uint64, rows int, also uint64) {
	comparePortable(below, masks, rows, also)
}

type vectorScratch struct{}

func (s *vectorScratch) init() {}

func (t *maskTree) add(s *maskScratch) { t.addPortable(s) }
