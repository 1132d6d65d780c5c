// This file owns the certificates and kubeconfigs of one throw-away cluster.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	clientcmd "k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// users are the client certificates: kubeconfig name to subject. `floatip` is what its service account would be.
var users = map[string]pkix.Name{
	"admin":              {CommonName: "admin", Organization: []string{"system:masters"}},
	"scheduler":          {CommonName: "system:kube-scheduler"},
	"controller-manager": {CommonName: "system:kube-controller-manager"},
	"floatip": {
		CommonName:   "system:serviceaccount:kube-system:floatip",
		Organization: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system"},
	},
}

// pair is a certificate and its key, both as PEM.
type pair struct{ cert, key []byte }

// authority signs certificates.
type authority struct {
	pair
	parsed *x509.Certificate
	signer *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	a := &authority{}
	template := certificate(pkix.Name{CommonName: "controlplane-ca"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	signed, key, err := a.sign(template)
	if err != nil {
		return nil, err
	}
	a.pair, a.signer, a.parsed = signed, key, template
	return a, nil
}

// sign makes a key and signs the template with this authority, or with the key itself before there is one.
func (a *authority) sign(template *x509.Certificate) (pair, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, nil, err
	}
	parent, signer := a.parsed, a.signer
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return pair{}, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, nil, err
	}
	return pair{cert: encode("CERTIFICATE", der), key: encode("PRIVATE KEY", keyDER)}, key, nil
}

func certificate(subject pkix.Name) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeCredentials fills dir/pki and one kubeconfig per user, and returns the admin's pair, the CA and the kubeconfigs.
func writeCredentials(dir, server string) (admin pair, ca []byte, kubeconfigs map[string]string, err error) {
	pki := filepath.Join(dir, "pki")
	if err = os.MkdirAll(pki, 0o700); err != nil {
		return
	}
	root, err := newAuthority()
	if err != nil {
		return
	}
	template := certificate(pkix.Name{CommonName: "kube-apiserver"})
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	serving, _, err := root.sign(template)
	if err != nil {
		return
	}
	tokens, tokenKey, err := root.sign(certificate(pkix.Name{CommonName: "service-accounts"}))
	if err != nil {
		return
	}
	tokenPublic, err := x509.MarshalPKIXPublicKey(&tokenKey.PublicKey)
	if err != nil {
		return
	}
	for name, content := range map[string][]byte{
		"ca.crt": root.cert, "apiserver.crt": serving.cert, "apiserver.key": serving.key,
		"sa.key": tokens.key, "sa.pub": encode("PUBLIC KEY", tokenPublic),
	} {
		if err = os.WriteFile(filepath.Join(pki, name), content, 0o600); err != nil {
			return
		}
	}
	kubeconfigs = map[string]string{}
	for user, subject := range users {
		client, _, signErr := root.sign(certificate(subject))
		if signErr != nil {
			return admin, nil, nil, signErr
		}
		if user == "admin" {
			admin = client
		}
		kubeconfigs[user] = filepath.Join(dir, user+".kubeconfig")
		if err = clientcmd.WriteToFile(kubeconfig(user, server, root.cert, client), kubeconfigs[user]); err != nil {
			return admin, nil, nil, fmt.Errorf("kubeconfig of %s: %w", user, err)
		}
	}
	return admin, root.cert, kubeconfigs, nil
}

func kubeconfig(user, server string, ca []byte, client pair) clientcmdapi.Config {
	config := *clientcmdapi.NewConfig()
	config.Clusters["controlplane"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: client.cert, ClientKeyData: client.key}
	config.Contexts["controlplane"] = &clientcmdapi.Context{Cluster: "controlplane", AuthInfo: user}
	config.CurrentContext = "controlplane"
	return config
}
