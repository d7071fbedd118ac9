package outfile

import (
	"path/filepath"
	"testing"
)

// benchmarkSet is one file of 256 MiB in units of 8 MiB, and the bytes of one unit.
func benchmarkSet(b *testing.B) (sample, []byte) {
	s := sample{parts: []Part{{Path: filepath.Join(b.TempDir(), "out"), Size: 4096 + 32*8<<20}}, headers: [][]byte{[]byte("GGUF")}}
	for u := range int64(32) {
		s.parts[0].Units = append(s.parts[0].Units, Unit{4096 + u*8<<20, 8 << 20})
	}
	b.SetBytes(s.parts[0].Size)
	return s, make([]byte, 8<<20)
}

func (s sample) benchWrite(b *testing.B, data []byte) *Set {
	set, err := Begin(s.parts, with(force))
	if err != nil {
		b.Fatal(err)
	}
	for u := range s.parts[0].Units {
		if err := set.Write(0, u, data); err != nil {
			b.Fatal(err)
		}
	}
	return set
}

// BenchmarkWrite is what one goroutine writes, hashes and journals.
func BenchmarkWrite(b *testing.B) {
	s, data := benchmarkSet(b)
	for range b.N {
		set := s.benchWrite(b, data)
		b.StopTimer()
		set.Discard()
		b.StartTimer()
	}
}

// BenchmarkReadBack is the proof before the syncs, from the page cache.
func BenchmarkReadBack(b *testing.B) {
	s, data := benchmarkSet(b)
	set := s.benchWrite(b, data)
	defer set.Discard()
	b.ResetTimer()
	for range b.N {
		if _, err := set.readBack(b.Context(), s.headers, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResume is Begin on a whole partial.
func BenchmarkResume(b *testing.B) {
	s, data := benchmarkSet(b)
	s.benchWrite(b, data).Close()
	b.ResetTimer()
	for range b.N {
		set, err := Begin(s.parts, with(force))
		if err != nil {
			b.Fatal(err)
		}
		set.Close()
	}
}
