package cmdb

import "strings"

// how says by which of a CI's names it is known under a key; lower is surer.
type how uint8

const (
	howID      how = iota
	howName        // the display name
	howAlias       // a listed alias, or an address or host name among the attributes
	howTail        // what follows the scope in an id or name: shop/cart → cart
	howShort       // first label of a host name
	howTrimmed     // without the class as a suffix: cart-service → cart
)

// key is one name a CI is known by; name shares the blob's memory.
type key struct {
	name string
	how  how
}

// keysMax bounds how many names one CI is indexed under.
const keysMax = AliasesMax*2 + 64

// appendKeys lists the names of a CI, surest first, each folded name once.
func appendKeys(keys []key, b blob) []key {
	k := keyList{keys: keys, class: b.field(fieldClass)}
	id, name := b.field(fieldID), b.field(fieldName)
	k.add(id, howID)
	k.add(name, howName)
	for _, a := range b.aliases() {
		k.add(a, howAlias)
	}
	if attributes := b.field(fieldAttributes); attributes != "" {
		eachAddress(attributes, func(v string) { k.add(v, howAlias) })
	}
	k.variants(id)
	if name != id {
		k.variants(name)
	}
	for _, a := range b.aliases() {
		k.add(shortHost(a), howShort)
	}
	return k.keys
}

// keyList collects the names of one CI.
type keyList struct {
	keys  []key
	class string
}

// add keeps a name unless a surer one folds to the same.
func (k *keyList) add(name string, h how) {
	if name == "" || len(k.keys) >= keysMax {
		return
	}
	name = foldWide(name)
	for i := range k.keys {
		if foldEqual(k.keys[i].name, name) {
			return
		}
	}
	k.keys = append(k.keys, key{name, h})
}

// variants adds what a name is commonly shortened to.
func (k *keyList) variants(name string) {
	tail := name
	if i := strings.LastIndexByte(name, '/'); i >= 0 && len(name)-i > 2 && !isDigits(name[i+1:]) {
		tail = name[i+1:]
		k.add(tail, howTail)
	}
	if i := strings.IndexByte(name, '/'); i > 0 && len(name)-i > 2 && name[i+1] != '/' && !isDigits(name[i+1:]) {
		k.add(name[i+1:], howTail)
	}
	k.add(shortHost(tail), howShort)
	if t := trimClass(tail, k.class); t != "" {
		k.add(t, howTrimmed)
	}
}

// trimClass removes the class, or its last word, from the end of a name:
// cart-service of class Service is also called cart.
func trimClass(name, class string) string {
	for _, suffix := range [2]string{class, class[strings.LastIndexAny(class, "_-.:/ ")+1:]} {
		cut := len(name) - len(suffix) - 1
		if suffix == "" || cut < 2 || !foldEqual(name[cut+1:], suffix) {
			continue
		}
		if c := name[cut]; c == '-' || c == '_' || c == '.' || c == ' ' || c == ':' {
			return name[:cut]
		}
	}
	return ""
}

// addressAttributes are attributes whose value is another name of the CI.
func isAddressAttribute(name string) bool {
	switch name {
	case "ip", "ips", "ip_address", "ip_addresses", "ipAddress", "ipAddresses", "address", "addresses", "primary_ip", "private_ip",
		"public_ip", "management_ip", "pod_ip", "host_ip", "cluster_ip", "fqdn", "hostname", "host_name", "hostName", "dns_name",
		"dnsName", "dns", "private_dns", "instance_id", "provider_id", "uid", "serial_number", "asset_tag":
		return true
	}
	return false
}

// scopeAttribute returns the dimension an attribute places its CI in.
func scopeAttribute(name string) (dimension, bool) {
	switch name {
	case "env", "environment", "stage":
		return dimEnv, true
	case "cluster", "cluster_name", "clusterName", "kubernetes_cluster", "k8s_cluster":
		return dimCluster, true
	case "namespace", "kube_namespace", "k8s_namespace":
		return dimNamespace, true
	}
	return 0, false
}

// eachAddress calls fn for each address-like attribute value.
func eachAddress(attributes string, fn func(value string)) {
	eachAttribute(attributes, func(name, value string) {
		if isAddressAttribute(name) {
			if i := strings.IndexByte(value, '/'); i > 0 && isIP(value[:i]) { // 10.0.0.5/24
				value = value[:i]
			}
			fn(value)
		}
	})
}

// eachAttribute calls fn for each plain string, and each plain string in a
// list, among the top-level attributes. Values share the memory of attributes;
// one with an escape in it is no name and is passed over.
func eachAttribute(attributes string, fn func(name, value string)) {
	depth, name, inList := 0, "", false
	for i := 0; i < len(attributes); i++ {
		switch attributes[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '[':
			depth++
			inList = depth == 2
		case ']':
			depth--
			inList = false
		case '"':
			j, plain := endOfString(attributes, i+1)
			s := attributes[i+1 : j]
			i = j
			switch {
			case depth == 1 && j+1 < len(attributes) && attributes[j+1] == ':':
				name = s
			case plain && s != "" && (depth == 1 || depth == 2 && inList):
				fn(name, s)
			}
		}
	}
}

// endOfString finds the closing quote of a canonical JSON string.
func endOfString(s string, i int) (end int, plain bool) {
	plain = true
	for ; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			plain = false
			i++
		}
	}
	return min(i, len(s)), plain
}
