package kernel

import (
	"sync"
	"unsafe"
)

//go:generate go run gen_net.go

// gemmArgs is what the assembly reads; its field offsets are written there. Strides are in bytes.
type gemmArgs struct {
	k          int
	a          unsafe.Pointer
	rowA, colA int
	b          unsafe.Pointer
	rowB       int
	s          unsafe.Pointer
	rowS       int
	c          unsafe.Pointer
	rowC       int
	mask       uint64      // AVX-512: a bit per column that is there
	words      *[16]uint32 // AVX2: a word per column, all ones if it is there
}

// gemmDepth is how many steps of k are taken at a time, so that the columns of B in use stay in the nearest caches.
const gemmDepth = 512

type gemmPanel struct{ data []float32 }

var gemmPanels = sync.Pool{New: func() any { return &gemmPanel{make([]float32, gemmDepth*32)} }}

func gemm(m, n, k int, a, b, c, s Strided) {
	if !hasAVX512 && !hasAVX2 {
		gemmPortable(m, n, k, a, b, c, s)
		return
	}
	if k == 0 {
		for i := range m {
			copy(c.Data[i*c.Row:][:n], s.Data[i*s.Row:][:n])
		}
		return
	}
	width := 16
	if hasAVX512 {
		width = 32
	}
	// Rows of B that lie far apart would push each other out of the nearest cache: they are brought together too, where that
	// costs little against the products.
	direct := b.Col == 1 && (b.Row <= 2*width || m < 4*width)
	var panel *gemmPanel
	if !direct {
		panel = gemmPanels.Get().(*gemmPanel)
		defer gemmPanels.Put(panel)
	}
	for p := 0; p < k; p += gemmDepth {
		depth := min(gemmDepth, k-p)
		if p > 0 {
			s = c
		}
		for j := 0; j < n; j += width {
			w := min(width, n-j)
			args := gemmArgs{k: depth, rowA: 4 * a.Row, colA: 4 * a.Col, rowS: 4 * s.Row, rowC: 4 * c.Row}
			if direct {
				args.b, args.rowB = unsafe.Pointer(&b.Data[p*b.Row+j]), 4*b.Row
			} else {
				gather(depth, w, b.From(p, j), panel.data, width)
				args.b, args.rowB = unsafe.Pointer(&panel.data[0]), 4*width
			}
			if hasAVX512 {
				args.mask = 1<<w - 1
				tilesAVX512(m, w, &args, a.Data[p*a.Col:], a.Row, s, c, j)
			} else {
				args.words = &columnWords[w]
				tilesAVX2(m, w, &args, a.Data[p*a.Col:], a.Row, s, c, j)
			}
		}
	}
}

// tilesAVX512 computes w columns of C from j on, at most 32, from the top to the bottom.
func tilesAVX512(m, w int, args *gemmArgs, a []float32, rowA int, s, c Strided, j int) {
	for i := 0; i < m; {
		args.a, args.s, args.c = unsafe.Pointer(&a[i*rowA]), unsafe.Pointer(&s.Data[i*s.Row+j]), unsafe.Pointer(&c.Data[i*c.Row+j])
		left := m - i
		if w > 16 {
			switch {
			case left >= 12:
				gemmAVX512_12x32(args)
				i += 12
			case left >= 8:
				gemmAVX512_8x32(args)
				i += 8
			case left >= 4:
				gemmAVX512_4x32(args)
				i += 4
			case left >= 2:
				gemmAVX512_2x32(args)
				i += 2
			default:
				gemmAVX512_1x32(args)
				i++
			}
			continue
		}
		switch {
		case left >= 12:
			gemmAVX512_12x16(args)
			i += 12
		case left >= 8:
			gemmAVX512_8x16(args)
			i += 8
		case left >= 4:
			gemmAVX512_4x16(args)
			i += 4
		case left >= 2:
			gemmAVX512_2x16(args)
			i += 2
		default:
			gemmAVX512_1x16(args)
			i++
		}
	}
}

// tilesAVX2 computes w columns of C from j on, at most 16, from the top to the bottom.
func tilesAVX2(m, w int, args *gemmArgs, a []float32, rowA int, s, c Strided, j int) {
	for i := 0; i < m; {
		args.a, args.s, args.c = unsafe.Pointer(&a[i*rowA]), unsafe.Pointer(&s.Data[i*s.Row+j]), unsafe.Pointer(&c.Data[i*c.Row+j])
		left := m - i
		switch {
		case w == 16 && left >= 6:
			gemmAVX2_6x16(args)
			i += 6
		case w == 16 && left >= 4:
			gemmAVX2_4x16(args)
			i += 4
		case w == 16 && left >= 2:
			gemmAVX2_2x16(args)
			i += 2
		case w == 16:
			gemmAVX2_1x16(args)
			i++
		case w > 8 && left >= 4:
			gemmAVX2_4x16masked(args)
			i += 4
		case w > 8 && left >= 2:
			gemmAVX2_2x16masked(args)
			i += 2
		case w > 8:
			gemmAVX2_1x16masked(args)
			i++
		case left >= 4:
			gemmAVX2_4x8masked(args)
			i += 4
		case left >= 2:
			gemmAVX2_2x8masked(args)
			i += 2
		default:
			gemmAVX2_1x8masked(args)
			i++
		}
	}
}

// columnWords holds, for w columns, a word of ones for each of the first w.
var columnWords = func() (t [17][16]uint32) {
	for w := range t {
		for j := range w {
			t[w][j] = ^uint32(0)
		}
	}
	return t
}()

// gather writes the k×w matrix b, whose columns may lie anywhere, to rows of the given width.
func gather(k, w int, b Strided, to []float32, width int) {
	j := 0
	if b.Col == 1 {
		for p := range k {
			copy(to[p*width:p*width+w], b.Data[p*b.Row:])
		}
		return
	}
	if b.Row == 1 {
		for ; j+8 <= w && k >= 8; j += 8 {
			transpose8AVX2(k/8, unsafe.Pointer(&to[j]), uintptr(4*width), unsafe.Pointer(&b.Data[j*b.Col]), uintptr(4*b.Col))
			for col := j; col < j+8; col++ {
				for p := k &^ 7; p < k; p++ {
					to[p*width+col] = b.Data[col*b.Col+p]
				}
			}
		}
	}
	for ; j < w; j++ {
		for p := range k {
			to[p*width+j] = b.Data[p*b.Row+j*b.Col]
		}
	}
}
