// Package psi answers "which companies do we both have?" for two parties that don't
// want to show each other their lists: each learns which of its own keys the other
// holds too, and how many keys the other has, and nothing else of them.
//
// It is the Diffie-Hellman form of private set intersection (as in the IETF's
// draft-ecdh-psi) on Curve25519: a key is hashed to a point P (SHA-512, Elligator 2 of
// RFC 9380), each party multiplies by a secret number that it makes for this exchange
// alone, and since a(bP) = b(aP) equal keys meet without being shown.
//
//	A → B  Offer   aH(x) of each key of A, in random order
//	B → A  Reply   b(aH(x)) in the order of the Offer, and bH(y) of each key of B
//	A → B  Result  a(bH(y)) in the order of the Reply
//
// A message is a file or the body of an HTTP request: the bytes "TPSI", the version
// 1, the kind (1 Offer, 2 Reply, 3 Result), 16 bytes that name the exchange, then for
// each list its length as four bytes, most significant first, and its points of 32
// bytes. An Offer and a Result have one list, a Reply has two: the points of the
// other party multiplied again, then its own.
//
// What it does not do: both parties are taken to keep to the protocol and to enter
// only companies they really have. Whoever enters guessed keys learns which of them
// the other holds; Limits and Guard keep that slow and visible, they don't prevent
// it. The result is only as private as what is done with it afterwards.
//
// For partners who trust each other KeyedHash is a hundred times cheaper, and weak:
// whoever has the key and the hashes can try every company there is.
package psi

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"sync"

	"filippo.io/edwards25519/field"

	"github.com/tandem-cosell/tandem/match"
)

// Keys gives the exact keys under which a company can be met: its domains, its
// identifiers, and its name within its country.
func Keys(r *match.Record) []string {
	n := match.Normalize(*r)
	var out []string
	for _, d := range n.Domains {
		out = append(out, "domain:"+d)
	}
	for kind, id := range map[string]string{"duns:": n.DUNS, "lei:": n.LEI, "aws:": n.AWS, "tenant:": n.Tenant} {
		if id != "" {
			out = append(out, kind+id)
		}
	}
	if n.Registration != "" && n.Country != "" {
		out = append(out, "registration:"+n.Country+":"+n.Registration)
	}
	if len(n.Names) > 0 && n.Country != "" {
		out = append(out, "name:"+n.Country+":"+n.Names[0].Base)
	}
	return out
}

// Limits are what a party insists on.
type Limits struct {
	// MinKeys is how many keys the other party must enter, 50 by default: with a list
	// of one it asks about one company.
	MinKeys int
	// MaxKeys is how many it may enter, 2,000,000 by default.
	MaxKeys int
	// MinCommon is how many keys must be common, 5 by default. When fewer are, a party
	// that keeps to the protocol tells nobody, its own people included, which.
	MinCommon int
}

func (l Limits) orDefault() Limits {
	if l.MinKeys == 0 {
		l.MinKeys = 50
	}
	if l.MaxKeys == 0 {
		l.MaxKeys = 2_000_000
	}
	if l.MinCommon == 0 {
		l.MinCommon = 5
	}
	return l
}

func (l Limits) check(keys int) error {
	if keys < l.MinKeys || keys > l.MaxKeys {
		return fmt.Errorf("the other party entered %d keys; from %d to %d are allowed", keys, l.MinKeys, l.MaxKeys)
	}
	return nil
}

// ErrTooFew says that less is common than the limits ask for.
var ErrTooFew = errors.New("fewer companies are common than may be shown")

// point is the u-coordinate of a point of Curve25519.
type point [32]byte

// Party is one side of one exchange. It is used once.
type Party struct {
	limits  Limits
	secret  *ecdh.PrivateKey
	session [16]byte
	keys    []string // in the random order in which they are sent
	mine    []point  // of B: the keys of A multiplied by both numbers
	state   int
}

// New begins an exchange over a list of keys; each is entered once.
func New(keys []string, l Limits) (*Party, error) {
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("psi: %w", err)
	}
	p := &Party{limits: l.orDefault(), secret: secret}
	if _, err := rand.Read(p.session[:]); err != nil {
		return nil, fmt.Errorf("psi: %w", err)
	}
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			p.keys = append(p.keys, k)
		}
	}
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("psi: %w", err)
	}
	mathrand.New(mathrand.NewChaCha8(seed)).Shuffle(len(p.keys), func(i, j int) { p.keys[i], p.keys[j] = p.keys[j], p.keys[i] })
	return p, nil
}

// The kinds of messages, which are the states too.
const (
	kindOffer = iota + 1
	kindReply
	kindResult
)

var errOrder = errors.New("psi: the messages of an exchange have an order, and each is made once")

// Offer makes A's first message.
func (p *Party) Offer() ([]byte, error) {
	if p.state != 0 {
		return nil, errOrder
	}
	p.state = kindOffer
	own, err := p.masked()
	if err != nil {
		return nil, err
	}
	return encode(kindOffer, p.session, own), nil
}

// Reply makes B's answer to an Offer.
func (p *Party) Reply(offer []byte) ([]byte, error) {
	if p.state != 0 {
		return nil, errOrder
	}
	session, lists, err := decode(offer, kindOffer, 1)
	if err != nil {
		return nil, err
	}
	if err := p.limits.check(len(lists[0])); err != nil {
		return nil, err
	}
	p.state, p.session = kindReply, session
	if p.mine, err = p.again(lists[0]); err != nil {
		return nil, err
	}
	own, err := p.masked()
	if err != nil {
		return nil, err
	}
	return encode(kindReply, session, p.mine, own), nil
}

// Result reads B's Reply: it gives A's common keys, and the message from which B
// learns its own. With ErrTooFew there is neither.
func (p *Party) Result(reply []byte) (common []string, result []byte, err error) {
	if p.state != kindOffer {
		return nil, nil, errOrder
	}
	session, lists, err := decode(reply, kindReply, 2)
	if err != nil {
		return nil, nil, err
	}
	if session != p.session || len(lists[0]) != len(p.keys) {
		return nil, nil, errors.New("psi: the reply belongs to another offer")
	}
	if err := p.limits.check(len(lists[1])); err != nil {
		return nil, nil, err
	}
	p.state = kindResult
	theirs, err := p.again(lists[1])
	if err != nil {
		return nil, nil, err
	}
	if common, err = p.common(lists[0], theirs); err != nil {
		return nil, nil, err
	}
	return common, encode(kindResult, session, theirs), nil
}

// Finish reads A's Result and gives B's common keys.
func (p *Party) Finish(result []byte) ([]string, error) {
	if p.state != kindReply {
		return nil, errOrder
	}
	session, lists, err := decode(result, kindResult, 1)
	if err != nil {
		return nil, err
	}
	if session != p.session || len(lists[0]) != len(p.keys) {
		return nil, errors.New("psi: the result belongs to another reply")
	}
	p.state = kindResult
	return p.common(lists[0], p.mine)
}

// common gives the own keys, whose points are given in their order, that are among
// the others.
func (p *Party) common(own, others []point) ([]string, error) {
	held := make(map[point]bool, len(others))
	for _, o := range others {
		held[o] = true
	}
	var out []string
	for i, o := range own {
		if held[o] {
			out = append(out, p.keys[i])
		}
	}
	if len(out) < p.limits.MinCommon {
		return nil, ErrTooFew
	}
	return out, nil
}

// masked hashes the keys to points and multiplies them.
func (p *Party) masked() ([]point, error) {
	return parallel(len(p.keys), func(i int) (point, error) { return p.times(toCurve(p.keys[i])) })
}

// again multiplies the other party's points.
func (p *Party) again(points []point) ([]point, error) {
	return parallel(len(points), func(i int) (point, error) { return p.times(points[i]) })
}

// times multiplies a point by the secret number, which is a multiple of eight, so
// that points of small order are refused.
func (p *Party) times(u point) (point, error) {
	public, err := ecdh.X25519().NewPublicKey(u[:])
	if err != nil {
		return point{}, fmt.Errorf("psi: %w", err)
	}
	out, err := p.secret.ECDH(public)
	if err != nil {
		return point{}, fmt.Errorf("psi: the other party sent no point of the curve's large group: %w", err)
	}
	return point(out), nil
}

// parallel fills a list on all processors.
func parallel(n int, one func(i int) (point, error)) ([]point, error) {
	out := make([]point, n)
	workers := min(runtime.GOMAXPROCS(0), n/64+1)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				out[i], errs[w] = one(i)
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// toCurve hashes a key to a point of Curve25519: the map of RFC 9380, 6.7.1
// (Elligator 2 with Z = 2), of a field element that SHA-512 gives.
func toCurve(key string) point {
	h := sha512.Sum512([]byte("tandem-psi-1\x00" + key))
	var r, d, u, g, t, root, a, one field.Element
	one.One()
	a.Mult32(&one, 486662)
	if _, err := r.SetWideBytes(h[:]); err != nil { // cannot happen: the length is right
		return point{}
	}
	d.Square(&r)
	d.Add(&d, &d)
	d.Add(&d, &one) // 1 + 2r²
	d.Invert(&d)
	u.Multiply(&a, &d)
	u.Negate(&u) // -A / (1 + 2r²)
	g.Add(&u, &a)
	g.Multiply(&g, &u)
	g.Add(&g, &one)
	g.Multiply(&g, &u) // u³ + Au² + u
	if _, square := root.SqrtRatio(&g, &one); square == 0 {
		t.Add(&u, &a)
		u.Negate(&t)
	}
	return point(u.Bytes())
}

const header = 4 + 1 + 1 + 16

func encode(kind byte, session [16]byte, lists ...[]point) []byte {
	size := header
	for _, l := range lists {
		size += 4 + 32*len(l)
	}
	b := make([]byte, 0, size)
	b = append(b, 'T', 'P', 'S', 'I', 1, kind)
	b = append(b, session[:]...)
	for _, l := range lists {
		b = binary.BigEndian.AppendUint32(b, uint32(len(l)))
		for i := range l {
			b = append(b, l[i][:]...)
		}
	}
	return b
}

func decode(b []byte, kind byte, n int) (session [16]byte, lists [][]point, err error) {
	if len(b) < header || string(b[:5]) != "TPSI\x01" {
		return session, nil, errors.New("psi: this is no message of an exchange, or one of another version")
	}
	if b[5] != kind {
		return session, nil, fmt.Errorf("psi: a message of kind %d is due, this is of kind %d", kind, b[5])
	}
	session = [16]byte(b[6:header])
	b = b[header:]
	for range n {
		if len(b) < 4 {
			return session, nil, errors.New("psi: the message is cut short")
		}
		count := uint64(binary.BigEndian.Uint32(b))
		if b = b[4:]; uint64(len(b)) < 32*count {
			return session, nil, errors.New("psi: the message is cut short")
		}
		list := make([]point, count)
		for i := range list {
			list[i] = point(b[32*i:])
		}
		lists, b = append(lists, list), b[32*count:]
	}
	if len(b) > 0 {
		return session, nil, errors.New("psi: there is more after the end of the message")
	}
	return session, lists, nil
}

// KeyedHash gives the HMAC-SHA-256 of a key of a company under a secret that both
// parties share. Exchanging these hashes shows who is common at a hundredth of the
// cost, and is weak: whoever has the secret, each of the two parties included, can
// hash every company there is and so read the other's whole list.
func KeyedHash(secret []byte, key string) [32]byte {
	m := hmac.New(sha256.New, secret)
	_, _ = m.Write([]byte(key)) // a hash takes everything
	return [32]byte(m.Sum(nil))
}
