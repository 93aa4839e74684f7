// Package match answers "which of our companies are also on your list, and how sure
// is that?" It links two lists of companies without labels, without a network and
// without a database.
//
// The left list goes into an Index by a Builder. A Model learns from a sample of the
// right list how much each piece of evidence tells (Sampler, Learn). A Matcher then
// decides of one record at a time (Match), or of a stream (Stream), and says of each
// decision why:
//
//	b := match.NewBuilder()
//	for _, r := range ours {
//		b.Add(r)
//	}
//	ix := b.Build()
//	m := match.NewMatcher(ix, match.Learn(ix, sample.Records(), match.Options{}), match.Options{})
//	d := m.Match(&match.Record{ID: "r1", Names: []string{"ACME Hldgs"}, Country: "DE"})
//	fmt.Print(d.Explain())
//
// Units: probabilities are from 0 to 1; evidence is in bits, the base-2 logarithm of
// how much likelier an observation is of one company than of two, so that 3 bits
// are odds of eight to one and bits of several fields add up.
//
// README.md says how a decision comes about and what always holds, NOTICE from what
// the tables of legal forms and common words are made. The package match/list reads
// CSV files, match/psi finds common companies without showing the lists.
package match
