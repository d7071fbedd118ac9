package gguf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// craft is the generator's state.
type craft struct {
	bytesOf
	h     handcrafted
	rng   *rand.Rand
	align int64
	claim int64 // how long the file says that it is
	infos []Tensor
	bools byte // bools are random bytes modulo this
}

// is tells whether the file has one of these defects.
func (c *craft) is(names ...string) bool {
	for _, n := range names {
		if c.h.name == n {
			return true
		}
	}
	return false
}

// has tells by the part of the name after the stage.
func (c *craft) has(ends ...string) bool {
	for _, e := range ends {
		if strings.HasSuffix(c.h.name, "_"+e) {
			return true
		}
	}
	return false
}

// newCraft writes the file h.
func newCraft(h handcrafted, seed uint64, bools byte) *craft {
	c := &craft{h: h, rng: rand.New(rand.NewPCG(seed, 16)), align: DefaultAlignment, bools: bools}
	if h.stage >= 2 {
		c.shapes()
	}
	nKV := 0
	if h.stage >= 1 {
		nKV = 80
	}
	c.header(nKV)
	for i := range nKV {
		c.keyValue(i)
	}
	c.alignment()
	if h.stage >= 2 {
		c.tensors()
	}
	for int64(len(c.b))%c.align != 0 {
		c.u8(0)
	}
	c.claim = int64(len(c.b))
	if h.stage >= 2 {
		c.data()
	}
	return c
}

func (c *craft) header(nKV int) {
	if c.is("HEADER_BAD_MAGIC") {
		c.raw("FUGG")
	} else {
		c.raw("GGUF")
	}
	switch {
	case c.is("HEADER_BAD_VERSION_0"):
		c.u32(0)
	case c.is("HEADER_BAD_VERSION_1"):
		c.u32(1)
	case c.is("HEADER_BAD_VERSION_FUTURE"):
		c.u32(latestVersion + 1)
	default:
		c.u32(latestVersion)
	}
	if c.is("HEADER_BAD_N_TENSORS") {
		c.u64(math.MaxUint64)
	} else {
		c.u64(uint64(len(c.infos)))
	}
	switch {
	case c.is("HEADER_BAD_N_KV"):
		c.u64(math.MaxUint64)
	case c.has("BAD_ALIGN", "WRONG_TYPE_ALIGN", "CUSTOM_ALIGN"):
		c.u64(uint64(nKV) + 1)
	default:
		c.u64(uint64(nKV))
	}
}

// shapes draws up to 100 tensors of every type, 1 to 4 dimensions.
func (c *craft) shapes() {
	for len(c.infos) < 90 {
		t := Type(c.rng.IntN(int(TypeQ2_0) + 1))
		block, _, ok := t.Block()
		if !ok {
			continue
		}
		shape := []int64{block * (1 + c.rng.Int64N(10))}
		for range c.rng.IntN(MaxDims) {
			shape = append(shape, 1+c.rng.Int64N(10))
		}
		for len(shape) > 1 && shape[len(shape)-1] == 1 {
			shape = shape[:len(shape)-1]
		}
		c.infos = append(c.infos, Tensor{Name: fmt.Sprintf("my_tensor_%d", len(c.infos)), Type: t, Shape: shape})
	}
	if c.is("DATA_MEM_SIZE_OVERFLOW") {
		c.infos = c.infos[:2]
		for i := range c.infos {
			c.infos[i].Type, c.infos[i].Shape = TypeI8, []int64{0x7fffffffffffffc0}
		}
	}
}

// keyValue writes a key of a random type with random bytes.
func (c *craft) keyValue(i int) {
	no := i
	if c.is("KV_DUPLICATE_KEY") {
		no = i / 2
	}
	key := fmt.Sprintf("my_key_%d", no)
	if c.is("KV_EMPTY_KEY") {
		key = ""
	}
	if c.is("KV_BAD_KEY_SIZE") {
		c.u64(math.MaxUint64).raw(key)
	} else {
		c.str(key)
	}
	t := ValueType(c.rng.IntN(13))
	if c.is("KV_BAD_TYPE") {
		c.u32(13).u8(0)
		return
	}
	c.u32(uint32(t))
	n := 1
	if t == ValueArray {
		for t == ValueArray {
			t = ValueType(c.rng.IntN(13))
		}
		n = c.rng.IntN(17)
		c.u32(uint32(t)).u64(uint64(n))
	}
	for range n {
		if t == ValueString {
			b := make([]byte, c.rng.IntN(64))
			for j := range b {
				b[j] = byte(c.rng.Uint32())
			}
			c.str(string(b))
			continue
		}
		for range valueSizes[t] {
			x := byte(c.rng.Uint32())
			if t == ValueBool && c.bools != 0 {
				x %= c.bools
			}
			c.u8(x)
		}
	}
}

func (c *craft) alignment() {
	if !c.has("BAD_ALIGN", "WRONG_TYPE_ALIGN", "CUSTOM_ALIGN") {
		return
	}
	c.align = 13
	if c.h.good {
		c.align = 1
	}
	t := ValueUint32
	if c.has("WRONG_TYPE_ALIGN") {
		t = ValueInt32
	}
	c.kv(keyAlignment, t).u32(uint32(c.align))
}

func (c *craft) tensors() {
	if c.has("INCONSISTENT_ALIGN") {
		c.align = 1
	}
	off := uint64(0)
	for i, x := range c.infos {
		if c.is("TENSORS_DUPLICATE_NAME") {
			x.Name = "my_tensor"
		}
		if c.is("TENSORS_BAD_NAME_SIZE") {
			x.Name = strings.Repeat("n", 64) + x.Name
		}
		if c.is("TENSORS_NBYTES_TOO_BIG") {
			x.Type = TypeI64
		}
		block, size, _ := x.Type.Block()
		switch dims := x.Shape; {
		case c.is("TENSORS_BAD_SHAPE"):
			x.Shape = []int64{-1}
		case c.is("TENSORS_ZERO_DIM"):
			x.Shape = []int64{dims[0], 0}
		case c.is("TENSORS_NE_TOO_BIG"):
			x.Shape = []int64{4 * math.MaxInt32, 4 * math.MaxInt32}
		case c.is("TENSORS_NBYTES_TOO_BIG"):
			side := int64(1.01*math.Sqrt(math.MaxUint64/float64(size))) + 1
			x.Shape = []int64{(side + block - 1) / block * block, side}
		}
		c.infos[i] = x
		c.str(x.Name)
		if c.is("TENSORS_BAD_N_DIMS") {
			c.u32(MaxDims + 1)
		} else {
			c.u32(uint32(len(x.Shape)))
		}
		bytes := uint64(size)
		for j, d := range x.Shape {
			c.u64(uint64(d))
			if j == 0 {
				d /= block
			}
			bytes *= uint64(d)
		}
		if c.is("TENSORS_BAD_TYPE") {
			c.u32(uint32(TypeQ2_0) + 1)
		} else {
			c.u32(uint32(x.Type))
		}
		if c.is("TENSORS_BAD_OFFSET") {
			c.u64(math.MaxUint64)
		} else {
			c.u64(off)
		}
		c.infos[i].Offset = int64(off)
		off += (bytes + uint64(c.align) - 1) / uint64(c.align) * uint64(c.align)
	}
}

// data writes the data, or only claims them.
func (c *craft) data() {
	last := &c.infos[len(c.infos)-1]
	n := (last.Offset + last.Bytes() + c.align - 1) / c.align * c.align
	switch {
	case c.h.stage < 3:
		c.claim += max(n, 0)
	case c.is("DATA_MEM_SIZE_OVERFLOW"):
		c.b = append(c.b, make([]byte, 32)...)
		c.claim = int64(len(c.b))
	default:
		if c.is("DATA_NOT_ENOUGH_DATA") {
			n--
		}
		for i := range n {
			c.u8(byte(i))
		}
		c.claim = int64(len(c.b))
	}
}

func (c *craft) open(lim Limits) (*File, error) { return claimed(c.b, c.claim, lim) }
