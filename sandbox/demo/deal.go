package demo

const (
	stagePending = iota
	stageDiscovery
	stageScoping
	stageEvaluation
	stageProposal
	stageNegotiating
	stageSignature
	stageClosing
	stageWon
	stageLost
	stageUnqualified
	stageDuplicate
)

var stages = [...]struct {
	name, forecast string
	probability    int
	weight         int
}{
	stagePending:     {"0-Pending Acceptance", "Omitted", 0, 50},
	stageDiscovery:   {"1-Discovery", "Pipeline", 10, 100},
	stageScoping:     {"2-Scoping", "Pipeline", 20, 100},
	stageEvaluation:  {"3-Technical Evaluation", "Pipeline", 40, 90},
	stageProposal:    {"4-Proposal", "Best Case", 55, 75},
	stageNegotiating: {"5-Negotiating", "Best Case", 70, 55},
	stageSignature:   {"6-Awaiting Signature", "Commit", 85, 30},
	stageClosing:     {"7-Closing", "Commit", 95, 15},
	stageWon:         {"Closed Won", "Closed", 100, 250},
	stageLost:        {"8-Closed Lost", "Omitted", 0, 180},
	stageUnqualified: {"9-Unqualified", "Omitted", 0, 30},
	stageDuplicate:   {"10-Duplicate", "Omitted", 0, 25},
}

var (
	stageWeights = func() []int {
		weights := make([]int, len(stages))
		for i, s := range stages {
			weights[i] = s.weight
		}
		return weights
	}()
	workedStages = []int{0, 12, 22, 24, 20, 12, 7, 3} // by stage, of AWS deals that are to be registered
)

const (
	typeFirstOrder = iota
	typeConnected
	typeGrowth
	typeContraction
	typeChurnPartial
	typeChurnFinal
	typeServices
)

var orderTypes = [...]string{
	"1. New - First Order", "2. New - Connected", "3. Growth", "4. Contraction", "5. Churn - Partial", "6. Churn - Final", "7. PS / Other",
}

// useCase is how a cloud stands in a deal, by the four tagging rules.
type useCase uint8

const (
	useNone useCase = iota
	useMarketplace
	useReferral
	useSourcedMarketplace
	useInfluence
)

const (
	cloudAWS = iota
	cloudGoogle
	cloudAzure
)

var cloudKeys = [...]string{"aws", "gcp", "azure"}

// deal is everything of an opportunity that is not wording. Days are relative
// to today and amounts are whole US dollars.
type deal struct {
	index, words              int // words: the index whose dice write the texts
	account, owner            int
	stage, orderType          int
	category                  string
	currency                  string
	ultimate                  bool
	seats, years              int
	basis, net, services      int
	close, created            int
	lag, push                 int // lag: days from close to start
	clouds                    [3]useCase
	reseller, distributor     int // partner index, 0 for none
	resellerReg               string
	source, lead, path        string
	noAmount, sciAmount, huge bool
	foreign, past             bool
	shortText, noText, noStep bool
	noReason, dashReason      bool
	exactCopy, nearCopy       bool
}

func (o *deal) open() bool { return o.stage < stageWon }

// ready tells whether AWS would take the deal as it stands, once what can be
// mended is mended.
func (o *deal) ready(w *world) bool {
	return o.clouds[cloudAWS] != useNone && o.stage >= stageDiscovery && o.open() &&
		!o.noAmount && !o.past && !o.shortText && !o.noText && !o.exactCopy && !o.nearCopy &&
		w.accounts[o.account].flawKind().blocksOrNone()
}

func (f Flaw) blocksOrNone() bool { return f == "" || f.Severity() != SeverityBlocking }

const memory = 512

// planner decides the deals one after another. It remembers the last few, from
// which duplicates are made, and which families have had their first order.
type planner struct {
	w       *world
	next    int
	slots   []int
	fates   []int
	fatesOf int
	recent  [memory]deal
	// first holds, per head of a family that was no customer before, the day
	// on which its first order was won; noFirst until then.
	first []int32
}

// noFirst stands for a family without a won first order: a day after all.
const noFirst = 1 << 20

func newPlanner(w *world) *planner {
	p := &planner{w: w, fatesOf: -1, first: make([]int32, len(w.accounts))}
	for i := range p.first {
		p.first[i] = noFirst
	}
	return p
}

// Sizes of the blocks over which quotas are exact: of 50 deals 8 are joint with
// AWS, 3 with Google and 2 with Azure; of 40 AWS deals 28 are ready, 7 blocked
// and 5 no longer or not yet worked.
const (
	dealBlock   = 50
	awsPerBlock = 8
	fateBlock   = 40
	readyFates  = 28
	blockFates  = 7
)

// plan decides the next deal.
func (p *planner) plan() deal {
	j := p.next
	p.next++
	block := j / dealBlock
	if j%dealBlock == 0 {
		p.slots = blockOrder(p.w.seed, 2, block, dealBlock)
	}
	slot := p.slots[j%dealBlock]
	var d dice
	d.at(p.w.seed, streamDealPlan, j)
	o := deal{index: j, words: j}
	google := slot == 8 || slot == 9 || block%2 == 0 && slot == 0 || block%2 == 1 && slot == 10
	azure := slot == 11 || block%4 == 1 && slot == 1 || block%4 != 1 && slot == 12
	if slot < awsPerBlock {
		p.planAWS(&d, &o, block*awsPerBlock+slot, google, azure)
	} else {
		p.planOther(&d, &o, google, azure)
	}
	p.recent[j%memory] = o
	return o
}

func (p *planner) planAWS(d *dice, o *deal, k int, google, azure bool) {
	if k/fateBlock != p.fatesOf {
		p.fatesOf = k / fateBlock
		p.fates = blockOrder(p.w.seed, 3, p.fatesOf, fateBlock)
	}
	tagClouds(d, o, true, google, azure)
	fate := p.fates[k%fateBlock]
	o.account = skewed(d, p.w.sound)
	switch {
	case fate < readyFates:
		o.stage = d.weighted(workedStages)
	case fate < readyFates+blockFates:
		o.stage = d.weighted(workedStages)
		flaw := blockedDeals[(p.fatesOf*blockFates+fate-readyFates)%len(blockedDeals)]
		if flaw == FlawExactDuplicate || flaw == FlawNearDuplicate {
			if p.copyRecent(d, o, flaw == FlawExactDuplicate) {
				return
			}
			flaw = FlawShortDescription
		}
		p.block(d, o, flaw)
	case fate < 38:
		o.stage = stageWon
	case fate == 38:
		o.stage = stageLost
	default:
		o.stage = [...]int{stageLost, stagePending, stageUnqualified, stageDuplicate}[p.fatesOf%4]
	}
	p.fill(d, o, []int{20, 20, 60, 0, 0, 0, 0}, 100)
}

// block gives the deal the flaw that keeps AWS from taking it.
func (p *planner) block(d *dice, o *deal, flaw Flaw) {
	switch flaw {
	case FlawNullAmount:
		o.noAmount = true
	case FlawPastClose:
		o.past = true
	case FlawShortDescription:
		o.shortText = true
	case FlawNoDescription:
		o.noText = true
	default:
		if with := p.w.byFlaw[flaw]; len(with) > 0 {
			o.account = int(pick(d, with))
		} else {
			o.shortText = true
		}
	}
}

func (p *planner) planOther(d *dice, o *deal, google, azure bool) {
	if !google && !azure {
		switch {
		case d.perMille(chanceExactDuplicate) && p.copyRecent(d, o, true):
			return
		case d.perMille(chanceNearDuplicate) && p.copyRecent(d, o, false):
			return
		}
	}
	tagClouds(d, o, false, google, azure)
	customers := len(p.w.accounts) - firstCustomer
	o.account = firstCustomer + min(d.below(customers), d.below(customers))
	o.stage = d.weighted(stageWeights)
	o.noAmount = d.perMille(chanceNullAmount)
	o.past = o.open() && d.perMille(chancePastClose)
	switch {
	case d.perMille(chanceShortDescription):
		o.shortText = true
	case d.perMille(chanceNoDescription):
		o.noText = true
	}
	weights := []int{20, 16, 44, 10, 0, 0, 12}
	if o.stage == stageLost {
		weights = []int{10, 10, 20, 0, 22, 22, 8}
	}
	p.fill(d, o, weights, 600)
}

// skewed picks an account so that some have many deals and most have few.
func skewed(d *dice, from []int32) int {
	return int(from[min(d.below(len(from)), d.below(len(from)))])
}

// copyRecent makes o a duplicate of a recent deal with the same clouds.
func (p *planner) copyRecent(d *dice, o *deal, exact bool) bool {
	start := d.below(memory / 4)
	for back := 1; back < memory; back++ {
		at := o.index - 1 - (start+back)%memory
		if at < 0 || o.index-at >= memory {
			continue
		}
		from := &p.recent[at%memory]
		if from.index != at || from.exactCopy || from.nearCopy || !sameClouds(from, o) || from.past || from.noAmount ||
			o.clouds[cloudAWS] != useNone && !from.ready(p.w) {
			continue
		}
		index := o.index
		*o = *from
		o.index, o.exactCopy, o.nearCopy = index, exact, !exact
		o.created = min(o.created+d.between(1, 9), -1)
		if !exact {
			if o.open() {
				o.close += d.between(1, 12)
			}
			if o.net > 0 {
				o.net += o.net * d.between(1, 3) / 100
			}
		}
		return true
	}
	return false
}

func sameClouds(a, b *deal) bool {
	for c := range a.clouds {
		if (a.clouds[c] == useNone) != (b.clouds[c] == useNone) {
			return false
		}
	}
	return true
}

// fill decides order type, money, days and people of a deal whose account,
// stage and clouds are known. local is the chance that it is not in dollars.
func (p *planner) fill(d *dice, o *deal, types []int, local int) {
	a := p.w.accounts[o.account]
	c := &countries[a.country]
	top := p.w.top(o.account)
	o.orderType = p.orderType(d.weighted(types), o.account, top)
	o.currency = "USD"
	if c.currency != "USD" && d.perMille(local) {
		o.currency, o.foreign = c.currency, true
	}
	p.price(d, o, int(a.segment))
	p.schedule(d, o)
	if p.w.newcomer(top) && o.stage == stageWon {
		if first := int(p.first[top]); first == noFirst {
			p.first[top] = int32(o.close)
		} else if o.close <= first {
			o.close = min(first+d.between(1, 60), -1)
			o.created = min(o.created, o.close-15)
		}
	}
	o.noStep = o.open() && o.clouds[cloudAWS] != useNone && d.perMille(chanceNoNextStep)
	o.sciAmount = d.perMille(chanceSciAmount)
	o.huge = !o.noAmount && !o.sciAmount && d.perMille(chanceHugeAmount)
	if o.stage == stageLost {
		switch {
		case d.perMille(chanceNoLostReason):
			o.noReason = true
		case d.perMille(chanceDashLostReason * 1000 / (1000 - chanceNoLostReason)):
			o.dashReason = true
		}
	}
	o.owner = int(a.owner)
	if d.perMille(180) {
		o.owner = p.w.sellerFor(d, c)
	}
	p.route(d, o, int(a.segment))
}

// orderType bends the drawn type to the family's history: a family that is new
// has first orders until it wins one, and never a second; an account alone in
// its family cannot be connected.
func (p *planner) orderType(drawn, account, top int) int {
	switch {
	case p.w.newcomer(top) && p.first[top] == noFirst:
		return typeFirstOrder
	case drawn != typeFirstOrder && drawn != typeConnected:
		return drawn
	case account != top || drawn == typeConnected && p.w.accounts[top].kin:
		return typeConnected
	default:
		return typeGrowth
	}
}

// medianARR is the usual yearly value of a deal in US dollars, by segment.
var medianARR = [...]int{segmentSMB: 9_000, segmentMid: 38_000, segmentLarge: 150_000, segmentPubSec: 110_000}

// Yearly list prices of one seat in US dollars.
const (
	pricePremium  = 348
	priceUltimate = 1188
	priceDay      = 2400
)

func (p *planner) price(d *dice, o *deal, segment int) {
	price := pricePremium
	if o.ultimate = d.perMille(350); o.ultimate {
		price = priceUltimate
	}
	o.seats = max(5, d.size(medianARR[segment])/price)
	arr := o.seats * price
	o.years = [...]int{1, 2, 3}[d.weighted([]int{70, 10, 20})]
	switch o.orderType {
	case typeFirstOrder, typeConnected:
		o.category, o.net = "New Business", arr
	case typeGrowth:
		kinds, flat := []int{52, 38, 10}, 100
		if o.clouds[cloudAWS] != useNone {
			// AWS wants the first deal's number with a flat renewal, so ready
			// ones grow.
			kinds, flat = []int{75, 15, 10}, 95
		}
		switch d.weighted(kinds) {
		case 0:
			o.category, o.net = "Add-On Business", arr
		case 1:
			o.category, o.basis = "Renewal", arr*d.between(60, flat)/100
			o.net = arr - o.basis
		default:
			o.category, o.net = "New Business", arr
		}
	case typeContraction:
		o.category, o.basis = "Renewal", arr*100/d.between(55, 92)
		o.net = arr - o.basis
	case typeChurnPartial, typeChurnFinal:
		o.category, o.basis, o.net, o.years = "Renewal", arr, -arr, 1
	default:
		o.category, o.years = "Add-On Business", 1
		o.seats = 3 + o.seats%40
		o.services = o.seats * priceDay
	}
}

// amount is the deal's whole value in US dollars: booked ARR over the term, the
// services, or what is up for renewal when it churns.
func (o *deal) amount() int {
	if o.orderType == typeChurnPartial || o.orderType == typeChurnFinal {
		return o.basis
	}
	return (o.basis+o.net)*o.years + o.services
}

func (p *planner) schedule(d *dice, o *deal) {
	cal := p.w.cal
	switch {
	case o.past:
		o.close = -d.between(3, 75)
		o.created = o.close - d.between(30, 200)
	case !o.open():
		o.close = -d.between(1, -cal.fiscalYearStart(-1))
		o.created = o.close - d.between(15, 220)
	case o.stage == stagePending:
		o.close = d.between(45, cal.quarterEndsAfter(3))
		o.created = -d.between(1, 14)
	default:
		last := [...]int{0, 4, 4, 3, 2, 2, 1, 1}[o.stage]
		o.close = d.between(14, max(30, cal.quarterEndsAfter(last)))
		o.created = -d.between(5+12*o.stage, 120+30*o.stage)
		o.push = d.weighted([]int{60, 20, 10, 6, 3, 1})
	}
	o.lag = d.between(1, 21)
}
