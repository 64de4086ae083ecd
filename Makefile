# ebb: every command of this repository. `make help` lists them.

GO         ?= go
PLATFORMS  := linux/amd64 linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64
# Vetted with their tests, besides this one; the others have no tests of their own.
VETTED     := darwin/arm64 windows/amd64
FUZZTIME   ?= 10s
LINT_VERSION := v2.15.0
LINT       := bin/golangci-lint-$(LINT_VERSION)
SERVERS_TABLE := $(CURDIR)/bin/servers.txt
AUTH_TABLE := $(CURDIR)/bin/auth-table.md

.DEFAULT_GOAL := help
.PHONY: help build test check lint fmt unit servers auth-table cross fuzz rig bench bench-idle golden install-test-deps clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/ebb for this machine
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/ebb

test: ## everything, in stages: install what is missing, lint, race, real servers, cross-builds
	@.ci/test

check: lint unit ## the fast loop: no packages installed, no real servers

lint: $(LINT) ## run golangci-lint (vet and formatting included) on the code and its tests
	$(LINT) run ./...

fmt: $(LINT) ## format the code as lint wants it
	$(LINT) fmt ./...

# A program with the race detector would sleep for a second before it ends, and scripts run hundreds.
unit: ## go test -race ./...: unit, property, script and crash tests
	GORACE=atexit_sleep_ms=0 $(GO) test -race -timeout 15m ./...

# The packages with integration tests, whole: a real server changes what their
# other tests mean, too. Those that take long had their long run in unit, and the
# race detector its turn: here it would only slow down the ciphers.
servers: ## tests against real servers, the table of authentication included
	@mkdir -p bin && rm -f $(SERVERS_TABLE)
	EBB_SERVERS_TABLE=$(SERVERS_TABLE) $(GO) test -short -timeout 15m -tags integration,pac -count 1 \
		$$(grep -rlE '^//go:build .*\bintegration\b' --include='*_test.go' . | xargs -n1 dirname | sort -u)
	@cat $(SERVERS_TABLE)

auth-table: ## every authentication scheme, by ebb and by curl; rewrites the table in docs/authentication.md
	@mkdir -p bin
	EBB_AUTH_TABLE=$(AUTH_TABLE) $(GO) test -v -tags integration -count 1 -run '^TestAuthTable$$' ./internal/daemon
	@awk -v table=$(AUTH_TABLE) \
		'/^<!-- end of the table/ { old = 0 } !old; /^<!-- make auth-table/ { old = 1; while ((getline line < table) > 0) print line }' \
		docs/authentication.md >bin/authentication.md && mv bin/authentication.md docs/authentication.md

cross: ## build for every platform ebb runs on, and vet where its files differ
	@set -e; for p in $(PLATFORMS); do echo "$$p"; \
		export CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/}; \
		$(GO) build -o bin/$${p%/*}-$${p#*/}/ ./cmd/ebb; \
		case " $(VETTED) " in *" $$p "*) $(GO) vet ./... ;; esac; \
	done

fuzz: ## run every fuzz target for a short while (FUZZTIME=10s each)
	@set -e; for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$f); do \
			echo "$$(dirname $$f) $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$(dirname $$f); \
		done; \
	done

rig: ## start the real servers, print their addresses, stop on Ctrl-C
	@EBB_RIG=serve $(GO) test -tags integration -count 1 -timeout 0 -v -run '^TestServe$$' ./internal/ebbtest/rig

bench: ## ebb beside curl and aria2c, in one run
	$(GO) run ./bench

bench-idle: ## what transfers in the background take from others, in network namespaces (root, 4 h); IDLE=-quick for 3 minutes
	$(GO) test -count 1 -run TestBedIsTrue ./bench/idle -args -bed
	$(GO) run ./bench/idle $(or $(IDLE),-sets all)

golden: ## rewrite the golden files from the code; review the diff
	$(GO) test -count 1 $$(grep -rl 'flag.Bool("update"' --include='*_test.go' . | xargs -n1 dirname | sort -u) -update

install-test-deps: ## install the test servers and peers with apt-get (root), and a parser of PowerShell with npm
	@.ci/install-test-deps
	@[ -d bin/powershell ] || NODE_EXTRA_CA_CERTS=$${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt} \
		npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix bin/powershell \
		web-tree-sitter@0.27.1 tree-sitter-powershell@0.26.4

clean: ## remove what the other targets built
	rm -rf bin

# Built from source through the Go module proxy, so its checksum is verified and
# it is compiled by the same Go that it has to understand.
$(LINT):
	GOBIN=$(CURDIR)/bin/lint GOFLAGS=-trimpath $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/lint/golangci-lint $@
