package gbdt

// No single set of parameters wins everywhere. These three stand beside the default for whoever can try several, as the ladder
// does. All take small steps, look at a part of rows and columns at a time, and stop where held-out rows say; they then grow the
// same number of rounds on all rows. bench/gbdt/README.md has what they reach.

// Symmetric is what CatBoost's default is good at: small tables, many weak columns, a smooth dependence. Its trees can say
// little each, so more of them overfit less; they also score and explain fastest.
//
//   - symmetric trees of depth 6, rate 0.05, L2 3: CatBoost's defaults
//   - MinRows 1: a leaf of such a tree cannot choose its size, and L2 keeps small ones quiet
//   - columns of up to 16 levels are asked one level at a time: a group of levels chosen for all leaves at once is a compromise;
//     groups are held to 10 rows a level, so that rare levels are not learnt by heart
//   - 16 rows a bin: finer borders on small tables cost time and tell nothing
func Symmetric() Learner {
	l := patient()
	l.Symmetric, l.L2, l.MinRows = true, 3, 1
	l.SingleLevels, l.CategorySmooth, l.CategoryL2, l.CategoryRows = 16, 10, 3, 20
	return l
}

// Careful grows leaf by leaf as the default does, but half as many leaves, with a penalty, on samples: better than the
// default on noisy outcomes, where 31 leaves at rate 0.1 learn noise before they have learnt the rest.
func Careful() Learner {
	l := patient()
	l.Leaves, l.L2, l.MinRows = 15, 5, 20
	l.CategorySmooth = 20
	return l
}

// Varied is for larger tables of little noise: as many leaves as the default and a small penalty, but each tree sees half of the
// columns, and columns of up to 16 levels are asked one level at a time, so that trees differ and no rare group of levels is
// learnt by heart.
func Varied() Learner {
	l := patient()
	l.Leaves, l.L2, l.MinRows = 31, 1, 20
	l.ColumnShare, l.SingleLevels, l.CategorySmooth = 0.5, 16, 20
	return l
}

// patient has what they share. 50 rounds without gain are a tenth of the usual number; a fifth of the rows held out.
func patient() Learner {
	return Learner{Trees: 2000, Rate: 0.05, ColumnShare: 0.7, RowShare: 0.8, Patience: 50, HeldOut: 0.2, Refit: true, BinRows: 16}
}
