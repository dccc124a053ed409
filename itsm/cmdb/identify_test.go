package cmdb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shop is an estate with the ways real CMDBs name things: ids in a namespace,
// classes as suffixes, one name at several levels and in several applications.
const shop = `
cis:
- {id: prod/cart, name: cart, class: Service, env: prod, tier: 1}
- {id: staging/cart, name: cart, class: Service, env: staging}
- {id: prod/cart-6d4cf56db6-x7k2p, name: cart-6d4cf56db6-x7k2p, class: Pod, env: prod}
- {id: prod/cart-1, name: cart-1, class: Service_Instance, env: prod}
- {id: prod/billing, name: billing, class: Service, env: prod, aliases: [Invoicing, "app 42"]}
- {id: srv-17, name: db1.example.net, class: Server, env: prod, attributes: {ip: 10.0.0.17, uid: "0f-17"}}
- {id: srv-18, name: web1, class: Host, env: prod, attributes: {ip_addresses: [10.0.0.18, 10.0.0.19]}}
- {id: app-db1, name: db1, class: Database, env: prod}
- {id: shop/checkout-service, name: shop/checkout-service, class: Service}
- {id: shop/checkout-deployment, name: shop/checkout-deployment, class: Deployment}
- {id: shop/checkout-pod, name: shop/checkout-pod, class: Pod}
- {id: shop/shop-namespace, name: shop/shop-namespace, class: Namespace}
- {id: east/frontend, name: frontend, class: Service, env: east}
- {id: west/frontend, name: frontend, class: Service, env: west}
- {id: west/web2, name: web2, class: Host, env: west}
- {id: twin-a, name: twin, class: Process}
- {id: twin-b, name: twin, class: Process}
- {id: vm-9, name: mail, class: VirtualMachine}
- {id: app-9, name: mail, class: Application}
- {id: node-agent, name: node-agent, class: DaemonSet}
- {id: ksm, name: kube-state-metrics, class: Service, attributes: {pod_ip: 10.9.9.9}}
- {id: k8s-1/queue, name: queue, class: Service, attributes: {cluster: k8s-1}}
- {id: k8s-2/queue, name: queue, class: Service, attributes: {cluster: k8s-2}}
- {id: café, name: Café, class: Service}
relations:
- {from: prod/cart, type: has_instance, to: prod/cart-1}
- {from: prod/cart-1, type: runs_on, to: srv-18}
- {from: prod/billing, type: runs_on, to: srv-18}
- {from: app-db1, type: runs_on, to: srv-17}
- {from: west/frontend, type: runs_on, to: west/web2}
- {from: app-9, type: runs_on, to: vm-9}
- {from: twin-a, type: runs_on, to: srv-18}
- {from: twin-b, type: runs_on, to: srv-18}
`

func TestIdentify(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, shop, "test", false)
	g = g.WithMappings([]Mapping{{Source: "datadog", Label: "box", Names: "host"}, {Label: "bad"}})
	for _, c := range []struct {
		name, ci, labels string
		want             string // id and step; or "" and the provisional key
	}{
		{"explicit id", "prod/cart", "host=web1", "prod/cart by ci"},
		{"explicit name", "Billing", "", "prod/billing by ci"},
		{"explicit label", "", "ci=srv-18,service=cart", "srv-18 by ci"},
		{"unknown explicit falls through", "nope", "host=web1", "srv-18 by host"},
		{"mapping", "", "box=web1:22,severity=info", "srv-18 by mapping"},
		{"fqdn", "", "instance=DB1.example.NET:9100", "srv-17 by fqdn"},
		{"fqdn of a short name", "", "host=web1.internal.example.net", "srv-18 by host"},
		{"full name before a short one", "", "host=db1", "app-db1 by host"},
		{"one name at two levels", "", "host=mail", "app-9 by host"},
		{"ip with port", "", "instance=10.0.0.17:9100", "srv-17 by ip"},
		{"ip in a list", "", "host_ip=10.0.0.19", "srv-18 by ip"},
		{"url", "", "instance=https://web1:8443/health?x=1", "srv-18 by host"},
		{"pod", "", "pod=cart-6d4cf56db6-x7k2p,namespace=default,cluster=prod", "prod/cart-6d4cf56db6-x7k2p by kubernetes"},
		{"pod of a known workload", "", "pod=cart-7f8b9c6d54-q2w4z,cluster=prod", "prod/cart by kubernetes"},
		{"pod of a daemon set", "", "pod=node-agent-zx8wq", "node-agent by kubernetes"},
		{"pod with a class suffix", "", "pod=checkout,namespace=shop", "shop/checkout-pod by kubernetes"},
		{"deployment", "", "deployment=checkout,namespace=shop", "shop/checkout-deployment by kubernetes"},
		{"service with a class suffix", "", "service=checkout,namespace=shop", "shop/checkout-service by service"},
		{"service in its environment", "", "service=cart,env=production", "prod/cart by service+environment"},
		{"service in its cluster", "", "app=queue,cluster=k8s-2", "k8s-2/queue by service+environment"},
		{"alias", "", "app=invoicing", "prod/billing by service"},
		{"alias with another joint", "", "app_kubernetes_io_name=app-42", "prod/billing by service"},
		{"letters outside ASCII", "", "service=CAFÉ", "café by service"},
		{"host decides between services", "", "service=frontend,host=web2", "west/frontend by host"},
		{"instance of the service on the host", "", "service=cart,host=web1", "prod/cart-1 by host"},
		{"service that runs on the host", "", "service=billing,host=web1", "prod/billing by host"},
		{"unrelated service does not move the host", "", "service=checkout,host=web1", "srv-18 by host"},
		{"common host", "", "instance=twin", "srv-18 by host"},
		{"namespace alone", "", "namespace=shop", "shop/shop-namespace by namespace"},
		{"namespace of something unknown", "", "namespace=shop,service=nobody", " service:shop/nobody"},
		{"exporter of a host", "", "instance=web1:9100,job=kube-state-metrics,node=web1", "srv-18 by host"},
		{"exporter that reports a pod", "", "instance=10.9.9.9:8080,job=kube-state-metrics,pod=checkout,namespace=shop", "shop/checkout-pod by kubernetes"},
		{"exporter that reports an unknown pod", "", "job=kube-state-metrics,pod=other,namespace=shop", " service:shop/kube-state-metrics"},
		{"exporter itself", "", "job=kube-state-metrics", "ksm by service"},

		{"never between applications", "", "service=frontend", " service:frontend"},
		{"another environment is another thing", "", "service=billing,env=staging", " service:staging/billing"},
		{"another known cluster is another thing", "", "service=frontend,cluster=k8s-1", " service:k8s-1/frontend"},
		{"provisional ci", "Unknown-1", "service=x,host=y", " ci:unknown-1"},
		{"provisional service", "", "job=api,app=App,instance=h9:80,cluster=c,namespace=n,env=e", " service:e/c/n/app"},
		{"provisional workload", "", "pod=web-7f8b9c6d54-q2w4z,cluster=c,namespace=n,instance=h:1", " workload:c/n/web"},
		{"provisional host", "", "alertname=Down,instance=H9.example.net:9100", " host:h9.example.net"},
		{"provisional alert", "", "alertname=Down,severity=critical", " alert:datadog/down"},
		{"nothing at all", "", "x=1,y=2", " alert:datadog/x=1/y=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := g.Identify(Sighting{Source: "datadog", CIName: c.ci, Labels: labelsOf(c.labels)})
			got := " " + b.Provisional
			if b.Ref != NoRef {
				got = g.ID(b.Ref) + " by " + b.By
			}
			if got != c.want {
				t.Errorf("Identify(ci=%q, %s) = %q, want %q; trail %q", c.ci, c.labels, got, c.want, b.Trail)
			}
			if b.Ref == NoRef && b.By != "provisional" || b.Ref != NoRef && b.Provisional != "" {
				t.Errorf("by %q with provisional key %q", b.By, b.Provisional)
			}
		})
	}
}

func TestIdentifyExplains(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, shop, "test", false)
	for _, c := range []struct {
		labels    string
		trail     []string
		ambiguous []string
	}{
		{"service=frontend", []string{`service "frontend" names several unrelated CIs, among them east/frontend`}, []string{"east/frontend", "west/frontend"}},
		{"service=billing,env=staging", []string{`service "billing" is not in this environment, cluster or namespace; not taken: prod/billing`}, nil},
		{"service=cart,host=web1", []string{
			`host "web1" is srv-18`, `service "cart" is more specific and depends on that: prod/cart-1`}, nil},
		{"host=mail", []string{
			`host "mail" names several CIs; the most specific, which depends on the others, is app-9`, `host "mail" is app-9`}, nil},
		{"instance=twin", []string{`instance "twin" names several CIs; all run on srv-18`, `instance "twin" is srv-18`}, nil},
		{"host=ghost", []string{`host "ghost" names no CI`}, nil},
	} {
		b := g.Identify(Sighting{Labels: labelsOf(c.labels)})
		if d := cmp.Diff(c.trail, b.Trail); d != "" {
			t.Errorf("trail of %s (-want +got):\n%s", c.labels, d)
		}
		if d := cmp.Diff(c.ambiguous, b.Ambiguous); d != "" {
			t.Errorf("ambiguous of %s (-want +got):\n%s", c.labels, d)
		}
	}
}

// TestIdentifyCommonName: a name that a whole class of CIs has binds nothing,
// and costs no more than any other.
func TestIdentifyCommonName(t *testing.T) {
	var b strings.Builder
	b.WriteString("cis:\n")
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		for _, d := range "012" {
			b.WriteString("- {id: x-" + string(c) + string(d) + ", name: eth0, class: networkinterface}\n")
		}
	}
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, b.String(), "test", false)
	r := g.Identify(Sighting{Labels: labelsOf("device_name=eth0")})
	if r.Ref != NoRef || len(r.Ambiguous) != 0 {
		t.Errorf("a name of 78 CIs was bound to %v, ambiguous %v", r.Ref, r.Ambiguous)
	}
	if want := `device_name "eth0" names too many CIs to mean one`; len(r.Trail) != 1 || r.Trail[0] != want {
		t.Errorf("trail %q, want %q", r.Trail, want)
	}
}

func TestIdentifyAllocates(t *testing.T) {
	g := mustImport(t, Empty(DefaultRelationTypes()), YAML, shop, "test", false)
	s := Sighting{Source: "prometheus", Labels: labelsOf("alertname=Down,instance=web1:9100,job=node,severity=critical")}
	if n := testing.AllocsPerRun(100, func() { g.Identify(s) }); n > 2 {
		t.Errorf("%v allocations for one host label, want at most 2: the trail's text and its list", n)
	}
}

func TestWorkloadsOf(t *testing.T) {
	for _, c := range []struct{ pod, want string }{
		{"cart-5f6585d649-fnmft", "cart,cart-5f6585d649"},
		{"ts-train-service-86f5f97bc9-dkqmf", "ts-train-service,ts-train-service-86f5f97bc9"},
		{"node-agent-x7k2p", "node-agent"},
		{"redis-cart-0", "redis-cart"},
		{"backup-28391040-x7k2p", "backup-28391040"},
		{"cart", ""},
		{"front-end", ""},
		{"-0", ""},
	} {
		if got := strings.Join(workloadsOf(nil, c.pod), ","); got != c.want {
			t.Errorf("workloadsOf(%q) = %q, want %q", c.pod, got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for class, want := range map[string]kind{
		"Pod": kindInstance, "Service_Instance": kindInstance, "AWS::ECS::Container": kindInstance, "k8s.pod": kindInstance,
		"Deployment": kindWorkload, "Service": kindService, "Database": kindService, "AWS::DynamoDB::Table": kindService,
		"Host": kindHost, "Virtual Machine": kindHost, "virtual_machine": kindHost, "Namespace": kindPlace, "": kindService,
	} {
		if got := kindOf(class); got != want {
			t.Errorf("kindOf(%q) = %d, want %d", class, got, want)
		}
	}
}

func TestHostOf(t *testing.T) {
	for in, want := range map[string]string{
		"web1": "web1", "web1:9100": "web1", "https://web1:8443/x": "web1", "[2001:db8::1]:80": "2001:db8::1",
		"2001:db8::1": "2001:db8::1", "web1.example.net.": "web1.example.net", "a:b": "a:b", "": "",
	} {
		if got := hostOf(in); got != want {
			t.Errorf("hostOf(%q) = %q, want %q", in, got, want)
		}
	}
}
