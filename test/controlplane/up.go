// This file owns `up`: one cluster from nothing to ready, controlled by signals and, on request, by stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// cluster is the one line that `up` prints when everything is ready.
type cluster struct {
	Pid         int                 `json:"pid"`
	Server      string              `json:"server"`
	Kubeconfigs map[string]string   `json:"kubeconfigs"`
	CA          string              `json:"ca"`
	Components  map[string]*process `json:"components"`

	layout layout
	order  []string
}

func runUp(args []string) int {
	runtime.LockOSThread()
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	dir := flags.String("dir", "", "directory for everything (made if missing; must not hold a cluster already)")
	schedulerFile := flags.String("scheduler-config", "", "KubeSchedulerConfiguration; clientConnection and leaderElection are filled in")
	noScheduler := flags.Bool("no-scheduler", false, "leave the scheduler out")
	control := flags.Bool("stdin-control", false, "obey lines `start|stop|kill NAME` on stdin, and stop when stdin closes")
	_ = flags.Parse(args)

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer cancel()
	var commands chan string
	if *control {
		commands = make(chan string)
		go readCommands(commands, cancel)
	}
	c, err := newCluster(*dir, *schedulerFile, *noScheduler)
	if err == nil {
		defer c.stop()
		err = c.bringUp(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		return 1
	}
	output := json.NewEncoder(os.Stdout)
	_ = output.Encode(c)
	for {
		select {
		case <-ctx.Done():
			return 0
		case line := <-commands:
			_ = output.Encode(c.obey(line))
		}
	}
}

// readCommands hands each line to the main thread, which alone may start children.
func readCommands(commands chan<- string, closed func()) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		commands <- lines.Text()
	}
	closed()
}

func newCluster(dir, schedulerFile string, noScheduler bool) (*cluster, error) {
	if dir == "" {
		return nil, fmt.Errorf("--dir is missing")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "pki")); err == nil {
		return nil, fmt.Errorf("%s holds a cluster already", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("etcd", "etcd-peer", "apiserver", "controller-manager", "scheduler", "kwok")
	if err != nil {
		return nil, err
	}
	l := layout{dir: dir, ports: ports}
	c := &cluster{Pid: os.Getpid(), Server: l.url("https", "apiserver"), CA: l.path("pki", "ca.crt"), Components: map[string]*process{}}
	c.order = []string{"etcd", "apiserver", "controller-manager", "kwok", "scheduler"}
	if noScheduler {
		c.order = c.order[:len(c.order)-1]
	}
	if err := os.WriteFile(l.path("stages.yaml"), stages, 0o600); err != nil {
		return nil, err
	}
	c.layout = l
	for _, name := range c.order {
		c.Components[name] = &process{name: name, home: dir, Port: ports[name], Log: l.path("logs", name+".log")}
	}
	if scheduler, ok := c.Components["scheduler"]; ok {
		scheduler.prepare = func() error { return c.layout.writeSchedulerConfig(schedulerFile) }
	}
	for _, name := range c.order {
		c.Components[name].Args = []string{self, name}
	}
	return c, nil
}

func (c *cluster) bringUp(ctx context.Context) error {
	admin, ca, kubeconfigs, err := writeCredentials(c.layout.dir, c.Server)
	if err != nil {
		return err
	}
	c.Kubeconfigs, c.layout.kubeconfigs = kubeconfigs, kubeconfigs
	for _, name := range c.order {
		c.Components[name].Args = append(c.Components[name].Args, c.layout.flags(name)...)
	}
	trusting, careless, err := adminClient(admin, ca)
	if err != nil {
		return err
	}
	for _, name := range c.order {
		if err := c.Components[name].start(); err != nil {
			return err
		}
		if name == "apiserver" { // the others give up, or log an error a second, while it is not there
			if err := c.Components[name].await(ctx, trusting, c.Server+"/readyz"); err != nil {
				return err
			}
		}
	}
	for _, name := range c.order[2:] {
		scheme := "https"
		if name == "kwok" {
			scheme = "http"
		}
		if err := c.Components[name].await(ctx, careless, c.layout.url(scheme, name)+"/healthz"); err != nil {
			return err
		}
	}
	// Pods are refused until this exists.
	account := c.Server + "/api/v1/namespaces/default/serviceaccounts/default"
	return c.Components["controller-manager"].await(ctx, trusting, account)
}

// answer is the reply to one line of stdin.
type answer struct {
	Name  string `json:"name"`
	Pid   int    `json:"pid"`
	Error string `json:"error,omitempty"`
}

func (c *cluster) obey(line string) answer {
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	part, ok := c.Components[name]
	if !ok {
		return answer{Name: name, Error: "no such component"}
	}
	result := answer{Name: name}
	switch verb {
	case "start":
		if err := part.start(); err != nil {
			result.Error = err.Error()
		}
	case "stop":
		part.end(syscall.SIGTERM)
	case "kill":
		part.end(syscall.SIGKILL)
	default:
		result.Error = "unknown command: " + verb
	}
	result.Pid = part.Pid
	return result
}

// stop kills: the data is thrown away, and an API server without its etcd would not obey anything milder.
func (c *cluster) stop() {
	for i := len(c.order) - 1; i >= 0; i-- {
		c.Components[c.order[i]].end(syscall.SIGKILL)
	}
}
