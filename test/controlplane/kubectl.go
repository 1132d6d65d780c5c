//go:build kubectl

// This file owns kubectl as one more part; only a build with the tag `kubectl` has it.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

func init() {
	parts["kubectl"] = func(args []string) int {
		pflag.CommandLine = pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
		os.Args = append([]string{"kubectl"}, args...)
		return component(func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() })(args)
	}
}
