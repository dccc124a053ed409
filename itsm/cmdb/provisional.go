package cmdb

import "strings"

// provisional returns the key of the CI that stands in for an unbound alert:
// two unbound alerts with one key are about one thing, as far as anyone can
// tell. The first present of: the explicit CI; a service, app or job in its
// environment, cluster and namespace; a workload there; a host; the namespace or
// cluster alone; else the source and the name of the alert.
func (c *clues) provisional(s *Sighting) string {
	if v := c[roleCI].value; v != "" {
		return provisionalKey("ci", v)
	}
	for _, r := range [...]role{roleService, roleApp, roleJob} {
		if v := c[r].value; v != "" {
			return provisionalKey("service", c[roleEnv].value, c[roleCluster].value, c[roleNamespace].value, v)
		}
	}
	if v := c.workload(); v != "" {
		return provisionalKey("workload", c[roleCluster].value, c[roleNamespace].value, v)
	}
	for _, r := range [...]role{roleHost, roleInstance, roleAddress} {
		if v := hostOf(c[r].value); v != "" {
			return provisionalKey("host", v)
		}
	}
	if ns, cl := c[roleNamespace].value, c[roleCluster].value; ns != "" || cl != "" {
		return provisionalKey("workload", cl, ns)
	}
	if v := c[roleAlertName].value; v != "" {
		return provisionalKey("alert", s.Source, v)
	}
	if s.AlertName != "" {
		return provisionalKey("alert", s.Source, s.AlertName)
	}
	return c.unnamed(s)
}

// workload returns the workload the labels name, or that of the pod, or the
// container.
func (c *clues) workload() string {
	if v := c[roleWorkload].value; v != "" {
		return v
	}
	if v := c[rolePod].value; v != "" {
		var buf [3]string
		if names := workloadsOf(buf[:0], v); len(names) > 0 {
			return names[0]
		}
		return v
	}
	return c[roleContainer].value
}

// unnamed is the key of an alert that names nothing at all, not even itself:
// all its labels, so that it is joined with its repeats only.
func (c *clues) unnamed(s *Sighting) string {
	parts := []string{s.Source}
	for _, l := range s.Labels {
		parts = append(parts, l.Name+"="+l.Value)
	}
	return provisionalKey("alert", parts...)
}

// provisionalMax bounds a key; longer ones are cut, which can only join.
const provisionalMax = 512

// provisionalKey joins what is present, in lower case: names are compared so.
func provisionalKey(kind string, parts ...string) string {
	var b strings.Builder
	b.WriteString(kind)
	sep := byte(':')
	for _, p := range parts {
		if p != "" {
			b.WriteByte(sep)
			b.WriteString(strings.ToLower(p))
			sep = '/'
		}
	}
	return strings.ToValidUTF8(b.String()[:min(b.Len(), provisionalMax)], "")
}
