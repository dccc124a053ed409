package slack

import _ "embed"

// Manifest is the manifest of an app that does what the connector needs, with
// SIGNALBOX_WEBHOOK where its requests go
// (https://docs.slack.dev/reference/app-manifest).
//
//go:embed manifest.yml
var Manifest string
