package demo

var leadSources = []string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"}

// tagClouds chooses the tagging of each cloud. Two clouds in one deal take
// different fields, since each field holds one partner.
func tagClouds(d *dice, o *deal, aws, google, azure bool) {
	first := true
	for cloud, there := range []bool{aws, google, azure} {
		if !there {
			continue
		}
		switch {
		case first:
			o.clouds[cloud] = useCase(1 + d.weighted([]int{45, 20, 20, 15}))
		case o.clouds[cloudAWS] == useReferral || o.clouds[cloudAWS] == useInfluence:
			o.clouds[cloud] = useMarketplace
		default:
			o.clouds[cloud] = useInfluence
		}
		first = false
	}
}

// route sets who sourced the deal and through whom it is sold.
func (p *planner) route(d *dice, o *deal, segment int) {
	o.lead, o.path = pick(d, leadSources), "Direct"
	o.source = [...]string{"AE Generated", "SDR Generated"}[d.weighted([]int{6, 4})]
	joint := false
	for cloud, use := range o.clouds {
		joint = joint || use != useNone
		switch use {
		case useReferral, useSourcedMarketplace:
			o.source, o.lead = "Partner Generated", [...]string{"AWS", "Google Cloud", "Microsoft"}[cloud]
		case useInfluence:
			if d.perMille(350) && onlyCloud(o, cloud) {
				o.reseller, o.distributor = firstReseller+d.below(8), firstDistributor+d.below(3)
			}
		}
		if use == useMarketplace || use == useSourcedMarketplace {
			o.path = "Partner"
		}
	}
	switch {
	case joint:
	case d.perMille(180):
		o.reseller = firstReseller + d.below(8)
		if d.perMille(300) {
			o.distributor = firstDistributor + d.below(3)
		}
		if d.perMille(400) {
			o.resellerReg = [...]string{"Resale", "Referral", "MSP"}[d.weighted([]int{75, 15, 10})]
			o.source, o.lead = "Partner Generated", "Partner Referral"
		}
	case segment == segmentSMB && d.perMille(150):
		o.path, o.source, o.lead = "Web Direct", "Web Direct Generated", "Web"
	}
	if o.reseller != 0 {
		o.path = "Partner"
	}
}

// onlyCloud tells whether no other cloud has a part in the deal.
func onlyCloud(o *deal, cloud int) bool {
	for c, use := range o.clouds {
		if c != cloud && use != useNone {
			return false
		}
	}
	return true
}

// tagPartners writes the partner fields by the four tagging rules.
func (w *world) tagPartners(d *dice, fields map[string]any, o *deal) {
	account := func(partner int) string { return recordID(prefixAccount, partner+1) }
	for cloud, use := range o.clouds {
		partner := account(cloud) // the cloud accounts come first, in this order
		switch use {
		case useMarketplace:
			fields["Fulfillment_Partner__c"] = partner
		case useReferral:
			fields["ImpartnerPRM__PartnerAccount__c"] = partner
			fields["DR_Partner_Deal_Type__c"] = "Referral"
			fields["DR_Partner_Engagement__c"] = "Partner Sourced"
		case useSourcedMarketplace:
			fields["ImpartnerPRM__PartnerAccount__c"] = partner
			fields["DR_Partner_Deal_Type__c"] = "Resale"
			fields["DR_Partner_Engagement__c"] = "Partner Sourced"
			fields["Fulfillment_Partner__c"] = partner
		case useInfluence:
			fields["Influence_Partner__c"] = partner
		default:
			continue
		}
		fields["Platform_Partner__c"] = partner
		if use == useMarketplace || use == useSourcedMarketplace {
			fields["Resale_Partner_Track__c"] = "Technology"
			fields["Partner_Margin__c"] = float64(3)
		}
	}
	if o.reseller != 0 {
		fields["Fulfillment_Partner__c"] = account(o.reseller)
		fields["Resale_Partner_Track__c"] = partners[o.reseller].track
		fields["Partner_Margin__c"] = float64(d.between(10, 40)) / 2
	}
	if o.distributor != 0 {
		fields["Distributor__c"] = account(o.distributor)
	}
	if o.resellerReg != "" {
		fields["ImpartnerPRM__PartnerAccount__c"] = account(o.reseller)
		fields["DR_Partner_Deal_Type__c"] = o.resellerReg
		fields["DR_Partner_Engagement__c"] = "Partner Sourced"
	}
}

// mistag makes some deals with a cloud break the tagging rules, as people do.
func (w *world) mistag(fields map[string]any, o *deal, id string) {
	var d dice
	d.at(w.seed, streamTags, o.index)
	found := func(f Flaw) {
		if w.findings != nil {
			w.found(id, f)
		}
	}
	for cloud, use := range o.clouds {
		sells := use == useMarketplace || use == useSourcedMarketplace
		switch {
		case (use == useReferral || use == useSourcedMarketplace) && d.perMille(chanceNoDealType):
			delete(fields, "DR_Partner_Deal_Type__c")
			found(FlawNoDealType)
		case sells && d.perMille(chanceDirectPath):
			fields["Deal_Path__c"] = "Direct"
			found(FlawDirectPath)
		case sells && onlyCloud(o, cloud) && d.perMille(chanceDoubleInfluence):
			fields["Influence_Partner__c"] = fields["Fulfillment_Partner__c"]
			found(FlawDoubleInfluence)
		}
	}
}
