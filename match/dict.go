package match

import (
	"hash/maphash"
	"math"
)

// dict gives each text a small number and keeps all texts in one piece of memory.
type dict struct {
	text  []byte
	ends  []uint32 // of the text of each id; id 0 is no text
	slots []uint64 // open addressing: id and half of the hash, 0 when free
	seed  maphash.Seed
}

func newDict() *dict {
	return &dict{ends: []uint32{0}, slots: make([]uint64, 1024), seed: maphash.MakeSeed()}
}

// at gives the text of an id.
func (d *dict) at(id uint32) []byte { return d.text[d.ends[id-1]:d.ends[id]] }

func (d *dict) len() int { return len(d.ends) }

// find gives the id of a text, 0 when it has none, and the slot where it belongs.
func (d *dict) find(s []byte) (id, slot uint32) {
	h := maphash.Bytes(d.seed, s)
	mask := uint32(len(d.slots) - 1)
	i := uint32(h) & mask
	for ; d.slots[i] != 0; i = (i + 1) & mask {
		if at := d.slots[i]; at>>32 == h>>32 && string(d.at(uint32(at))) == string(s) {
			return uint32(at), i
		}
	}
	return 0, i
}

// add gives the id of a text, a new one when it is new.
func (d *dict) add(s []byte) uint32 {
	id, slot := d.find(s)
	if id != 0 {
		return id
	}
	if len(d.text)+len(s) > math.MaxUint32 {
		return 0 // four gigabytes of different texts: the rest is not told apart
	}
	id = uint32(len(d.ends))
	d.text = append(d.text, s...)
	d.ends = append(d.ends, uint32(len(d.text)))
	d.slots[slot] = maphash.Bytes(d.seed, s)>>32<<32 | uint64(id)
	if 4*len(d.ends) > 3*len(d.slots) {
		d.grow()
	}
	return id
}

func (d *dict) grow() {
	d.slots = make([]uint64, 2*len(d.slots))
	mask := uint32(len(d.slots) - 1)
	for id := uint32(1); id < uint32(len(d.ends)); id++ {
		h := maphash.Bytes(d.seed, d.at(id))
		i := uint32(h) & mask
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = h>>32<<32 | uint64(id)
	}
}
