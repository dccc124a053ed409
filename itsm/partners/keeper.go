package partners

import "context"

// Kept are the connectors that administrators configure in the console, beside those
// of the configuration file. What is kept is in force after a restart.
type Kept struct {
	Text     string   // the document, as it was typed
	Version  string   // of Text; a save names it
	Problems []string // what CheckKept says of Text, for it is there to be corrected
	InFile   []string // connectors of the configuration file, which are not changed here
	MayCall  []string // what they may call beside public addresses, as the configuration file names it
	Secrets  []Secret // by name
	Pending  bool     // what runs is not what is kept
}

// Secret is one that is kept: its name and where it is used, never its value.
type Secret struct {
	Name string
	Used bool
}

// Keeper keeps them.
type Keeper interface {
	Kept() (Kept, error)
	// CheckKept says everything that is wrong with a document, each with its line.
	CheckKept(text string) []string
	// SaveKept keeps a document. Stale when version is not that of the document kept
	// now, Invalid when anything is wrong with the new one.
	SaveKept(ctx context.Context, text, version string, by Admin) error
	// SaveSecret keeps a secret under a name, "" removes it. Conflict while it is used.
	SaveSecret(ctx context.Context, name, value string, by Admin) error
	// Restart starts the server again with what is kept, once its configuration is
	// found to be good.
	Restart(ctx context.Context, by Admin) error
	// Examples are connectors to begin with, by kind.
	Examples() []Example
}

// Admin is who changes the configuration, and from where.
type Admin struct{ Actor, RemoteIP string }

// Example is a connector that works once its addresses and secrets are one's own.
type Example struct{ Kind, Text string }
