package main

import (
	"cmp"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/qconv/qconv/verify"
)

// verified prints a report.
func (u *ui) verified(r *verify.Report) error {
	if u.json {
		if !r.Pass {
			u.first() // the report says what is wrong: no second object does
		}
		return u.object(r)
	}
	u.notices(r.Notices)
	if u.quiet {
		return nil
	}
	if err := u.tensorTable(r.Tensors); err != nil {
		return err
	}
	if err := u.layerTable(r.Layers); err != nil {
		return err
	}
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, okOrNot(c.OK), c.Text)
	}
	for _, g := range r.Gates {
		fmt.Fprintf(w, "%s\t%s\t%v\n", g.Flag, okOrNot(g.OK), g)
	}
	if err := w.Flush(); err != nil {
		return printFault(err)
	}
	for _, f := range r.Findings {
		u.printf("%s: %s\n", f.Check, oneLine(f.String()))
	}
	if r.Pass {
		return u.printf("%s passes\n", quoted(r.File))
	}
	u.printf("%s does not pass\n", quoted(r.File))
	return u.flush()
}

func okOrNot(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}

// tensorTable prints the tensors that are furthest from the source.
func (u *ui) tensorTable(all []verify.Tensor) error {
	const most = 10
	var list []verify.Tensor
	for _, t := range all {
		if t.Compared && t.RMSE != 0 {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b verify.Tensor) int { return cmp.Compare(b.RMSE, a.RMSE) })
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENSOR\tTYPE\tRELATIVE ERROR\tCOSINE\tLARGEST\tWORST ROW\tREMADE")
	for _, t := range list[:min(most, len(list))] {
		fmt.Fprintf(w, "%s\t%s\t%.6f\t%.6f\t%.3g\t%d (%.4f)\t%s\n", quoted(t.Name), t.Type, t.RMSE, t.Cosine, t.Largest, t.WorstRow, t.RowRMSE, t.Remade)
	}
	if n := len(list) - most; n > 0 {
		fmt.Fprintf(w, "and %d more with smaller errors\n", n)
	}
	fmt.Fprintln(w)
	return printFault(w.Flush())
}

// layerTable prints the layers that add most to the error, in their order: errors grow on their way through the layers.
func (u *ui) layerTable(all []verify.Layer) error {
	const most = 10
	added := func(i int) float64 {
		if i == 0 {
			return all[0].Error
		}
		return all[i].Error - all[i-1].Error
	}
	var list []int
	for i, l := range all {
		if l.Error != 0 {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(added(b), added(a)) })
	more := len(list) - most
	list = list[:min(most, len(list))]
	slices.Sort(list)
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAYER\tRELATIVE ERROR\tADDED\tCOSINE\tWORST TOKEN")
	for _, i := range list {
		l := all[i]
		fmt.Fprintf(w, "%d\t%.6f\t%+.6f\t%.6f\t%.4f (window %d, position %d)\n", l.Number, l.Error, added(i), l.Cosine, l.Worst, l.Window, l.Token)
	}
	if more > 0 {
		fmt.Fprintf(w, "and %d more that add less\n", more)
	}
	fmt.Fprintln(w)
	return printFault(w.Flush())
}
