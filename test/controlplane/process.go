// This file owns the child processes: start, readiness, end, and that none outlives us.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const readyLimit = 2 * time.Minute

// process is one part of the control plane; its exported fields are what `up` prints.
type process struct {
	Pid  int      `json:"pid"`
	Port int      `json:"port"`
	Args []string `json:"args"`
	Log  string   `json:"log"`

	name    string
	home    string
	prepare func() error
	ended   chan struct{}
}

// start must run on the locked main thread: Pdeathsig fires when the starting thread ends.
func (p *process) start() error {
	if p.running() {
		return fmt.Errorf("%s is running already", p.name)
	}
	if p.prepare != nil {
		if err := p.prepare(); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(p.Args[0], p.Args[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), "HOME="+p.home)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.Pid, p.ended = command.Process.Pid, ended
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	return nil
}

func (p *process) running() bool {
	if p.ended == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// end sends the signal and waits; who does not go within the limit is killed.
func (p *process) end(signal syscall.Signal) {
	if !p.running() {
		return
	}
	_ = syscall.Kill(p.Pid, signal)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(p.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// await polls until ask answers 200, the process ends, the context is done or the limit is reached.
func (p *process) await(ctx context.Context, client *http.Client, url string) error {
	limit := time.After(readyLimit)
	for {
		response, err := client.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", response.StatusCode)
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready; its log %s ends with:\n%s", p.name, p.Log, tail(p.Log))
		case <-limit:
			return fmt.Errorf("%s is not ready after %s (%w); its log %s ends with:\n%s", p.name, readyLimit, err, p.Log, tail(p.Log))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tail(file string) string {
	content, _ := os.ReadFile(file)
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	if len(lines) > 8 {
		lines = lines[len(lines)-8:]
	}
	return string(bytes.Join(lines, []byte("\n")))
}

// adminClient asks the API server as admin; the other parts serve certificates they made themselves.
func adminClient(admin pair, ca []byte) (trusting, careless *http.Client, err error) {
	certificate, err := tls.X509KeyPair(admin.cert, admin.key)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := func(config *tls.Config) *http.Client {
		return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}
	}
	trusting = client(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}})
	return trusting, client(&tls.Config{InsecureSkipVerify: true}), nil
}
