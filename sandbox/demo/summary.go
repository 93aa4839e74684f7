package demo

import "slices"

// Count is a name with a number.
type Count struct {
	Name  string
	Count int
}

// Summary says how much of what an organisation holds. All lists are in a
// fixed order.
type Summary struct {
	Accounts, Contacts, People, Opportunities int
	// Objects counts the records of every object in load order.
	Objects []Count
	// JointAWS, JointGoogle and JointAzure count opportunities; one with two
	// clouds counts in both, and once in TwoClouds.
	JointAWS, JointGoogle, JointAzure, TwoClouds int
	// ReadyAWS counts the deals that AWS would take; see Joint.
	ReadyAWS int
	// Flaws counts the records with each kind of dirt.
	Flaws []Count
}

// Summary counts what the organisation holds.
func (o *Org) Summary() Summary {
	s := o.summary
	s.Objects, s.Flaws = slices.Clone(s.Objects), slices.Clone(s.Flaws)
	return s
}

func summarise(o *Org) Summary {
	var s Summary
	for _, r := range o.records {
		if n := len(s.Objects); n == 0 || s.Objects[n-1].Name != r.Object {
			s.Objects = append(s.Objects, Count{Name: r.Object})
		}
		s.Objects[len(s.Objects)-1].Count++
	}
	for _, c := range s.Objects {
		switch c.Name {
		case "Account":
			s.Accounts = c.Count
		case "Contact":
			s.Contacts = c.Count
		case "User":
			s.People = c.Count
		case "Opportunity":
			s.Opportunities = c.Count
		}
	}
	for _, j := range o.joint {
		for _, cloud := range j.Clouds {
			switch cloud {
			case "aws":
				s.JointAWS++
			case "gcp":
				s.JointGoogle++
			default:
				s.JointAzure++
			}
		}
		if len(j.Clouds) > 1 {
			s.TwoClouds++
		}
		if j.Ready {
			s.ReadyAWS++
		}
	}
	counts := make(map[Flaw]int)
	for _, f := range o.findings {
		counts[f.Flaw]++
	}
	for _, f := range Flaws() {
		s.Flaws = append(s.Flaws, Count{string(f), counts[f]})
	}
	return s
}
