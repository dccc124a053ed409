package itsm

// CI is a configuration item as people write it.
type CI struct {
	ID           string         `json:"id" yaml:"id"`
	Name         string         `json:"name" yaml:"name"`
	Class        string         `json:"class" yaml:"class"`
	Env          string         `json:"env,omitempty" yaml:"env,omitempty"`
	Tier         int            `json:"tier,omitempty" yaml:"tier,omitempty"` // 1 is the most important; 0: unknown
	Owner        string         `json:"owner,omitempty" yaml:"owner,omitempty"`
	SupportGroup string         `json:"support_group,omitempty" yaml:"support_group,omitempty"`
	Aliases      []string       `json:"aliases,omitempty" yaml:"aliases,omitempty"`
	Attributes   map[string]any `json:"attributes,omitempty" yaml:"attributes,omitempty"`
}

// Relation is a typed edge. Which way failure travels depends on the type: by
// default a failing To affects From.
type Relation struct {
	From string `json:"from" yaml:"from"`
	Type string `json:"type" yaml:"type"`
	To   string `json:"to" yaml:"to"`
}

// IsServiceClass reports whether class names what a customer consumes.
func IsServiceClass(class string) bool {
	switch class {
	case "Service", "service", "BusinessService", "business_service", "ApplicationService", "application_service":
		return true
	}
	return false
}
