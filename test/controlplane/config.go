// This file owns what each part is started with: its flags, ports and configuration files.
package main

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"sigs.k8s.io/yaml"
)

//go:embed stages.yaml
var stages []byte

// layout is what the flags of all parts are made of.
type layout struct {
	dir         string
	ports       map[string]int
	kubeconfigs map[string]string
}

func (l layout) url(scheme, part string) string {
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, l.ports[part])
}

func (l layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

func (l layout) flags(part string) []string {
	port := strconv.Itoa(l.ports[part])
	switch part {
	case "etcd":
		return []string{"--data-dir", l.path("etcd"), "--client-url", l.url("http", "etcd"), "--peer-url", l.url("http", "etcd-peer")}
	case "apiserver":
		return []string{
			"--etcd-servers=" + l.url("http", "etcd"),
			"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
			"--tls-cert-file=" + l.path("pki", "apiserver.crt"), "--tls-private-key-file=" + l.path("pki", "apiserver.key"),
			"--client-ca-file=" + l.path("pki", "ca.crt"),
			"--requestheader-client-ca-file=" + l.path("pki", "ca.crt"),
			"--requestheader-allowed-names=no-front-proxy", "--requestheader-username-headers=X-Remote-User",
			"--authorization-mode=RBAC",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + l.path("pki", "sa.pub"),
			"--service-account-signing-key-file=" + l.path("pki", "sa.key"),
			"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none", "--allow-privileged=true",
			// No node lifecycle controller runs that would take the not-ready taint away again.
			"--disable-admission-plugins=TaintNodesByCondition",
		}
	case "controller-manager":
		return []string{
			"--kubeconfig=" + l.kubeconfigs[part], "--bind-address=127.0.0.1", "--secure-port=" + port,
			"--leader-elect=false", "--use-service-account-credentials=true", "--kube-api-qps=500", "--kube-api-burst=1000",
			"--controllers=*,-nodelifecycle,-nodeipam,-ttl,-attachdetach,-persistentvolume-binder",
			"--root-ca-file=" + l.path("pki", "ca.crt"), "--service-account-private-key-file=" + l.path("pki", "sa.key"),
		}
	case "scheduler":
		return []string{"--config=" + l.path("scheduler.yaml"), "--bind-address=127.0.0.1", "--secure-port=" + port}
	case "kwok":
		return []string{
			"--kubeconfig=" + l.kubeconfigs["admin"], "--config=" + l.path("stages.yaml"), "--manage-all-nodes",
			"--node-lease-duration-seconds=0", "--server-address=127.0.0.1:" + port,
		}
	}
	panic("no such part: " + part)
}

// schedulerConfig completes the test's KubeSchedulerConfiguration (extenders, profiles; may be empty) with what only
// this cluster knows. A qps or burst of the test's own stays.
func schedulerConfig(given []byte, kubeconfig string) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.Unmarshal(given, &config); err != nil {
		return nil, fmt.Errorf("scheduler configuration: %w", err)
	}
	defaults := map[string]any{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
	merge(config, defaults, false)
	merge(section(config, "clientConnection"), map[string]any{"qps": 500, "burst": 1000}, false)
	merge(section(config, "clientConnection"), map[string]any{"kubeconfig": kubeconfig}, true)
	merge(section(config, "leaderElection"), map[string]any{"leaderElect": false}, true)
	return yaml.Marshal(config)
}

func section(config map[string]any, name string) map[string]any {
	if existing, ok := config[name].(map[string]any); ok {
		return existing
	}
	created := map[string]any{}
	config[name] = created
	return created
}

func merge(into, from map[string]any, overwrite bool) {
	for key, value := range from {
		if _, there := into[key]; !there || overwrite {
			into[key] = value
		}
	}
}

// writeSchedulerConfig runs before each start of the scheduler, so a test may change its file and restart it.
func (l layout) writeSchedulerConfig(file string) error {
	var given []byte
	if file != "" {
		read, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		given = read
	}
	merged, err := schedulerConfig(given, l.kubeconfigs["scheduler"])
	if err != nil {
		return err
	}
	return os.WriteFile(l.path("scheduler.yaml"), merged, 0o600)
}

// freePorts takes one loopback port for each name, all held at once so that no two are the same.
func freePorts(names ...string) (map[string]int, error) {
	ports := map[string]int{}
	for _, name := range names {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[name] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
