package source

import (
	"bytes"

	"kequn"
)

// signature is how a kind of file that is no table begins.
type signature struct {
	magic string
	what  string
	hint  string
}

// signatures are checked in order. Only what is often mistaken for a table, or sent instead of one, is listed; other
// binary content is found out by its control bytes.
var signatures = []signature{
	{"MZ", "a Windows program", ""},
	{"\x7fELF", "a program", ""},
	{"PK\x03\x04", "a zip archive or an Excel workbook within a packed file", "unpack it once"},
	{"PK\x05\x06", "an empty zip archive", ""},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls), or one with a password", "save it as .xlsx without a password, or the sheet as CSV (UTF-8)"},
	{"%PDF", "a PDF document", ""},
	{"\x89PNG", "an image", ""},
	{"\xff\xd8\xff", "an image", ""},
	{"GIF8", "an image", ""},
	{"SQLite format 3\x00", "an SQLite database", "export its tables as CSV"},
	{"ORC\x00", "an ORC file", "convert it to Parquet"},
	{"ORC\n", "an ORC file", "convert it to Parquet"},
	{"Obj\x01", "an Avro file", "convert it to Parquet"},
	{"ARROW1", "an Arrow IPC file", "convert it to Parquet"},
	{"FEA1", "a Feather file", "convert it to Parquet"},
	{"\x89HDF", "an HDF5 file", "export its tables as CSV or Parquet"},
	{"BZh", "a bzip2 archive", "unpack it, or pack with gzip or zstd"},
	{"\xfd7zXZ\x00", "an xz archive", "unpack it, or pack with gzip or zstd"},
	{"7z\xbc\xaf", "a 7z archive", "unpack it"},
	{"Rar!", "a rar archive", "unpack it"},
	{"{\\rtf", "a text document (RTF)", "save the table as CSV (UTF-8)"},
	{"\x80\x04\x95", "a Python pickle", "save the table as CSV or Parquet"},
	{"PARE", "a Parquet file with an encrypted footer", "decrypt it first"},
}

// recognise tells the packing of a file by its first bytes, and refuses what is no table.
func recognise(path string, head []byte) (packing string, err error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "gzip", nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "zstd", nil
	}
	return "", refuse(path, head)
}

func refuse(path string, head []byte) error {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return kequn.Errorf(kequn.KindInput, path, "is %s, not a table", s.what).WithHint("%s", orElse(s.hint, "give a CSV, JSON, Excel or Parquet file"))
		}
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(text[:min(len(text), 64)])
	for _, tag := range []string{"<!doctype", "<html", "<?xml", "<table", "<svg"} {
		if bytes.HasPrefix(lower, []byte(tag)) {
			return kequn.Errorf(kequn.KindInput, path, "is HTML or XML, not a table").WithHint("save the table as CSV (UTF-8)")
		}
	}
	return nil
}

// looksJSON tells whether text begins as a JSON object or array does. A CSV header such as [id],[name] does not.
func looksJSON(text []byte) bool {
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	if len(rest) == 0 {
		return true
	}
	if text[0] == '{' {
		return rest[0] == '"' || rest[0] == '}'
	}
	for _, p := range []string{"{", "[", "]", `"`, "null", "true", "false"} {
		if bytes.HasPrefix(rest, []byte(p)) {
			return true
		}
	}
	return rest[0] == '-' || rest[0] >= '0' && rest[0] <= '9'
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
