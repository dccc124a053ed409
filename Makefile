# Every target does its own set-up; Go and make are all it needs.
BIN     := bin/signalbox
GO      ?= go
DATA    ?= ../shared/data
FUZZ    ?= 30s
VERSION ?= $(shell git describe --always --dirty --abbrev=12 2>/dev/null)
export CGO_ENABLED ?= 0

.PHONY: build run demo test torture converge check race fuzz bench bench-door bench-fold bench-ack backtest-bench microbench score clean

build:
	$(GO) build -trimpath -buildvcs=false -ldflags "-X main.release=$(VERSION)" -o $(BIN) ./cmd/signalbox

run: build
	$(BIN) serve $(ARGS)

# A web shop, a storm of alerts, one explained incident; Ctrl-C ends it.
demo: build
	$(BIN) demo $(ARGS)

# Installs Chromium, Prometheus and Alertmanager for the end-to-end tests where
# it may; where it may not it names at the end the suites that did not run and fails
# unless ALLOW_MISSING=1.
test: build
	bash .ci/setup
	bash .ci/suites $(GO) test -timeout 1h ./...
	$(GO) test -tags fault -run 'TestFaults|TestNoFault' ./correlate/sim ./connectors/connectortest

# What machines and strangers do to it, at full length; 'make test' has a sample.
torture: build
	bash .ci/setup
	SIGNALBOX_LONG=1 bash .ci/suites $(GO) test -run Torture -timeout 3h -v ./cmd/signalbox ./correlate/engine
	SIGNALBOX_LONG=1 $(GO) test -timeout 3h ./ingest/journal ./itsm/cmdb ./cmd/internal/backup
	$(GO) test ./correlate/sim -run TestSim -long -v -timeout 30m

# Five partners, 10,000 incidents, 200,000 edits, webhooks lost, repeated and late: do
# they agree in the end; 'make test' has a sample.
converge:
	SIGNALBOX_LONG=1 $(GO) test -count 1 -timeout 60m -v -run Convergence ./connectors/connectortest

check:
	@test -z "$$(gofmt -l cmd ingest correlate itsm connectors rules 2>/dev/null)" || { gofmt -l cmd ingest correlate itsm connectors rules; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags fault ./...
	$(GO) vet -tags unfolded ./correlate/engine
	$(GO) tool staticcheck ./...

race:
	bash .ci/setup
	CGO_ENABLED=1 $(GO) test -race -short -shuffle=on -timeout 2h $$($(GO) list ./... | grep -v cmd/signalbox)
	CGO_ENABLED=1 SIGNALBOX_RACE=1 $(GO) test -short -timeout 1h -run 'FirstAlert|Explained|PagerDuty|Kill|Trace' ./cmd/signalbox

fuzz:
	SIGNALBOX_DATA=$(abspath $(DATA)) $(GO) run ./cmd/internal/fuzzall -time $(FUZZ)

# Alerts a second beside a real Alertmanager; other scenarios: ARGS="-scenario storm".
bench: build
	bash .ci/setup
	$(GO) run ./cmd/internal/bench $(ARGS)

# The same for a build that journals every delivery and folds none: what is not the fold's.
bench-door:
	$(GO) build -tags unfolded -trimpath -o $(BIN)-unfolded ./cmd/signalbox
	bash .ci/setup
	$(GO) run ./cmd/internal/bench -bin $(BIN)-unfolded $(ARGS)

# The fold alone: events a second of one core, and what they cost in company.
bench-fold:
	SIGNALBOX_LONG=1 $(GO) test -count 1 -timeout 30m -v -run FoldFigures ./correlate/engine

# How long from an acknowledgement in one tool until four others were told it, over
# loopback HTTP at 100 a second.
bench-ack:
	SIGNALBOX_LONG=1 $(GO) test -count 1 -timeout 30m -v -run AcknowledgeFigures ./cmd/signalbox

# A backtest of 30 days and 860,000 events on one core.
backtest-bench:
	SIGNALBOX_LONG=1 $(GO) test -count 1 -timeout 30m -v -run BacktestFigures ./correlate/backtest

microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

score: build
	$(GO) run ./cmd/internal/score -data $(DATA) -bin $(BIN)

clean:
	rm -rf bin .cache
