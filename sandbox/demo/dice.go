package demo

import (
	"math/bits"
	"math/rand/v2"
)

// stream separates the random numbers of one purpose from those of another,
// so that a new field in one record never changes another record.
type stream uint64

const (
	streamAccountPlan stream = iota + 1
	streamAccountText
	streamContact
	streamDealPlan
	streamDealText
	streamTeam
	streamActivity
	streamUser
	streamBlock
	streamTags
)

// dice draws whole numbers from a PCG. It uses no floating point, because
// rounding may differ from one processor to another and the same options must
// give the same bytes everywhere.
type dice struct {
	pcg rand.PCG
}

// at places the dice at the start of the numbers for one record.
func (d *dice) at(seed uint64, s stream, index int) {
	a := mix(seed ^ uint64(s)*0x9E3779B97F4A7C15)
	d.pcg.Seed(a, mix(a+uint64(index)+1))
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}

// below returns a number from 0 to n-1; 0 when n is not positive.
func (d *dice) below(n int) int {
	if n <= 0 {
		return 0
	}
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// between returns a number from low to high, both included.
func (d *dice) between(low, high int) int { return low + d.below(high-low+1) }

// perMille is true with the given chance out of 1,000.
func (d *dice) perMille(chance int) bool { return d.below(1000) < chance }

// weighted returns an index of weights, each with a chance in proportion to it.
func (d *dice) weighted(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	at := d.below(total)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](d *dice, from []T) T { return from[d.below(len(from))] }

// logNormal holds 40 quantiles, in thousandths, of a log-normal distribution
// with median 1 and sigma 0.85: the usual spread of deal sizes in a segment.
var logNormal = [...]int{
	149, 220, 271, 316, 357, 395, 433, 470, 508, 545,
	583, 621, 660, 700, 742, 784, 829, 875, 923, 974,
	1027, 1083, 1143, 1207, 1275, 1349, 1428, 1515, 1611, 1717,
	1835, 1970, 2126, 2309, 2529, 2805, 3167, 3684, 4542, 6721,
}

// size draws from the log-normal distribution around a median.
func (d *dice) size(median int) int {
	k := d.below(len(logNormal) - 1)
	between := d.below(1000)
	scale := logNormal[k]*1000 + (logNormal[k+1]-logNormal[k])*between
	return median * (scale / 1000) / 1000
}

// blockOrder returns the numbers 0 to size-1 in an order of its own for each
// block. Dealing quotas block by block keeps every rate exact, however long the
// stream, without remembering what came before.
func blockOrder(seed uint64, purpose, block, size int) []int {
	var d dice
	d.at(seed, streamBlock, block*16+purpose)
	order := make([]int, size)
	for i := range order {
		order[i] = i
	}
	for i := size - 1; i > 0; i-- {
		j := d.below(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}
