package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kequn"
)

// dataEndings are the endings of files that are taken from a folder, packing aside.
var dataEndings = []string{".csv", ".tsv", ".tab", ".txt", ".psv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".xlsx"}

// maxFiles bounds one call; more files than this are better joined.
const maxFiles = 10_000

// Expand turns what a user names into files, in the order given, and by name within a folder or pattern. passed lists what
// a folder holds beside data.
//
//	exports/        every file with the ending of a table (.csv, .jsonl, .parquet, .xlsx …, also .gz and .zst), not its subfolders
//	exports/*.csv   what fits the pattern, hidden files aside
//	orders.csv      itself; so do book.xlsx#Sheet2 and postgres://…
//
// A file that is named twice is there once. A folder without data and a pattern that nothing fits are input errors.
func Expand(names []string) (files, passed []string, err error) {
	seen := map[string]bool{} // looked up only
	add := func(path string) {
		if key := filepath.Clean(path); !seen[key] {
			seen[key] = true
			files = append(files, path)
		}
	}
	for _, name := range names {
		if isDatabase(name) {
			files = append(files, name)
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err == nil && info.IsDir():
			found, rest, err := inFolder(name)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range found {
				add(f)
			}
			passed = append(passed, rest...)
		case err != nil && strings.ContainsAny(name, "*?["):
			found, err := filepath.Glob(name)
			if err != nil {
				return nil, nil, kequn.Errorf(kequn.KindUsage, name, "the pattern cannot be read").WithHint("* stands for any letters, ? for one, [ab] for one of them")
			}
			n := len(files)
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && !isHidden(filepath.Base(f), filepath.Base(name)) {
					add(f)
				}
			}
			if len(found) == 0 || n == len(files) && len(names) == 1 {
				return nil, nil, kequn.Errorf(kequn.KindInput, name, "no file fits the pattern").WithHint("the folder is taken from where you are, not from -C")
			}
		default:
			add(name)
		}
		if len(files) > maxFiles {
			return nil, nil, kequn.Errorf(kequn.KindInput, name, "names more than %d files", maxFiles).WithHint("load them folder by folder, or join them")
		}
	}
	return files, passed, nil
}

func inFolder(dir string) (files, passed []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, openError(dir, err)
	}
	for _, e := range entries { // by name
		path := filepath.Join(dir, e.Name())
		if isHidden(e.Name(), "") {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || !isDataName(e.Name()) {
			passed = append(passed, path)
			continue
		}
		files = append(files, path)
	}
	if len(files) == 0 {
		return nil, nil, kequn.Errorf(kequn.KindInput, dir, "the folder holds no table").WithHint("files of it are taken that end in %s, also with .gz or .zst", strings.Join(dataEndings, " "))
	}
	return files, passed, nil
}

// isHidden tells whether a file is none that somebody would name: hidden ones, and the locks of open workbooks.
func isHidden(name, pattern string) bool {
	return name[0] == '.' && (pattern == "" || pattern[0] != '.') || strings.HasPrefix(name, "~$")
}

func isDataName(name string) bool {
	name = strings.ToLower(name)
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	return slices.Contains(dataEndings, filepath.Ext(name))
}
