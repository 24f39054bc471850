package table

// Want names columns of a dataset to be read. Columns that the dataset lacks are an error of the reader.
type Want struct {
	Dataset string
	Columns []string
}

// Partition holds the rows of some customers: every row of each of them, in every dataset asked for.
type Partition struct {
	// Customer holds the customers that have a row in any of the sets, each once: a Text column in the store's order,
	// which is the same for every dataset and every reading.
	Customer *Column

	Sets []Set // in the order of the wants
}

// Set is one dataset's rows within a partition.
type Set struct {
	// Rows are sorted by customer, then event time, then known-at time, then order of arrival.
	Rows *Table

	// Start has one more value than there are customers: the rows of customer i are [Start[i], Start[i+1]).
	Start []int32
}
