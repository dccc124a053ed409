package cmdb

import "strings"

// kind sorts classes by how closely they pin down what is broken. A higher kind
// is more specific: a pod says more than the service it serves, a service more
// than a host that runs ten of them.
type kind uint8

const (
	kindNone     kind = iota
	kindPlace         // cluster, namespace, site, network
	kindHost          // host, node, virtual machine, device
	kindService       // everything else: services, databases, caches, applications
	kindWorkload      // deployment, stateful set, …
	kindInstance      // pod, container, process, instance of a service
)

var kindOfWord = map[string]kind{
	"cluster": kindPlace, "namespace": kindPlace, "project": kindPlace, "region": kindPlace, "zone": kindPlace,
	"site": kindPlace, "location": kindPlace, "datacenter": kindPlace, "rack": kindPlace, "subnet": kindPlace, "network": kindPlace,
	"host": kindHost, "node": kindHost, "server": kindHost, "vm": kindHost, "virtualmachine": kindHost, "machine": kindHost,
	"computer": kindHost, "device": kindHost, "hypervisor": kindHost, "switch": kindHost, "router": kindHost, "ipaddress": kindHost,
	"deployment": kindWorkload, "statefulset": kindWorkload, "daemonset": kindWorkload, "replicaset": kindWorkload,
	"cronjob": kindWorkload, "workload": kindWorkload, "job": kindWorkload,
	"pod": kindInstance, "container": kindInstance, "process": kindInstance, "instance": kindInstance, "task": kindInstance,
}

// kindOf classifies a class by its last word: Service_Instance, k8s.pod,
// AWS::ECS::Container.
func kindOf(class string) kind {
	var buf [ClassBytesMax]byte
	word := buf[:0]
	for i := 0; i < len(class) && len(word) < cap(word); i++ {
		if c := folds[class[i]]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			word = append(word, c)
		}
	}
	if k, ok := kindOfWord[string(word)]; ok { // VirtualMachine, virtual_machine
		return k
	}
	last := class[strings.LastIndexAny(class, "_-.:/ ")+1:]
	word = word[:0]
	for i := 0; i < len(last) && len(word) < cap(word); i++ {
		word = append(word, folds[last[i]])
	}
	if k, ok := kindOfWord[string(word)]; ok {
		return k
	}
	return kindService
}
