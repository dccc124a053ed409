package cmdb

import "strings"

// role is what a label says about the CI of an alert. Roles that name a CI are
// in the order they are tried.
type role uint8

const (
	roleNone role = iota
	roleCI
	roleMapped // by the mapping table
	roleHost
	roleInstance
	roleAddress
	rolePod
	roleContainer
	roleWorkload
	roleService
	roleApp
	roleJob
	roleNamespace
	roleCluster
	roleEnv
	roleAlertName
	roleCount
)

// roleOf returns what a label of this name says. Within a role the order of
// preference is the order in the list of its names; rank is the place.
func roleOf(name string) (r role, rank uint8) {
	switch name {
	case "ci", "ci_id", "cmdb_ci", "ci_name":
		return roleCI, uint8(len(name)) // ci before ci_id before the others
	case "host", "fqdn":
		return roleHost, 0
	case "hostname", "host_name":
		return roleHost, 1
	case "node", "nodename", "node_name", "kubernetes_node", "device_name", "server", "machine", "vm", "vm_name":
		return roleHost, 2
	case "instance", "target":
		return roleInstance, 0
	case "exported_instance":
		return roleInstance, 1
	case "ip", "ip_address", "address", "addr", "host_ip", "hostip", "pod_ip":
		return roleAddress, 0
	case "pod", "pod_name", "kube_pod_name", "kubernetes_pod_name", "k8s_pod_name":
		return rolePod, 0
	case "exported_pod":
		return rolePod, 1
	case "container", "container_name":
		return roleContainer, 0
	case "deployment", "statefulset", "daemonset", "kube_deployment", "kube_stateful_set", "kube_daemon_set",
		"k8s_deployment_name", "k8s_statefulset_name", "k8s_daemonset_name":
		return roleWorkload, 0
	case "workload", "cronjob", "job_name":
		return roleWorkload, 1
	case "replicaset":
		return roleWorkload, 2
	case "service", "service_name":
		return roleService, 0
	case "exported_service":
		return roleService, 1
	case "app", "app_kubernetes_io_name", "label_app_kubernetes_io_name", "k8s_app":
		return roleApp, 0
	case "application", "app_name", "component":
		return roleApp, 1
	case "job":
		return roleJob, 0
	case "exported_job":
		return roleJob, 1
	case "namespace", "kube_namespace", "kubernetes_namespace", "k8s_namespace_name":
		return roleNamespace, 0
	case "exported_namespace":
		return roleNamespace, 1
	case "cluster", "cluster_name", "kube_cluster_name", "kubernetes_cluster", "k8s_cluster_name":
		return roleCluster, 0
	case "env", "environment", "deployment_environment":
		return roleEnv, 0
	case "stage":
		return roleEnv, 1
	case "alertname", "alert_name", "monitor_name", "check_name":
		return roleAlertName, 0
	}
	return roleNone, 0
}

// clue is a label with a role.
type clue struct {
	label string
	value string
	rank  uint8
}

// clues are the labels of one sighting by role.
type clues [roleCount]clue

// read sorts the labels of a sighting into roles; of several labels with one
// role the preferred one counts.
func (c *clues) read(s *Sighting, mappings []Mapping) {
	for i := range s.Labels {
		l := &s.Labels[i]
		if r, rank := roleOf(l.Name); r != roleNone {
			c.take(r, l.Name, l.Value, rank)
		}
	}
	if s.CIName != "" {
		c[roleCI] = clue{label: "ci", value: s.CIName}
	}
	for i := range mappings {
		m := &mappings[i]
		if m.Source != "" && m.Source != s.Source {
			continue
		}
		if v := s.Labels.Get(m.Label); v != "" {
			c[roleMapped] = clue{label: m.Label, value: v, rank: uint8(mappingKinds[m.Names])}
			break
		}
	}
	c.dropObservers()
}

func (c *clues) take(r role, label, value string, rank uint8) {
	if o := &c[r]; o.value == "" || rank < o.rank {
		*o = clue{label, value, rank}
	}
}

// dropObservers forgets labels that name what observes and not what is
// observed: the job and pod of an exporter say where the sample came from.
// Nothing is forgotten when only the observer itself is named.
func (c *clues) dropObservers() {
	for _, r := range [...]role{roleService, roleApp, roleJob, rolePod, roleContainer} {
		if c[r].value != "" && isObserver(c[r].value) {
			c[r].rank |= observed
		}
	}
	if strings.Contains(c[roleJob].value, relayJob) || strings.Contains(c[roleService].value, relayJob) {
		c[roleInstance].rank |= observed
	}
}

// relayJob tells about other things than the instance it is scraped at.
const relayJob = "kube-state-metrics"

// observed marks a clue that names the observer.
const observed = 0x80

// isObserver reports whether a name is that of a common exporter.
func isObserver(name string) bool {
	for i := 0; i+8 <= len(name); i++ {
		if c := name[i]; (c == 'e' || c == 'E') && foldEqual(name[i:i+8], "exporter") {
			return true
		}
	}
	switch name {
	case "kube-state-metrics", "kubelet", "cadvisor", "kubernetes-pods", "kubernetes-nodes", "kubernetes-cadvisor", "kubernetes-service-endpoints",
		"node", "blackbox", "snmp", "federate", "pushgateway", "telegraf", "prometheus-blackbox", "POD":
		return true
	}
	return false
}
