package pipeline

import (
	"fmt"
	"slices"
)

// gaps remembers what importance does not say, for a person to know.
type gaps struct {
	empty, zero   []string // tensors with matrices that saw no data, and with such for which nothing matters
	nEmpty, zeros int      // how many matrices these are
}

// unseen notes n matrices of a tensor that saw no data.
func (g *gaps) unseen(tensor string, n int) {
	if g.nEmpty += n; n > 0 {
		g.empty = once(g.empty, tensor)
	}
}

// mend notes a matrix for which nothing matters. From zeros the reference's searches make blocks of zeros; corrected, all
// columns of such a matrix count the same, as without data: then these values are given.
func (g *gaps) mend(tensor string, values []float32, correct bool) []float32 {
	if slices.Max(values) > 0 {
		return nil
	}
	g.zeros++
	g.zero = once(g.zero, tensor)
	if !correct {
		return nil
	}
	return slices.Repeat([]float32{1}, len(values))
}

// once appends a name to a list that does not end with it.
func once(list []string, name string) []string {
	if n := len(list); n > 0 && list[n-1] == name {
		return list
	}
	return append(list, name)
}

// notice is a text about tensors.
type notice struct {
	names []string
	text  string
}

// to appends the notice if it is about any.
func (n notice) to(list []string) []string {
	if len(n.names) == 0 {
		return list
	}
	return append(list, n.text+" ("+few(n.names)+")")
}

// notices says what was noted of the importance that is called file.
func (g *gaps) notices(file string, correct bool) (list []string) {
	zero := "most types then hold only zeros, as in llama.cpp; with --correct all their columns count the same"
	if correct {
		zero = "all their columns count the same instead"
	}
	list = notice{g.empty, fmt.Sprintf("experts for which %s has no data, whose columns all count the same: %d, in tensors: %d", file, g.nEmpty, len(g.empty))}.to(list)
	return notice{g.zero, fmt.Sprintf("matrices of which %s says that no column matters (%s): %d, in tensors: %d", file, zero, g.zeros, len(g.zero))}.to(list)
}
