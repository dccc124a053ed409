package main

import (
	"embed"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest/source/datadog"
	"signalbox/ingest/source/kind"
	"signalbox/ingest/source/servicenow"
	"signalbox/ingest/source/slack"
)

func snippetsCommand() *cobra.Command {
	var base, config string
	c := &cobra.Command{
		Use:   "snippets [curl|alertmanager|prometheus|datadog|rules|dashboard|servicenow|slack]",
		Short: "Print what to paste into each sender, and the monitoring of Signalbox itself",
		Long: `Prints what to paste into each sender, with the server's address: --external-url, or
what the configuration says (external_url, else listen). Four more are printed only
when named: 'rules', Prometheus alert rules for Signalbox itself, 'dashboard', a
Grafana dashboard to import, 'servicenow', the business rule that tells of changes
there, and 'slack', the manifest of an app for a connector of kind slack.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnv(cmd); err != nil {
				return err
			}
			if base == "" {
				f, err := conf.Load(config, cmd.Flags().Changed("config"))
				if err != nil {
					return err
				}
				base = baseOf(f)
			}
			return printSnippets(cmd.OutOrStdout(), base, args)
		},
	}
	c.Flags().StringVar(&base, "external-url", "", "how senders reach the server; else the configuration tells")
	c.Flags().StringVar(&config, "config", conf.DefaultFile, "configuration file")
	return c
}

type snippet struct{ name, title, text string }

// snippets returns what to paste, for a server reached at base.
func snippets(base string) []snippet {
	base = strings.TrimSuffix(base, "/")
	host, scheme := base, "http"
	if u, err := url.Parse(base); err == nil && u.Host != "" {
		host, scheme = u.Host, u.Scheme
	}
	return []snippet{
		{"curl", "A first alert by hand", fmt.Sprintf(`curl -sS %s/webhooks/generic -H 'Content-Type: application/json' -d '{
  "status": "firing", "severity": "critical", "title": "Checkout is failing",
  "labels": {"service": "checkout", "environment": "production"}}'
`, base)},
		{"alertmanager", "Alertmanager (alertmanager.yml)", fmt.Sprintf(`route:
  receiver: signalbox
receivers:
  - name: signalbox
    webhook_configs:
      - url: %s/webhooks/alertmanager
        send_resolved: true
        max_alerts: 0
`, base)},
		{"prometheus", "Prometheus, straight, beside or instead of Alertmanager (prometheus.yml)", fmt.Sprintf(`alerting:
  alertmanagers:
    - path_prefix: /prometheus/main
      scheme: %s
      static_configs:
        - targets: ['%s']
`, scheme, host)},
		{"datadog", "Datadog (Integrations, Webhooks, New; then mention @webhook-signalbox in monitors)", fmt.Sprintf(`Name:    signalbox
URL:     %s/webhooks/datadog
Payload: %s
`, base, strings.TrimSpace(datadog.Template))},
	}
}

// monitoringFiles are printed only when named.
var monitoringFiles = map[string]string{"rules": "monitoring/rules.yml", "dashboard": "monitoring/dashboard.json"}

//go:embed monitoring
var monitoring embed.FS

func printSnippets(w io.Writer, base string, only []string) error {
	if len(only) > 0 {
		if name, ok := monitoringFiles[only[0]]; ok {
			b, err := monitoring.ReadFile(name)
			if err != nil {
				return err
			}
			_, err = w.Write(b)
			return err
		}
		if only[0] == kind.ServiceNow {
			_, err := io.WriteString(w, strings.Replace(servicenow.Script, "SIGNALBOX_WEBHOOK", strings.TrimSuffix(base, "/")+"/webhooks/servicenow", 1))
			return err
		}
		if only[0] == kind.Slack {
			_, err := io.WriteString(w, strings.ReplaceAll(slack.Manifest, "SIGNALBOX_WEBHOOK", strings.TrimSuffix(base, "/")+"/webhooks/slack"))
			return err
		}
		if !slices.ContainsFunc(snippets(base), func(s snippet) bool { return s.name == only[0] }) {
			return fmt.Errorf("no snippet %q; expected curl, alertmanager, prometheus, datadog, rules, dashboard, servicenow or slack", only[0])
		}
	}
	for _, s := range snippets(base) {
		if len(only) > 0 && only[0] != s.name {
			continue
		}
		fmt.Fprintf(w, "# %s\n%s\n", s.title, s.text)
	}
	return nil
}
