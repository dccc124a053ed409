package main

// connectorExamples are connectors to begin with, by kind, as the console's document
// has them below "connectors:".
var connectorExamples = map[string]string{
	"alertmanager": `  prometheus:
    kind: alertmanager
    urls: [http://am-1:9093, http://am-2:9093]   # every replica of one Alertmanager; console.may_call names them
    sources: [alertmanager]                # whose alerts all come from it
    silence_on_acknowledge: true           # of an incident's alerts, ended with it
`,
	"datadog": `  datadog:
    kind: datadog
    site: datadoghq.eu
    api_key: stored:datadog_api_key
    app_key: stored:datadog_app_key
    sources: [datadog]                     # whose alerts are of its monitors
`,
	"email": `  mail:
    kind: email
    smtp: smtp.example.com:587
    basic: stored:smtp                     # user:password
    from: Signalbox <signalbox@example.com>
    to: [noc@example.com]
`,
	"jira": `  jira:
    kind: jira
    api_url: https://acme.atlassian.net
    basic: stored:jira                     # e-mail:API-token
    project: OPS
    issue_type: Incident
    webhook_secrets: [stored:jira_webhook] # of its webhook to /webhooks/jira
`,
	"jsm_ops": `  oncall:
    kind: jsm_ops
    api_token: stored:jsm_ops              # of an API integration
    webhook_secrets: [stored:jsm_ops_webhook] # its webhook to /webhooks/oncall sends Authorization: Bearer SECRET
`,
	"opsgenie": `  opsgenie:
    kind: opsgenie                         # ends on 2027-04-05; jsm_ops follows it
    api_token: stored:opsgenie             # of an API integration
`,
	"pagerduty": `  pagerduty:
    kind: pagerduty
    routing_key: stored:pagerduty_routing  # of an Events API v2 integration
    api_token: stored:pagerduty_api        # needed to hear what people do there
    from: oncall@example.com               # the user in whose name notes are written
    # change_events: all                   # changes are shown beside the incidents there
    webhook_secrets: [stored:pagerduty_webhook] # of its v3 webhook to /webhooks/pagerduty
`,
	"servicenow": `  servicenow:
    kind: servicenow
    api_url: https://acme.service-now.com
    basic: stored:servicenow               # user:password
    poll_every: 30s                        # or webhook_secrets of the business rule
    assignment_group: Service Desk
    # changes: [normal, emergency]         # types of change that are kept in change requests, both ways
    # problems: true                       # accepted problems get a problem there
`,
	"slack": `  chat:
    kind: slack
    api_token: stored:slack_bot            # of an app that 'signalbox snippets slack' describes
    channel: C0123456789                   # the channel's id
    webhook_secrets: [stored:slack_signing] # for the buttons, at /webhooks/chat
`,
	"teams": `  channel:
    kind: teams
    url: stored:teams_url                  # of a Workflows webhook of the channel
`,
	"webhook": `  tickets:
    kind: webhook
    mapping: zendesk                       # 'signalbox connectors example' lists what there is
    url: https://acme.zendesk.com
    basic: stored:zendesk                  # user:password
    auth: {bearer: [stored:zendesk_webhook]} # of its webhooks to /webhooks/tickets
    vars: {agent: "900"}
`,
}
