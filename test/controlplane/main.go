// This file owns the command line: which part of the control plane this process is.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	kwoksignals "sigs.k8s.io/kwok/pkg/utils/signals"
)

// parts maps the name of each part to what runs it with the arguments after the name.
var parts = map[string]func(args []string) int{
	"etcd":               runEtcd,
	"apiserver":          component(apiserver.NewAPIServerCommand),
	"controller-manager": component(controllermanager.NewControllerManagerCommand),
	"scheduler":          component(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kwok":               runKwok,
	"up":                 runUp,
}

func main() {
	if len(os.Args) > 1 {
		if run, ok := parts[os.Args[1]]; ok {
			os.Exit(run(os.Args[2:]))
		}
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "usage: controlplane %s [flags]\n", strings.Join(names, "|"))
	os.Exit(2)
}

// component runs a command of Kubernetes as its own main function does.
func component(newCommand func() *cobra.Command) func(args []string) int {
	return func(args []string) int {
		command := newCommand()
		command.SetArgs(args)
		return cli.Run(command)
	}
}

// runKwok is kwok's main function; its flag set reads os.Args itself. Kubernetes has put flags of its own (`--version`, with
// a type of its own) into the set of the whole process, from where cobra would take them.
func runKwok(args []string) int {
	pflag.CommandLine = pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	os.Args = append([]string{"kwok"}, args...)
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, logger := kwoklog.InitFlags(kwoksignals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err == nil {
		command := kwok.NewCommand(ctx)
		command.PersistentFlags().AddFlagSet(flags)
		err = command.ExecuteContext(ctx)
	}
	if err != nil {
		logger.Error("kwok", "err", err)
		return 1
	}
	return 0
}
