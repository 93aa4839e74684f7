package salesforce

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/tandem-cosell/tandem/facts/salesforcepubsub"
)

// errorPrefix begins the service's own codes of errors.
const errorPrefix = "sfdc.platform.eventbus.grpc."

// refuse gives an error as the service does: a status, and in the trailer its own
// code and the id of the call.
func (p *pubsub) refuse(ctx context.Context, code codes.Code, own, message string) error {
	id := rpcID()
	trailer := metadata.Pairs("rpc-id", id)
	if own != "" {
		trailer.Set("error-code", errorPrefix+own)
	}
	if err := grpc.SetTrailer(ctx, trailer); err != nil {
		p.s.log.Debug("a trailer was too late", "error", err)
	}
	return status.Error(code, message+" rpcId: "+id)
}

func rpcID() string { return randomText(8) + "-" + randomText(4) + "-" + randomText(12) }

// EventServer gives the server of the Pub/Sub API, for one or more listeners. It
// speaks TLS with a certificate of its own, and plain HTTP/2 to who does not:
// clients differ in what they can be told. certificate is the PEM text of the
// authority that a client has to trust.
func (s *Server) EventServer() (server *grpc.Server, certificate []byte, err error) {
	cert, authority, err := selfSigned(s.clock.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("salesforce sandbox: %w", err)
	}
	creds := &eitherCredentials{credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})}
	server = grpc.NewServer(grpc.Creds(creds))
	pb.RegisterPubSubServer(server, &pubsub{s: s})
	return server, authority, nil
}

// eitherCredentials take TLS and plain connections on one port: TLS begins with the
// byte 22, HTTP/2 with a P.
type eitherCredentials struct {
	credentials.TransportCredentials
}

const tlsHandshake = 22

// ServerHandshake implements credentials.TransportCredentials.
func (c *eitherCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn := &peekedConn{Conn: raw, r: bufio.NewReader(raw)}
	first, err := conn.r.Peek(1)
	if err != nil {
		return nil, nil, err
	}
	if first[0] == tlsHandshake {
		return c.TransportCredentials.ServerHandshake(conn)
	}
	return conn, plainInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}, nil
}

// Clone implements credentials.TransportCredentials.
func (c *eitherCredentials) Clone() credentials.TransportCredentials {
	return &eitherCredentials{c.TransportCredentials.Clone()}
}

type plainInfo struct{ credentials.CommonAuthInfo }

// AuthType implements credentials.AuthInfo.
func (plainInfo) AuthType() string { return "plain" }

type peekedConn struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what was peeked at first.
func (c *peekedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// selfSigned makes an authority and, signed by it, a certificate for this machine.
func selfSigned(now time.Time) (cert tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tandem sandbox"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		return cert, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	if err != nil {
		return cert, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}
