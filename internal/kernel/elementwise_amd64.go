package kernel

func elementwise(op elementOp, args mapArgs, slices ...[]float32) {
	var a [4][]float32
	copy(a[:], slices)
	n, lanes := len(a[0]), 16
	if !hasAVX512 {
		lanes = 8
		if !hasAVX2 {
			elementPortable(op, &args.scalar, a)
			return
		}
	}
	if whole := n &^ (lanes - 1); whole > 0 {
		args.n = whole
		for i := range slices {
			args.slice[i] = &a[i][0]
		}
		callElementwise(op, &args)
	}
	if rest := n & (lanes - 1); rest > 0 { // the same operations on a copy that is filled up
		var tail [4][16]float32
		args.n = lanes
		for i := range slices {
			copy(tail[i][:], a[i][n-rest:])
			args.slice[i] = &tail[i][0]
		}
		callElementwise(op, &args)
		for i := len(slices) - 1; i >= 0; i-- { // results come first, and may lie where arguments do
			copy(a[i][n-rest:], tail[i][:rest])
		}
	}
}

func callElementwise(op elementOp, a *mapArgs) {
	if hasAVX512 {
		callAVX512(op, a)
	} else {
		callAVX2(op, a)
	}
}

// Calls through a table of functions would put the arguments on the heap.

func callAVX512(op elementOp, a *mapArgs) {
	switch op {
	case opExp:
		expAVX512(a)
	case opSigmoid:
		sigmoidAVX512(a)
	case opSigmoidBack:
		sigmoidBackAVX512(a)
	case opTanh:
		tanhAVX512(a)
	case opTanhBack:
		tanhBackAVX512(a)
	case opGELU:
		geluAVX512(a)
	case opGELUBack:
		geluBackAVX512(a)
	case opReLU:
		reluAVX512(a)
	case opReLUBack:
		reluBackAVX512(a)
	case opAddScaled:
		addScaledAVX512(a)
	case opMomentum:
		momentumAVX512(a)
	case opAdam:
		adamAVX512(a)
	}
}

func callAVX2(op elementOp, a *mapArgs) {
	switch op {
	case opExp:
		expAVX2(a)
	case opSigmoid:
		sigmoidAVX2(a)
	case opSigmoidBack:
		sigmoidBackAVX2(a)
	case opTanh:
		tanhAVX2(a)
	case opTanhBack:
		tanhBackAVX2(a)
	case opGELU:
		geluAVX2(a)
	case opGELUBack:
		geluBackAVX2(a)
	case opReLU:
		reluAVX2(a)
	case opReLUBack:
		reluBackAVX2(a)
	case opAddScaled:
		addScaledAVX2(a)
	case opMomentum:
		momentumAVX2(a)
	case opAdam:
		adamAVX2(a)
	}
}

// dropArgs is mapArgs where the third slice is of bytes and the second scalar an integer.
type dropArgs struct {
	n      int
	dst, x *float32
	random *byte
	_      [3]*float32
	scale  float32
	below  int32
}

func dropElements(dst, x []float32, random []byte, limit int, scale float32) {
	whole := 0
	if limit > 0 && (hasAVX512 || hasAVX2) {
		whole = len(x) &^ 15
	}
	if whole > 0 {
		args := dropArgs{n: whole, dst: &dst[0], x: &x[0], random: &random[0], scale: scale, below: int32(limit - 1)}
		if hasAVX512 {
			dropAVX512(&args)
		} else {
			dropAVX2(&args)
		}
	}
	dropPortable(dst[whole:], x[whole:], random[whole:], limit, scale)
}
