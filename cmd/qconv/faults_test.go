package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestFaultTable keeps docs/FAULTS.md true: the promised rows are there, every test that the table names exists in
// the sources, and every test and script that is named after a row is in that row.
func TestFaultTable(t *testing.T) {
	table := faultTable(t)
	for _, row := range promisedRows() {
		if len(table[row]) == 0 {
			t.Errorf("row %s has no test", row)
		}
	}
	sources := testSources(t)
	for row, names := range table {
		for _, name := range names {
			if why := untrue(sources, name); why != "" {
				t.Errorf("row %s names %s: %s", row, name, why)
			}
		}
	}
	for dir, text := range sources {
		for _, m := range regexp.MustCompile(`(?m)^func (Test([A-H][0-9]+)+[A-Z]\w*)\(`).FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(m[1], "Child") {
				continue // the part of another test that runs as a process of its own
			}
			for _, row := range regexp.MustCompile(`[A-H][0-9]+`).FindAllString(m[1], -1) {
				if test := dir + "." + m[1]; table[row] != nil && !holdsTest(table[row], test) {
					t.Errorf("%s is named after row %s, which does not list it", test, row)
				}
			}
		}
	}
	scripts, err := filepath.Glob("testdata/script/[A-H][0-9]*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts: ", err)
	}
	all := ""
	for _, names := range table {
		all += strings.Join(names, " ") + " "
	}
	for _, path := range scripts {
		if name := strings.TrimSuffix(filepath.Base(path), ".txtar"); !strings.Contains(all, "cmd/qconv.TestScript/"+name+" ") {
			t.Errorf("no row lists the script %s", name)
		}
	}
}

// holdsTest tells whether a row lists a test, as a whole or some of its sub-tests.
func holdsTest(row []string, test string) bool {
	for _, name := range row {
		if name == test || strings.HasPrefix(name, test+"/") {
			return true
		}
	}
	return false
}

// faultTable reads the tests of each row. All rows have passed.
func faultTable(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		row := strings.TrimSpace(cells[0])
		if !regexp.MustCompile(`^[A-H][0-9]+$`).MatchString(row) {
			continue
		}
		if len(cells) != 5 || table[row] != nil || !strings.HasPrefix(cells[4], " pass") {
			t.Errorf("row %s: %d cells, result %q; want 5, pass, and no row twice", row, len(cells), cells[len(cells)-1])
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
			table[row] = append(table[row], m[1])
		}
	}
	return table
}

// promisedRows are those that must have a test.
func promisedRows() (rows []string) {
	for _, r := range []struct {
		family      string
		first, last int
	}{{"A", 1, 26}, {"B", 1, 29}, {"C", 1, 19}, {"D", 1, 7}, {"E", 1, 26}} {
		for i := r.first; i <= r.last; i++ {
			rows = append(rows, r.family+strconv.Itoa(i))
		}
	}
	return append(rows, "D12", "D13", "D14", "D15", "D16", "F3", "F4", "F6", "H1", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9", "H10", "H11", "H12")
}

// testSources gives the text of all test files of each package, by its directory.
func testSources(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		dir, _ := filepath.Rel("../..", filepath.Dir(path))
		sources[filepath.ToSlash(dir)] += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// untrue says what is wrong with the name of a test: package.Test or package.Test/sub.
func untrue(sources map[string]string, name string) string {
	dir, test, ok := strings.Cut(name, ".")
	if !ok || !strings.HasPrefix(test, "Test") {
		return "is not package.Test"
	}
	test, sub, _ := strings.Cut(test, "/")
	text := sources[dir]
	switch {
	case text == "":
		return "no such package, or no tests in it"
	case !strings.Contains(text, "\nfunc "+test+"(t *testing.T) {"):
		return "no such test"
	case sub == "":
		return ""
	case test == "TestScript":
		if _, err := os.Stat(filepath.Join("testdata/script", sub+".txtar")); err != nil {
			return "no such script"
		}
		return ""
	}
	if !regexp.MustCompile(`"` + regexp.QuoteMeta(sub) + `[^0-9]`).MatchString(text) {
		return "no such sub-test"
	}
	return ""
}
