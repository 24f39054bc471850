package modeltest

var checks = []check{
	{"ready/beats-constant", "the zero value fits and beats a constant on other rows", beatsConstant},
	{"ready/parameters", "each parameter has a doc, a default in its range, and a value out of range is named", parameters},
	{"ready/header", "the header says what the model is and wants", header},

	{"repeatable/twice", "the same input gives the same bytes, and a second fit ignores the first", sameBytes},
	{"repeatable/threads", "any number of threads gives the same bytes", threads},
	{"repeatable/inputs", "fitting and predicting leave their inputs alone", inputsUntouched},
	{"repeatable/save-load", "a loaded model predicts the same bits and saves the same bytes", saveLoad},
	{"repeatable/shared", "a model can be used by several goroutines at once", shared},

	{"fair/ones", "weights of 1 are no weights", weightsOfOne},
	{"fair/zero", "a row of weight 0 is as if absent", weightZero},
	{"fair/twice", "a row of weight 2 is the row twice", weightTwo},
	{"fair/row-order", "the order of rows does not matter", rowOrder},
	{"fair/column-order", "the order of columns does not matter, further columns are passed over", columnOrder},
	{"fair/kinds", "integers, money and truth values are numbers", kinds},
	{"fair/batch", "a batch is its rows one by one", batch},
	{"fair/unseen", "a category never seen is a missing one", unseen},
	{"fair/contributions", "contributions add up to the margin, and the margin to the score", contributions},
	{"fair/importance", "importance sums to 1 and finds the signal", importance},

	{"careful/shapes", "lengths that do not fit are refused", shapes},
	{"careful/weights", "weights and outcomes that are not finite or not allowed are refused", badValues},
	{"careful/missing-column", "a table without a wanted column is refused by name", missingColumn},
	{"careful/wrong-kind", "categories where numbers are wanted are refused by name", wrongKind},
	{"careful/infinite", "infinite and huge values give finite scores", infinite},
	{"careful/missing", "missing values give finite scores", missing},
	{"careful/empty", "no rows is ErrNoRows; scoring no rows gives no scores", emptyTable},
	{"careful/one-row", "one or two rows give a model or an error", fewRows},
	{"careful/one-class", "one class is ErrOneClass; a constant amount is predicted", oneClass},
	{"careful/no-column", "no usable column is ErrNoColumn", noColumn},
	{"careful/constant", "constant columns alone predict the base rate", constantColumns},
	{"careful/unique", "a category that is different in every row does no harm", uniqueLevels},
	{"careful/damaged", "a model file that is cut or changed is refused without panic", damagedFile},
	{"careful/cancel", "cancelling returns soon with the context's error and leaks no goroutine", cancel},
}
