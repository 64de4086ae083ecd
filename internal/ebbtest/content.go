package ebbtest

import (
	"encoding/binary"
	"io"
)

// Generate returns a file of that size whose bytes follow from seed. No two blocks of it are alike, so a
// part that is written to the wrong place is seen.
func Generate(seed uint64, size int64) *io.SectionReader {
	return io.NewSectionReader(generator(seed), 0, size)
}

// generator is an endless file of 8-byte words, each the hash of its index (splitmix64).
type generator uint64

func (g generator) word(n int64) uint64 {
	z := uint64(g)*0xd1342543de82ef95 + uint64(n)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// ReadAt fills p. It never fails.
func (g generator) ReadAt(p []byte, off int64) (int, error) {
	n := len(p)
	var edge [8]byte
	if rest := off % 8; rest != 0 {
		binary.LittleEndian.PutUint64(edge[:], g.word(off/8))
		done := copy(p, edge[rest:])
		p, off = p[done:], off+int64(done)
	}
	index := off / 8
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, g.word(index))
		index++
	}
	binary.LittleEndian.PutUint64(edge[:], g.word(index))
	copy(p, edge[:])
	return n, nil
}
