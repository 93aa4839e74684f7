package microsoft

import (
	"net/http"
	"strconv"
	"time"
)

// refuse gives an error of the referrals, as the gateway before them words it.
func refuse(status int, code, message, target string) reply {
	e := map[string]any{"code": code, "message": message}
	if target != "" {
		e["target"] = target
	}
	return reply{status: status, body: map[string]any{"error": e}}
}

// refusePartnerCenter gives an error in the form of the other Partner Center APIs.
func refusePartnerCenter(status int, code, message, _ string) reply {
	return reply{status: status, body: map[string]any{"code": code, "description": message, "data": []string{}, "source": "PartnerCenter"}}
}

func invalid(target, message string) *reply {
	r := refuse(http.StatusBadRequest, "invalidRequest", message, target)
	return &r
}

func throttled(refusal func(int, string, string, string) reply, wait time.Duration) reply {
	r := refusal(http.StatusTooManyRequests, "tooManyRequests", "There were too many requests. Wait and try again.", "")
	seconds := max(int((wait+time.Second-1)/time.Second), 1)
	r.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	return r
}

func notFound(id string) reply {
	return refuse(http.StatusNotFound, "itemNotFound", "The referral "+id+" could not be found.", "")
}
