package google

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// restVerb gives the custom verb of a call on a subscription: "pull" of ":pull".
func restVerb(r *http.Request) (string, bool) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/projects/") {
		return "", false
	}
	_, verb, ok := strings.Cut(last(r.URL.Path), ":")
	return verb, ok
}

// restMessage is a google.pubsub.v1.PubsubMessage as REST has it.
type restMessage struct {
	Data        []byte            `json:"data,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	MessageID   string            `json:"messageId"`
	PublishTime string            `json:"publishTime"`
	OrderingKey string            `json:"orderingKey,omitempty"`
}

// restSubscription answers pull, acknowledge and modifyAckDeadline.
func restSubscription(x *tx, r *request) (any, *fault) {
	name, verb, _ := strings.Cut(r.PathValue("call"), ":")
	sub, f := x.findSubscription("projects/" + r.PathValue("project") + "/subscriptions/" + name)
	if f != nil {
		return nil, f
	}
	var in struct {
		MaxMessages        int      `json:"maxMessages"`
		ReturnImmediately  bool     `json:"returnImmediately"` // this sandbox never waits
		AckIDs             []string `json:"ackIds"`
		AckDeadlineSeconds int      `json:"ackDeadlineSeconds"`
	}
	if err := json.Unmarshal(r.body, &in); err != nil {
		return nil, refuse(codeInvalid, "Invalid JSON payload received.")
	}
	switch verb {
	case "pull":
		if in.MaxMessages < 1 {
			return nil, refuse(codeInvalid, "The value for max_messages is too small. The minimum value is 1.")
		}
		out := map[string]any{}
		list := []map[string]any{}
		for _, m := range x.pull(sub, in.MaxMessages) {
			list = append(list, map[string]any{"ackId": m.ackID, "message": restMessage{m.Data, m.Attributes, m.ID, stamp(m.At), m.Key}})
		}
		if len(list) > 0 {
			out["receivedMessages"] = list
		}
		return out, nil
	case "acknowledge", "modifyAckDeadline":
		if len(in.AckIDs) == 0 {
			return nil, refuse(codeInvalid, "No ack ids specified.")
		}
		if verb == "acknowledge" {
			x.acknowledge(sub, in.AckIDs)
			return struct{}{}, nil
		}
		return struct{}{}, x.extend(sub, in.AckIDs, time.Duration(in.AckDeadlineSeconds)*time.Second)
	}
	return nil, refuse(codeNotFound, "The requested URL was not found on this server.")
}

func restCreateSubscription(x *tx, r *request) (any, *fault) {
	var in struct {
		Topic              string `json:"topic"`
		AckDeadlineSeconds int    `json:"ackDeadlineSeconds"`
	}
	if err := json.Unmarshal(r.body, &in); err != nil {
		return nil, refuse(codeInvalid, "Invalid JSON payload received.")
	}
	sub, f := x.createSubscription("projects/"+r.PathValue("project")+"/subscriptions/"+r.PathValue("call"), in.Topic, time.Duration(in.AckDeadlineSeconds)*time.Second)
	if f != nil {
		return nil, f
	}
	return sub.rest(), nil
}

func restGetSubscription(x *tx, r *request) (any, *fault) {
	sub, f := x.findSubscription("projects/" + r.PathValue("project") + "/subscriptions/" + r.PathValue("call"))
	if f != nil {
		return nil, f
	}
	return sub.rest(), nil
}

func (sub *subscription) rest() map[string]any {
	return map[string]any{"name": sub.Name, "topic": sub.Topic, "ackDeadlineSeconds": int(sub.Ack.Seconds()), "state": "ACTIVE", "pushConfig": struct{}{}}
}
