package outfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// old is what an output holds before the run.
var old = []byte("the output of an earlier day")

// disk gives the start of a run: an empty disk, or one with old outputs.
func (s sample) memDisk(withOld bool) *memDisk {
	d := newMemDisk()
	for k := range s.parts {
		if withOld {
			ino := &inode{data: slices.Clone(old), durable: slices.Clone(old)}
			d.names[s.parts[k].Path], d.durable[s.parts[k].Path] = ino, ino
		}
	}
	return d
}

// state looks at the outputs: each is absent, old or whole. A whole first part means a whole set.
func (s sample) state(t *testing.T, d *memDisk, withOld bool, wants [][]byte) (whole bool) {
	t.Helper()
	n := 0
	for k := len(s.parts) - 1; k >= 0; k-- {
		ino := d.names[s.parts[k].Path]
		switch {
		case ino == nil && !withOld:
		case ino != nil && withOld && bytes.Equal(ino.data, old):
		case ino != nil && bytes.Equal(ino.data, wants[k]):
			n++
			if k == 0 && n != len(s.parts) {
				t.Fatal("the first part has its name before the others")
			}
		default:
			t.Fatalf("part %d is neither absent nor old nor whole", k)
		}
	}
	return n == len(s.parts)
}

// TestE3PowerLoss stops a run at every operation, with three kinds of loss, up to three times in a row,
// and wants the next run to make the output: the old one or the whole new one at every moment.
func TestE3PowerLoss(t *testing.T) {
	trials, adopted, reusedUnits := 0, 0, 0
	for _, names := range [][]string{{"out"}, {"a", "b", "c"}} {
		s := newSample("/m", 3, 1500, names...)
		wants := make([][]byte, len(s.parts))
		for k := range wants {
			wants[k] = s.want(k)
		}
		for _, withOld := range []bool{false, true} {
			o := opts
			o.Force = withOld
			clean := s.memDisk(withOld)
			if _, _, err := s.convert(clean, o); err != nil {
				t.Fatal(err)
			}
			for at := 1; at <= clean.ops+1; at++ {
				for seed := range 12 {
					r := rand.New(rand.NewPCG(uint64(at), uint64(seed)))
					l := loss(min(seed, int(anyUnsynced)))
					d := s.memDisk(withOld)
					place := fmt.Sprintf("%d parts, old %v, stop at %d, seed %d", len(names), withOld, at, seed)
					d.stopAt = at
					whole := false
					for crash := 0; ; crash++ {
						trials++
						kept, _, err := s.convert(d, o)
						reusedUnits += kept
						if d.stopAt == 0 || d.ops < d.stopAt { // no crash
							if err != nil && !(whole && fault.KindOf(err) == fault.Busy) {
								t.Fatalf("%s: refused: %v", place, err)
							}
							break
						}
						if err == nil && !s.state(t, d.restart(allUnsynced, r), withOld, wants) {
							t.Fatalf("%s: a success that is not durable", place)
						}
						d = d.restart(l, r)
						whole = s.state(t, d, withOld, wants)
						if crash < 2 {
							d.stopAt = 1 + r.IntN(clean.ops)
						}
						for k := 1; k < len(names); k++ {
							if ino := d.names[s.parts[k].Path]; ino != nil && bytes.Equal(ino.data, wants[k]) && !whole {
								adopted++
								break
							}
						}
					}
					if !s.state(t, d, withOld, wants) {
						t.Fatalf("%s: no output at the end", place)
					}
					for _, name := range d.list() {
						if slices.Contains(names, name) {
							continue
						}
						// What was removed may come back with the power; an empty partial is all that can stay.
						if ino := d.names["/m/"+name]; l == anyUnsynced && whole && (len(ino.data) == 0 || !strings.HasSuffix(name, ".partial")) {
							continue
						}
						t.Fatalf("%s: %s is left", place, name)
					}
					if !s.state(t, d.restart(allUnsynced, r), withOld, wants) {
						t.Fatalf("%s: the end is not durable", place)
					}
				}
			}
		}
	}
	t.Logf("%d runs, %d began with a half-published set, %d units reused", trials, adopted, reusedUnits)
	if adopted == 0 || reusedUnits == 0 {
		t.Error("the model never met a half-published set, or never reused a unit")
	}
}

// TestE3ModelForgets: the model itself loses what is not synced, else E3 proves nothing.
func TestE3ModelForgets(t *testing.T) {
	d := newMemDisk()
	f, _ := d.open("/m/a", openNew)
	f.WriteAt([]byte("x"), 0)
	if got := d.restart(processOnly, nil).list(); len(got) != 1 {
		t.Fatal("a kill loses a file", got)
	}
	if got := d.restart(allUnsynced, nil).list(); len(got) != 0 {
		t.Fatal("a name is there without a sync of the directory", got)
	}
	d.syncDir("/m")
	if n := d.restart(allUnsynced, nil); len(n.names["/m/a"].data) != 0 {
		t.Fatal("data are there without a sync")
	}
	f.Sync()
	if n := d.restart(allUnsynced, nil); string(n.names["/m/a"].data) != "x" {
		t.Fatal("synced data are lost")
	}
}
