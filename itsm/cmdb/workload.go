package cmdb

import "strings"

// workloadsOf appends the workloads a pod's name may show, likeliest first:
// cart-5f6585d649-fnmft → cart, node-agent-x7k2p → node-agent, db-0 → db.
func workloadsOf(dst []string, pod string) []string {
	i := strings.LastIndexByte(pod, '-')
	if i <= 0 {
		return dst
	}
	head, last := pod[:i], pod[i+1:]
	switch {
	case len(last) <= 4 && isDigits(last):
		return append(dst, head) // StatefulSet ordinal
	case len(last) == 5 && isRandom(last):
		if j := strings.LastIndexByte(head, '-'); j > 0 && isHash(head[j+1:]) {
			dst = append(dst, head[:j]) // Deployment: ReplicaSet hash, then pod hash
		}
		return append(dst, head) // DaemonSet, Job, ReplicaSet
	case isHash(last) && hasDigit(last):
		return append(dst, head) // a ReplicaSet named as the pod
	}
	return dst
}

// isHash reports whether s can be a ReplicaSet's hash: 6 to 10 safe characters.
func isHash(s string) bool { return len(s) >= 6 && len(s) <= 10 && isRandom(s) }

// isRandom reports whether s has only the characters Kubernetes makes random
// names of: no vowels and nothing that looks like one.
func isRandom(s string) bool {
	for i := range len(s) {
		if !strings.Contains("bcdfghjklmnpqrstvwxz2456789", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// Workloads lists the workloads a pod's name may show, likeliest first; none when
// it does not look like a pod's.
func Workloads(pod string) []string { return workloadsOf(nil, pod) }
