package cli

import "github.com/spf13/cobra"

func (a *app) metrics() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print numbers about the service for Prometheus",
		Long: `Print numbers about the service, its jobs and their lines in the text format of Prometheus, which the textfile
collector of node_exporter reads as well. It starts no service, and needs to be run by who runs the service, or by an
administrator: with --system, by root.`,
		Example: `  ebb metrics
  ebb metrics --system >ebb.prom.new && mv ebb.prom.new /var/lib/prometheus/node-exporter/ebb.prom`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json {
				return usage("the metrics have one form, that of Prometheus; leave out --json")
			}
			client, err := a.peek(cmd)
			if err != nil {
				return err
			}
			defer client.Close()
			text, err := client.Metrics(cmd.Context())
			if err != nil {
				return err
			}
			a.printf("%s", text)
			return nil
		},
	}
}
