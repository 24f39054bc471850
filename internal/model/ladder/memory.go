package ladder

import (
	"runtime/metrics"
	"sync"
	"time"
)

// heapWatch looks at the size of the heap now and then and keeps the largest.
type heapWatch struct {
	once sync.Once
	quit chan struct{}
	done chan struct{}
	peak uint64
}

// lookEvery is how often: a peak shorter than this may be missed, and looking costs microseconds.
const lookEvery = 10 * time.Millisecond

func watchHeap() *heapWatch {
	w := &heapWatch{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			w.look()
			select {
			case <-w.quit:
				w.look()
				return
			case <-tick.C:
			}
		}
	}()
	return w
}

func (w *heapWatch) look() {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() == metrics.KindUint64 {
		w.peak = max(w.peak, s[0].Value.Uint64())
	}
}

// stop ends watching and returns the peak in MB. It may be called more than once.
func (w *heapWatch) stop() float64 {
	w.once.Do(func() { close(w.quit) })
	<-w.done
	return float64(w.peak) / (1 << 20)
}
