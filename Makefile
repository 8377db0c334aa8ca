# The commands of everyday work. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# How long each fuzz target runs, and how long one package's tests may take.
FUZZTIME ?= 10s
TEST_TIMEOUT ?= 30m
FAULTS_TIMEOUT ?= 60m
# Further flags of bench, such as "-only merge -repeats 9": bin/bench -h lists them.
BENCH ?=
# Further flags of test-browser, such as "-args -screenshots $$PWD/docs/images".
BROWSER ?=
# What test-versions runs on, and which packages: those whose tests talk to a node.
ES_VERSIONS ?= 8.15.0 8.19.0 9.2.0
NODE_PACKAGES ?= $(shell $(GO) list -f '{{$$p := .ImportPath}}{{$$m := .Module.Path}}{{range .TestImports}}{{if or (eq . (print $$m "/test/esnode")) (eq . (print $$m "/test/site"))}}{{println $$p}}{{end}}{{end}}{{range .XTestImports}}{{if or (eq . (print $$m "/test/esnode")) (eq . (print $$m "/test/site"))}}{{println $$p}}{{end}}{{end}}' ./... | sort -u)

# Folders with a Go module of their own, which ./... leaves out.
OTHER_MODULES := test/faults test/browser tools

# Where known vulnerabilities are looked up: https://, or file:// and a folder of OSV entries.
VULN_DB ?= https://vuln.go.dev

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

# What looks at dependencies; its module pins govulncheck and the other libraries that it needs.
.PHONY: supply
supply:
	@$(GO) build -C tools -o ../bin/supply ./supply

.PHONY: licences
licences: supply ## Write THIRD_PARTY_LICENSES: what is linked into the command, and its licences
	@bin/supply licences .

.PHONY: sbom
sbom: build supply ## Write bin/postweave.cdx.json: what bin/postweave is made of, as CycloneDX
	@bin/supply sbom -binary bin/postweave -version '$(VERSION)' . >bin/postweave.cdx.json.new
	@mv bin/postweave.cdx.json.new bin/postweave.cdx.json

.PHONY: vulns
vulns: supply ## Report known vulnerabilities of all modules; fails where there is no database to ask
	@bin/supply vulns -db '$(VULN_DB)' . $(OTHER_MODULES)

.PHONY: reproducible
reproducible: ## Build twice, in two folders, the second time from nothing, and compare the bytes
	@tools/reproducible

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

# One line a version, and the output of those that fail. A node that is already there is not used: it is of one version.
.PHONY: test-versions
test-versions: ## Run the tests that talk to a node on each of ES_VERSIONS (8.15.0 and 9.2.0 need JDKs of their own)
	@failed=; for version in $(ES_VERSIONS); do \
		begin=$$SECONDS; \
		if out=$$(env -u POSTWEAVE_TEST_ES_URL POSTWEAVE_TEST_ES_VERSION=$$version $(GO) test -count=1 -timeout $(TEST_TIMEOUT) $(NODE_PACKAGES) 2>&1); then \
			echo "Elasticsearch $$version: $$(grep -c '^ok' <<<"$$out") packages ok in $$((SECONDS - begin)) s"; \
		else \
			printf '%s\n' "$$out"; echo "Elasticsearch $$version: FAILED after $$((SECONDS - begin)) s"; failed=1; \
		fi; \
	done; [ -z "$$failed" ]

# Built and not "go run", which would keep Ctrl-C from ending what was started in order.
.PHONY: test-postfix
test-postfix: ## Send mail through a real Postfix and compare documents, senders' and receivers' notes (needs root on Debian)
	@CGO_ENABLED=0 $(GO) build -o bin/test-postfix ./test/postfix
	@bin/test-postfix

# The browser is the distribution's: nothing is fetched from anywhere else.
.PHONY: test-browser
test-browser: ## Look at the report's page in Chromium, at three widths, light and dark (as root on Debian it is installed)
	@if [ -z "$${POSTWEAVE_TEST_CHROMIUM:-}" ] && ! command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then \
		if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
		else \
			echo "no Chromium: install it (Debian: apt-get install chromium), or name one in POSTWEAVE_TEST_CHROMIUM" >&2; exit 1; \
		fi; \
	fi
	@$(GO) -C test/browser vet ./...
	@$(GO) -C test/browser test -count=1 -timeout 5m ./... $(BROWSER)

# With nodes of their own that are killed, filled and starved: minutes, not seconds.
.PHONY: test-faults
test-faults: ## Break the node, the network and the worker in every way that one machine can, and compare bytes
	@$(GO) -C test/faults vet ./...
	@POSTWEAVE_FAULTS_LOAD=$${POSTWEAVE_FAULTS_LOAD:-1m} $(GO) -C test/faults test -count=1 -timeout $(FAULTS_TIMEOUT) ./...

# POSTWEAVE_FAULTS_LOAD says for how long; ten minutes without it.
.PHONY: test-load
test-load: ## Index new lines for ten minutes beside a daemon and backfills, then verify; prints its figures
	@$(GO) -C test/faults test -count=1 -v -timeout $(FAULTS_TIMEOUT) -run '^TestLoad$$' ./...

# Not the packages below test: they spend their time in Elasticsearch, in another process.
.PHONY: race
race: ## Run the tests of the product's packages with the race detector
	@$(GO) test -race -shuffle=on -timeout $(TEST_TIMEOUT) ./worker/... ./esquery/... ./cmd/... ./mappings/...

# On a busy machine "go test -fuzz" now and then ends in "context deadline exceeded" just as its time is up, with
# no input that failed (golang/go#75804): such a target is run once more.
.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@once() { $(GO) test -run '^$$' -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) "$$2" </dev/null 2>&1; }; \
	grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file func; do \
		func=$${func#func }; dir=$$(dirname "$$file"); echo "$$dir $$func"; \
		if out=$$(once "$$func" "$$dir"); then tail -n 1 <<<"$$out"; continue; fi; \
		printf '%s\n' "$$out"; \
		grep -q 'context deadline exceeded' <<<"$$out" && ! grep -q 'Failing input' <<<"$$out" && once "$$func" "$$dir"; \
	done

# Built and not "go run", which turns Ctrl-C, after which a node is stopped and indices are removed, into an error of its own.
.PHONY: bench
bench: bench-build ## Measure merge, backfill and run beside their floors, as ratios; fails where one is over its limit (25 minutes)
	@bin/bench $(BENCH)

.PHONY: bench-memory
bench-memory: bench-build ## Measure the memory of merging 10,000,000 lines and of backfilling 2,000,000 (20 minutes)
	@bin/bench -only memory $(BENCH)

.PHONY: bench-trace
bench-trace: bench-build ## Measure questions to an index of a million messages beside the bare searches (10 minutes)
	@bin/bench -only trace $(BENCH)

.PHONY: bench-parts
bench-parts: ## Run the benchmarks of single packages: parsing, merging, encoding
	$(GO) test -run '^$$' -bench . -benchmem ./worker/... ./esquery/... ./cmd/...

.PHONY: bench-build
bench-build:
	@CGO_ENABLED=0 $(GO) build -o bin/bench ./test/bench/run

.PHONY: lint
lint: $(LINT) ## Lint; the first time builds the linter, which takes minutes
	@for module in . $(OTHER_MODULES); do (cd "$$module" && $(LINT) run ./...); done

.PHONY: fmt
fmt: $(LINT) ## Format all Go code
	@for module in . $(OTHER_MODULES); do (cd "$$module" && $(LINT) fmt ./...); done

.PHONY: tools
tools: $(LINT) ## Build the pinned tools

$(LINT):
	GOBIN=$(@D) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
