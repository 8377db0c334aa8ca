# The commands of everyday work. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# How long each fuzz target runs, and how long one package's tests may take.
FUZZTIME ?= 10s
TEST_TIMEOUT ?= 15m
FAULTS_TIMEOUT ?= 60m

# The linter is built from its source at this version, once, outside the
# repository: it takes minutes, and a clone should not have to pay for it again.
LINT_VERSION := v2.15.0
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/postweave
LINT := $(CACHE)/golangci-lint-$(LINT_VERSION:v%=%)/golangci-lint

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/postweave
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/postweave ./cmd/postweave

# Built and not "go run", which turns Ctrl-C, the regular end of this, into an error.
.PHONY: demo
demo: ## Index real Postfix log lines, merge them, show who wrote to whom (needs a JDK and Maven)
	@CGO_ENABLED=0 $(GO) build -o bin/demo ./test/demo
	@bin/demo

# Without the test cache: a pass that is remembered says nothing about a server.
.PHONY: test
test: ## Vet, and run all tests on a real Elasticsearch (needs a JDK and Maven, or POSTWEAVE_TEST_ES_URL)
	@$(GO) vet ./...
	@$(GO) test -count=1 -timeout $(TEST_TIMEOUT) ./...

# Built and not "go run", which would keep Ctrl-C from ending what was started in order.
.PHONY: test-postfix
test-postfix: ## Send mail through a real Postfix and compare documents, senders' and receivers' notes (needs root on Debian)
	@CGO_ENABLED=0 $(GO) build -o bin/test-postfix ./test/postfix
	@bin/test-postfix

# With nodes of their own that are killed, filled and starved: minutes, not seconds.
.PHONY: test-faults
test-faults: ## Break the node, the network and the worker in every way that one machine can, and compare bytes
	@$(GO) vet -tags faults ./test/faults
	@POSTWEAVE_FAULTS_LOAD=$${POSTWEAVE_FAULTS_LOAD:-1m} $(GO) test -count=1 -tags faults -timeout $(FAULTS_TIMEOUT) ./test/faults

# POSTWEAVE_FAULTS_LOAD says for how long; ten minutes without it.
.PHONY: test-load
test-load: ## Index new lines for ten minutes beside a daemon and backfills, then verify; prints its figures
	@$(GO) test -count=1 -v -tags faults -timeout $(FAULTS_TIMEOUT) -run '^TestLoad$$' ./test/faults

# Not the packages below test: they spend their time in Elasticsearch, in another process.
.PHONY: race
race: ## Run the tests of the product's packages with the race detector
	@$(GO) test -race -shuffle=on -timeout $(TEST_TIMEOUT) ./worker/... ./esquery/... ./cmd/... ./mappings/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file func; do \
		echo "$$(dirname "$$file") $${func#func }"; \
		$(GO) test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
	done

.PHONY: bench
bench: ## Run the benchmarks: parsing and merging, then a run beside its floor
	$(GO) test -run '^$$' -bench . -benchmem ./worker/... ./esquery/... ./cmd/...
	$(GO) run ./test/bench/run

.PHONY: lint
lint: $(LINT) ## Lint; the first time builds the linter, which takes minutes
	@$(LINT) run ./...

.PHONY: fmt
fmt: $(LINT) ## Format all Go code
	@$(LINT) fmt ./...

.PHONY: tools
tools: $(LINT) ## Build the pinned tools

$(LINT):
	GOBIN=$(@D) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
