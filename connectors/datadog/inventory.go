package datadog

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// catalogPage is how many entities and relations one call asks for.
const catalogPage = 100

// entity is of an entity of the software catalog what becomes a CI:
// https://docs.datadoghq.com/api/latest/software-catalog/
type entity struct {
	ID         string `json:"id"`
	Attributes struct {
		Kind        string   `json:"kind"` // service, datastore, queue, system, api
		Name        string   `json:"name"`
		Namespace   string   `json:"namespace"`
		DisplayName string   `json:"displayName"`
		Owner       string   `json:"owner"`
		Tags        []string `json:"tags"`
	} `json:"attributes"`
	Relationships struct {
		Schema struct {
			Data *relationshipData `json:"data"`
		} `json:"schema"`
	} `json:"relationships"`
}

// schema is what an entity's own document says, for those that have one.
type schema struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Schema struct {
			Spec struct {
				Tier      string `json:"tier"`
				Lifecycle string `json:"lifecycle"`
				Type      string `json:"type"`
			} `json:"spec"`
		} `json:"schema"`
	} `json:"attributes"`
}

type end struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type relation struct {
	Attributes struct {
		From end    `json:"from"`
		To   end    `json:"to"`
		Type string `json:"type"`
	} `json:"attributes"`
}

// classes of CIs by kind of entity; another kind is its own class.
var classes = map[string]string{"service": "Service", "datastore": "Database", "queue": "Queue", "system": "System", "api": "API"}

// inverse relations are written the other way round, so that each is there once.
var relationTypes = map[string]struct {
	name    string
	inverse bool
}{
	"RelationTypeDependsOn": {"depends_on", false}, "RelationTypeDependencyOf": {"depends_on", true},
	"RelationTypePartsOf": {"part_of", false}, "RelationTypeHasPart": {"part_of", true},
	"RelationTypeImplementedBy": {"depends_on", false}, "RelationTypeImplements": {"depends_on", true}, // an API is down with what implements it
}

// Inventory implements connectors.Inventory: the entities of the software catalog
// and what they depend on or are part of. Who owns what is the owner of a CI, not a
// relation.
func (c *Connector) Inventory(ctx context.Context) (connectors.Estate, error) {
	var e connectors.Estate
	known := map[string]bool{}
	err := pages(ctx, c, "/api/v2/catalog/entity", url.Values{"include": {"schema"}}, func(page []entity, included []schema) error {
		specs := map[string]*schema{}
		for i := range included {
			specs[included[i].ID] = &included[i]
		}
		for i := range page {
			var s *schema
			if d := page[i].Relationships.Schema.Data; d != nil {
				s = specs[d.ID]
			}
			ci, ok := ciOf(&page[i], s)
			switch {
			case !ok:
				e.LeftOut = append(e.LeftOut, fmt.Sprintf("entity %s: it has no kind or no name", page[i].ID))
			case known[ci.ID]:
				e.LeftOut = append(e.LeftOut, fmt.Sprintf("entity %s: %s is listed already", page[i].ID, ci.ID))
			default:
				known[ci.ID] = true
				e.CIs = append(e.CIs, ci)
			}
		}
		return tooMany(len(e.CIs), "entities")
	})
	if err != nil {
		return connectors.Estate{}, err
	}
	seen := map[itsm.Relation]bool{}
	unknown := map[string]bool{}
	err = pages(ctx, c, "/api/v2/catalog/relation", url.Values{}, func(page []relation, _ []schema) error {
		for i := range page {
			a := &page[i].Attributes
			t, ok := relationTypes[a.Type]
			r := itsm.Relation{From: idOf(a.From.Kind, a.From.Namespace, a.From.Name), Type: t.name, To: idOf(a.To.Kind, a.To.Namespace, a.To.Name)}
			if t.inverse {
				r.From, r.To = r.To, r.From
			}
			if !ok || seen[r] || r.From == r.To {
				continue
			}
			for _, id := range []string{r.From, r.To} {
				if !known[id] && !unknown[id] {
					unknown[id] = true
					e.LeftOut = append(e.LeftOut, fmt.Sprintf("relations of %s: the catalog does not list it", id))
				}
			}
			if known[r.From] && known[r.To] {
				seen[r] = true
				e.Relations = append(e.Relations, r)
			}
		}
		return tooMany(len(e.Relations), "relations")
	})
	if err != nil {
		return connectors.Estate{}, err
	}
	slices.SortFunc(e.CIs, func(a, b itsm.CI) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(e.Relations, func(a, b itsm.Relation) int {
		return strings.Compare(a.From+"\x00"+a.Type+"\x00"+a.To, b.From+"\x00"+b.Type+"\x00"+b.To)
	})
	return e, nil
}

func tooMany(n int, what string) error {
	if n > connectors.EstateMax {
		return itsm.Errorf(itsm.TooLarge, "Datadog lists more than %d %s, which is more than one import takes", connectors.EstateMax, what)
	}
	return nil
}

// pages reads a list to its end. A page that repeats what came before would go on
// for ever, so a list that is longer than it can be is an error.
func pages[T any](ctx context.Context, c *Connector, path string, q url.Values, each func([]T, []schema) error) error {
	q.Set("page[limit]", strconv.Itoa(catalogPage))
	for offset := 0; offset <= 2*connectors.EstateMax; offset += catalogPage {
		q.Set("page[offset]", strconv.Itoa(offset))
		var out struct {
			Data     *[]T     `json:"data"`
			Included []schema `json:"included"`
		}
		if err := c.call(ctx, http.MethodGet, path, q, nil, &out); err != nil {
			return err
		}
		if out.Data == nil {
			return connectors.Retry(0, "Datadog answered without the list that was asked for")
		}
		if err := each(*out.Data, out.Included); err != nil {
			return err
		}
		if len(*out.Data) < catalogPage {
			return nil
		}
	}
	return tooMany(connectors.EstateMax+1, "entries")
}

// idOf is the id of an entity's CI: datadog:service/checkout, with its namespace
// where that is not the default one.
func idOf(kind, namespace, name string) string {
	if namespace != "" && namespace != "default" {
		name = namespace + "/" + name
	}
	return "datadog:" + kind + "/" + name
}

// ciOf makes the CI of an entity.
func ciOf(v *entity, s *schema) (itsm.CI, bool) {
	a := &v.Attributes
	if a.Kind == "" || a.Name == "" {
		return itsm.CI{}, false
	}
	ci := itsm.CI{ID: idOf(a.Kind, a.Namespace, a.Name), Name: a.Name, Class: classes[a.Kind], SupportGroup: a.Owner, Attributes: map[string]any{"datadog_id": v.ID}}
	if ci.Class == "" {
		ci.Class = a.Kind
	}
	if a.DisplayName != "" && a.DisplayName != a.Name {
		ci.Aliases = append(ci.Aliases, a.DisplayName)
	}
	for _, t := range a.Tags {
		if env, ok := strings.CutPrefix(t, "env:"); ok && ci.Env == "" {
			ci.Env = env
		}
	}
	if len(a.Tags) > 0 {
		ci.Attributes["tags"] = strings.Join(a.Tags, ",")
	}
	if s != nil {
		spec := &s.Attributes.Schema.Spec
		ci.Tier = tierOf(spec.Tier)
		for k, v := range map[string]string{"tier": spec.Tier, "lifecycle": spec.Lifecycle, "type": spec.Type} {
			if v != "" {
				ci.Attributes[k] = v
			}
		}
	}
	return ci, true
}

// tierOf reads the words that people write as a tier: 1, "tier 2", "Tier-0", "high",
// "critical". 0 is unknown; Datadog's tier 0 is our first.
func tierOf(s string) int {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "critical", "mission critical", "mission-critical":
		return 1
	case "high":
		return 2
	case "medium":
		return 3
	case "low":
		return 4
	}
	n, err := strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(s, "tier"), " -_"))
	if err != nil || n < 0 || n > 5 {
		return 0
	}
	return max(n, 1)
}
