package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxClockSkew is how far a request's date may be from the machine's clock.
const maxClockSkew = 5 * time.Minute

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	sigDateForm  = "20060102T150405Z"
)

// signer holds what a Signature Version 4 request is checked against. The date
// is compared with the machine's clock, never with the sandbox's own: clients
// sign with theirs.
type signer struct {
	accessKey, secret, region, service string
	now                                func() time.Time
}

func denied(kind, message string) *fault {
	return &fault{Status: http.StatusForbidden, Type: kind, Message: message}
}

// verify checks the Authorization header over the request and its body. The
// names of the errors are those of AWS's list of common errors.
func (s signer) verify(r *http.Request, body []byte) *fault {
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return denied("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	rest, ok := strings.CutPrefix(auth, sigAlgorithm+" ")
	if !ok {
		return denied("IncompleteSignatureException", "The Authorization header must begin with "+sigAlgorithm+".")
	}
	part := map[string]string{}
	for item := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(item), "=")
		part[k] = v
	}
	for _, k := range []string{"Credential", "SignedHeaders", "Signature"} {
		if part[k] == "" {
			return denied("IncompleteSignatureException", "The Authorization header requires the '"+k+"' parameter.")
		}
	}
	scope := strings.Split(part["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return denied("IncompleteSignatureException", "The credential must have five slash-delimited elements, e.g. KEY/DATE/REGION/SERVICE/aws4_request.")
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(sigDateForm, date)
	if err != nil {
		return denied("IncompleteSignatureException", "The request requires a valid 'X-Amz-Date' header.")
	}
	if scope[0] != s.accessKey || r.Header.Get("X-Amz-Security-Token") != "" {
		return denied("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if scope[1] != date[:8] {
		return denied("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	if scope[2] != s.region {
		return denied("InvalidSignatureException", "Credential should be scoped to a valid region.")
	}
	if scope[3] != s.service {
		return denied("InvalidSignatureException", "Credential should be scoped to correct service: '"+s.service+"'.")
	}
	if f := s.checkDate(date, at); f != nil {
		return f
	}
	return s.checkSignature(r, body, part, scope, date)
}

func (s signer) checkDate(date string, at time.Time) *fault {
	now := s.now().UTC()
	if now.Sub(at) > maxClockSkew {
		return denied("InvalidSignatureException", "Signature expired: "+date+" is now earlier than "+now.Add(-maxClockSkew).Format(sigDateForm)+" ("+now.Format(sigDateForm)+" - 5 min.)")
	}
	if at.Sub(now) > maxClockSkew {
		return denied("InvalidSignatureException", "Signature not yet current: "+date+" is still later than "+now.Add(maxClockSkew).Format(sigDateForm)+" ("+now.Format(sigDateForm)+" + 5 min.)")
	}
	return nil
}

func (s signer) checkSignature(r *http.Request, body []byte, part map[string]string, scope []string, date string) *fault {
	signed := strings.Split(part["SignedHeaders"], ";")
	if !slices.IsSorted(signed) {
		return denied("IncompleteSignatureException", "SignedHeaders must be sorted.")
	}
	for _, must := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(signed, must) {
			return denied("InvalidSignatureException", "'"+must+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	hash := sha256.Sum256(body)
	bodyHash := hex.EncodeToString(hash[:])
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != bodyHash {
		return denied("InvalidSignatureException", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL) + "\n")
	for _, name := range signed {
		canonical.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	canonical.WriteString("\n" + part["SignedHeaders"] + "\n" + bodyHash)
	sum := sha256.Sum256([]byte(canonical.String()))
	toSign := sigAlgorithm + "\n" + date + "\n" + strings.Join(scope[1:], "/") + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + s.secret)
	for _, step := range scope[1:] {
		key = mac(key, step)
	}
	want := hex.EncodeToString(mac(key, toSign))
	if !hmac.Equal([]byte(want), []byte(part["Signature"])) {
		return denied("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		if v := r.Header.Get("Content-Length"); v == "" && r.ContentLength >= 0 {
			return itoa(r.ContentLength)
		}
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

func canonicalPath(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

func canonicalQuery(u *url.URL) string {
	return strings.ReplaceAll(u.Query().Encode(), "+", "%20")
}
