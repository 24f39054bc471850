package store

// AddRejected notes rows that the reader refused, for the records of the file: they are known only when it was read.
func (x *Load) AddRejected(n int64) { x.o.Rejected += n }
