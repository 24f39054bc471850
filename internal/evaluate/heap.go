package evaluate

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// heapWatch looks at the size of the heap now and then and keeps the largest.
type heapWatch struct {
	quit, done  chan struct{}
	first, most uint64
}

// lookEvery is how often: a peak shorter than this may be missed, and looking costs microseconds.
const lookEvery = 5 * time.Millisecond

// watchHeap begins after a collection, so that what others left behind is not counted.
func watchHeap() *heapWatch {
	runtime.GC()
	w := &heapWatch{quit: make(chan struct{}), done: make(chan struct{}), first: heapSize()}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			w.most = max(w.most, heapSize())
			select {
			case <-w.quit:
				w.most = max(w.most, heapSize())
				return
			case <-tick.C:
			}
		}
	}()
	return w
}

func heapSize() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// stop ends watching and returns by how many MB the heap grew at most.
func (w *heapWatch) stop() float64 {
	close(w.quit)
	<-w.done
	return float64(w.most-min(w.first, w.most)) / (1 << 20)
}
