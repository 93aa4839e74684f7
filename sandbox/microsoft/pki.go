package microsoft

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"sync"
	"time"
)

// Paths of the certificates: the one that signs, and the root that a receiver has
// to trust.
const (
	pkiPath  = "/pki/"
	leafPath = "/pki/pcnotifications-dispatch.cer"
	rootPath = "/pki/root.pem"
)

// pki is the sandbox's own authority: a root, and a certificate of "Microsoft
// Corporation" that it issued. Both are made when they are first needed, and anew
// with each start.
type pki struct {
	once sync.Once
	err  error
	key  *rsa.PrivateKey
	leaf []byte // DER
	root []byte // DER
}

func (p *pki) ready() error {
	p.once.Do(func() { p.err = p.make() })
	return p.err
}

func (p *pki) make() error {
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return err
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Partner Center sandbox root", Organization: []string{"Microsoft Corporation"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "pcnotifications-dispatch.microsoft.com", Organization: []string{"Microsoft Corporation"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if p.root, err = x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey); err != nil {
		return err
	}
	p.leaf, err = x509.CreateCertificate(rand.Reader, leaf, root, &p.key.PublicKey, rootKey)
	return err
}

// sign gives the RSA-SHA256 signature of a body, in base64.
func (p *pki) sign(body []byte) (string, error) {
	if err := p.ready(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(sig), err
}

func (s *Server) serveCertificate(w http.ResponseWriter, r *http.Request) {
	if err := s.pki.ready(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch r.URL.Path {
	case leafPath:
		w.Header().Set("Content-Type", "application/pkix-cert")
		_, _ = w.Write(s.pki.leaf) // the reader may have gone: nothing to do about it
	case rootPath:
		w.Header().Set("Content-Type", "application/x-pem-file")
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: s.pki.root}) // as above
	default:
		http.NotFound(w, r)
	}
}

// RootPEM gives the root that a receiver of events has to trust.
func (s *Server) RootPEM() ([]byte, error) {
	if err := s.pki.ready(); err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.pki.root}), nil
}
