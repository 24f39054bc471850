package store

// AddRejected notes rows that the reader refused, for the records of the file: they are known only when it was read.
func (x *Load) AddRejected(n int64) { x.o.Rejected += n }

// SetFileHash says the hash of what was read, for sources that know it only after reading. "" keeps the load out of the
// records of files.
func (x *Load) SetFileHash(hash string) { x.o.FileHash = hash }
