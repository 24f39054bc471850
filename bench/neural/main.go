// Command neural measures training steps of internal/net on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"kequn/bench/kit"
	"kequn/internal/kernel"
	"kequn/internal/net"
)

func main() {
	dir := flag.String("data", "", "folder with x.f32 (rows × 30, row-major) and y.f32")
	threads := flag.Int("threads", 2, "goroutines within a layer")
	steps := flag.Int("steps", 400, "steps per round; the fastest of 5 rounds counts")
	flag.Parse()
	kit.Exit(run(*dir, *threads, *steps))
}

const (
	columns = 30
	batch   = 512
	rounds  = 5
)

func run(dir string, threads, steps int) error {
	runtime.GOMAXPROCS(threads)
	x, err := kit.Float32s[float32](filepath.Join(dir, "x.f32"))
	if err != nil {
		return err
	}
	y, err := kit.Float32s[float32](filepath.Join(dir, "y.f32"))
	if err != nil {
		return err
	}
	s := kernel.NewStream(1)
	seq := &net.Sequence{}
	widths := []int{columns, 256, 128, 1}
	for k := range 3 {
		d := net.NewDense("d", widths[k], widths[k+1], 1/math.Sqrt(3), s) // PyTorch's first weights
		if k == 0 {
			d.GradFrom = columns
		}
		seq.Layers = append(seq.Layers, d)
		if k < 2 {
			seq.Layers = append(seq.Layers, &net.Activation{Function: net.ReLU})
		}
	}
	params, o := seq.Params(), &net.Adam{}
	in, want, grad := net.NewMatrix(batch, columns), make([]float32, batch), net.NewMatrix(batch, 1)
	bestWall, loss, cpu := 0.0, 0.0, kit.CPUSeconds()
	for range rounds {
		began := time.Now()
		loss = 0
		for range steps {
			for i := range batch {
				r := s.Intn(len(y))
				copy(in.Row(i), x[r*columns:(r+1)*columns])
				want[i] = y[r]
			}
			net.ClearGrads(params)
			loss += net.BinaryCrossEntropy(seq.Forward(net.Pass{Train: true, Threads: threads}, in), want, nil, grad) / float64(steps)
			seq.Backward(grad)
			o.Step(params, 1e-3)
		}
		bestWall = max(bestWall, float64(steps)/time.Since(began).Seconds())
	}
	perCPU := float64(rounds*steps) / (kit.CPUSeconds() - cpu) // of all rounds: the clock ticks in hundredths
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn " + kernel.InstructionSet(), "threads": threads, "steps_s": bestWall, "steps_cpu_s": perCPU, "loss": loss,
	})
}
