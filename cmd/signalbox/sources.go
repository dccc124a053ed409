package main

import (
	"fmt"
	"strings"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest"
	"signalbox/ingest/source"
	"signalbox/ingest/source/kind"
	"signalbox/itsm"
)

// sourcesOf returns the built-in sources with what the configuration says of
// them, the configured ones, and the sources of connectors' webhooks.
func sourcesOf(f *conf.File) ([]ingest.Source, error) {
	byName := map[string]ingest.Source{}
	for _, s := range ingest.BuiltinSources() {
		byName[s.Name] = s
	}
	for _, name := range conf.SortedKeys(f.Sources) {
		c := f.Sources[name]
		auth, err := sourceAuth(c)
		if err != nil {
			return nil, fmt.Errorf("sources.%s.auth: %w", name, err)
		}
		byName[name] = ingest.Source{Name: name, Kind: c.Kind, Auth: auth, Kinds: kind.Options{IgnoreLabels: c.IgnoreLabels}, Limits: limitsOf(c.Limits)}
	}
	if err := addPartners(byName, f); err != nil {
		return nil, err
	}
	out := make([]ingest.Source, 0, len(byName))
	newKeys := newKeysIn(memoryThere())
	for _, name := range conf.SortedKeys(byName) {
		s := byName[name]
		if s.Limits.NewKeysPerMinute == 0 {
			s.Limits.NewKeysPerMinute = newKeys
		}
		out = append(out, s)
	}
	return out, nil
}

func limitsOf(c conf.Limits) ingest.Limits {
	return ingest.Limits{BodyBytes: int(c.BodyBytes), DecompressedBytes: int(c.DecompressedBytes), AlertsPerRequest: c.AlertsPerRequest, NewKeysPerMinute: c.NewKeysPerMinute,
		Depth: c.Depth, Labels: c.Labels, Annotations: c.Annotations, NameBytes: int(c.NameBytes), LabelBytes: int(c.LabelBytes), AnnotationBytes: int(c.AnnotationBytes)}
}

func sourceAuth(c conf.Source) (a ingest.Auth, err error) {
	if a.Bearer, err = conf.ReadAll(c.Auth.Bearer); err != nil {
		return a, err
	}
	if a.QueryToken, err = conf.ReadAll(c.Auth.QueryToken); err != nil {
		return a, err
	}
	basic, err := conf.ReadAll(c.Auth.Basic)
	if err != nil {
		return a, err
	}
	for i, b := range basic {
		user, password, ok := strings.Cut(b, ":")
		if !ok {
			return a, fmt.Errorf("basic[%d]: the secret %s holds no user:password", i, c.Auth.Basic[i])
		}
		a.Basic = append(a.Basic, ingest.BasicAuth{User: user, Password: password})
	}
	if c.Kind == kind.GitLab { // it sends a bearer's secret in a header of its own
		a.GitLab = a.Bearer
	}
	h := c.Auth.HMAC
	if len(c.Auth.Zendesk) > 0 {
		if len(h.Secrets) > 0 {
			return a, itsm.Errorf(itsm.Invalid, "zendesk: hmac beside it: expected one of the two, which are both signatures")
		}
		secrets, err := conf.ReadAll(c.Auth.Zendesk)
		if err != nil {
			return a, fmt.Errorf("zendesk: %w", err)
		}
		a.HMAC = ingest.Zendesk(secrets...)
		return a, nil
	}
	if len(h.Secrets) == 0 {
		return a, nil
	}
	secrets, err := conf.ReadAll(h.Secrets)
	if err != nil {
		return a, err
	}
	if c.Kind == kind.PagerDuty {
		a.PagerDuty = secrets
		return a, nil
	}
	if c.Kind == kind.GitHub && h.Header == "" {
		h.Header, h.Prefix = "X-Hub-Signature-256", "sha256="
	}
	a.HMAC = &ingest.HMAC{Secrets: secrets, Header: h.Header, Prefix: h.Prefix, Base64: h.Encoding == "base64",
		TimestampHeader: h.TimestampHeader, IDHeader: h.IDHeader, Separator: h.Separator}
	return a, nil
}

// decoders returns the decoder of each source by name, for replay. Credentials
// are not read: nobody sends anything.
func decoders(f *conf.File) (map[string]source.TimedDecoder, error) {
	out := map[string]source.TimedDecoder{}
	add := func(name, k string, o kind.Options) error {
		d, err := kind.Decoder(k, o)
		if err != nil {
			return fmt.Errorf("sources.%s: %w", name, err)
		}
		out[name] = d
		return nil
	}
	for _, s := range ingest.BuiltinSources() {
		if err := add(s.Name, s.Kind, s.Kinds); err != nil {
			return nil, err
		}
	}
	for _, name := range conf.SortedKeys(f.Sources) {
		c := f.Sources[name]
		if err := add(name, c.Kind, kind.Options{IgnoreLabels: c.IgnoreLabels, Bounds: limitsOf(c.Limits).Bounds()}); err != nil {
			return nil, err
		}
	}
	return out, nil
}
