# Tandem: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The tools are pinned in tools/go.mod, apart from the product's modules.
TOOL := go tool -modfile=tools/go.mod
# Runs a command beside a throw-away PostgreSQL server (TANDEM_TEST_POSTGRES).
PGTEMP := go run ./internal/platform/db/dbtest/pgtemp --
TESTFLAGS ?=
CLIENTS := e2e/clients/node_modules/.package-lock.json

.PHONY: help build run demo sim mutations test test-race e2e lint fmt gen check check-fmt check-gen check-vuln bench golden-update clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the one binary, ./tandem, without cgo
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o tandem ./cmd/tandem

run: build ## build and start the server
	./tandem serve

demo: build ## build and run the main job against the sandboxes
	./tandem demo

test: $(CLIENTS) ## all tests, on SQLite and PostgreSQL, in Chromium and with the vendors' clients
	$(PGTEMP) go test -timeout 20m $(TESTFLAGS) ./...
	cd e2e/clients/google && go test -timeout 5m $(TESTFLAGS) ./...

test-race: $(CLIENTS) ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(PGTEMP) go test -race -timeout 60m $(TESTFLAGS) ./...

e2e: $(CLIENTS) ## only the browser, command-line and client tests
	$(PGTEMP) go test -timeout 20m -count=1 $(TESTFLAGS) ./e2e/...
	cd e2e/clients/google && go test -timeout 5m -count=1 $(TESTFLAGS) ./...

SEEDS ?= 300
sim: ## play SEEDS=N seeds of the simulation of the registration engine
	go run ./e2e/sim/cmd -seeds $(SEEDS)

mutations: ## see that the simulation catches each of a dozen deliberate bugs
	go test -timeout 60m -count=1 -v -run TestEveryDeliberateBugIsCaught ./e2e/sim

lint: ## golangci-lint (the first run builds it: some minutes)
	go vet ./...
	$(TOOL) golangci-lint run

fmt: ## format Go files and templates
	$(TOOL) templ fmt .
	$(TOOL) gofumpt -w .

gen: ## make *_templ.go from the templates
	$(TOOL) templ generate

check: check-fmt check-gen lint check-vuln test ## what a change must pass

check-fmt: # fails when gofumpt would change a file
	@drift=$$($(TOOL) gofumpt -l .); if [ -n "$$drift" ]; then echo "not formatted (make fmt):"; echo "$$drift"; exit 1; fi

check-gen: # fails when a generated file isn't that of its template
	@sums() { find . -name node_modules -prune -o -name '*_templ.go' -print0 | sort -z | xargs -0r sha256sum; }; \
	before=$$(sums); out=$$($(TOOL) templ generate 2>&1) || { echo "$$out"; exit 1; }; after=$$(sums); \
	if [ "$$before" != "$$after" ]; then echo "not what the templates make (now made again, from the root as make gen does):"; \
	comm -13 <(sort <<<"$$before") <(sort <<<"$$after") | cut -c67-; exit 1; fi

check-vuln: # advisory: known vulnerabilities, when their database can be reached
	@out=$$($(TOOL) govulncheck ./... 2>&1) && echo "govulncheck: nothing found" || { code=$$?; \
	if [ $$code -eq 3 ]; then echo "$$out"; exit 1; fi; \
	echo "govulncheck: skipped, its database can't be reached" >&2; }

bench: ## the benchmarks with their targets, as a table (needs 8 GB of memory)
	cd bench && go run .

golden-update: ## write the golden files anew; look at the diff
	@packages=$$(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' --exclude-dir=node_modules . | xargs -rn1 dirname | sort -u); \
	if [ -n "$$packages" ]; then go test $$packages -count=1 -update; fi

clean: ## remove what the build made
	rm -rf tandem dist coverage.out

$(CLIENTS): e2e/clients/package-lock.json
	@command -v npm >/dev/null || { echo "The client tests need Node 18 or newer with npm: apt-get install nodejs npm" >&2; exit 1; }
	npm --prefix e2e/clients ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
