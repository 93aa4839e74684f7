package api

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

const invitationEvent = `{"version":"0","id":"e-1","detail-type":"Engagement Invitation Created","source":"aws.partnercentral-selling","detail":{"catalog":"AWS","engagementInvitation":{"id":"engi-0000000000001","participantType":"Receiver"}}}`

func TestTheDocumentedEventsAreUnderstood(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]portalEvent{
		invitationEvent: {id: "e-1", kind: "Engagement Invitation Created", source: eventSource, catalog: "AWS", remoteID: "engi-0000000000001", known: true, offered: true},
		`{"id":"e-2","detail-type":"Engagement Invitation Accepted","source":"aws.partnercentral-selling","detail":{"catalog":"AWS","engagementInvitation":{"id":"engi-1","participantType":"Sender"}}}`: {id: "e-2", kind: "Engagement Invitation Accepted", source: eventSource, catalog: "AWS", remoteID: "engi-1", known: true},
		`{"id":"e-3","detail-type":"Opportunity Updated","source":"aws.partnercentral-selling","detail":{"catalog":"Sandbox","opportunity":{"identifier":"O1"}}}`:                                        {id: "e-3", kind: "Opportunity Updated", source: eventSource, catalog: "Sandbox", remoteID: "O1", known: true},
		`{"id":"e-4","detail-type":"Engagement Created","source":"aws.partnercentral-selling","detail":{"catalog":"AWS"}}`:                                                                               {id: "e-4", kind: "Engagement Created", source: eventSource, catalog: "AWS"},
		`{"id":"e-5","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"state":1}}`:                                                                                    {id: "e-5", kind: "EC2 Instance State-change Notification", source: "aws.ec2"},
	} {
		if got, err := parseEvent([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"id":"e"}`, `{"id":"a b","source":"x","detail-type":"y"}`, `{"id":"e","source":"aws.partnercentral-selling","detail-type":"Opportunity Updated"}`,
		`{"id":"e","source":"aws.partnercentral-selling","detail-type":"Opportunity Updated","detail":{"catalog":"AWS","opportunity":{"identifier":""}}}`,
		`{"id":"e","source":"aws.partnercentral-selling","detail-type":"Opportunity Updated","detail":{"catalog":"AWS","opportunity":{"identifier":"O\u0000"}}}`,
		`{"id":"e\u0000","source":"aws.partnercentral-selling","detail-type":"Opportunity Updated","detail":{}}`, `{"id":7}`,
	} {
		if got, err := parseEvent([]byte(body)); err == nil {
			t.Errorf("%s is taken: %+v", body, got)
		}
	}
}

// FuzzEvent: whatever is sent, what is believed of it can be stored.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(invitationEvent))
	f.Add([]byte(`{"id":"e","detail-type":"Opportunity Updated","source":"aws.partnercentral-selling","detail":{"catalog":"AWS","opportunity":{"identifier":"O1"}}}`))
	f.Add([]byte(`{"id":"e","detail":null,"detail-type":"x","source":"aws.partnercentral-selling"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEvent(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatal("no JSON is taken")
		}
		for _, s := range []string{e.id, e.kind, e.remoteID} {
			if !utf8.ValidString(s) || len(s) > 128 {
				t.Fatalf("%q", s)
			}
			for _, c := range s {
				if c < ' ' || c > '~' {
					t.Fatalf("%q", s)
				}
			}
		}
		if e.known && e.remoteID == "" {
			t.Fatalf("%+v names no record", e)
		}
	})
}
