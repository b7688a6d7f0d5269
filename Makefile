# Every target is one command. The checks themselves stand in test.sh.

.DEFAULT_GOAL := help
.PHONY: help setup test quick format lint fuzz bench build run clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the tests need (as root on Debian)
	./test.sh setup

test: ## Check everything, as CI does
	./test.sh

quick: ## Check format, vet and tests; what to run while working
	./test.sh quick

format: ## Rewrite Go files with gofmt
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go' ':!**/testdata/**')

lint: ## Run golangci-lint
	./test.sh lint

fuzz: ## Fuzz each target for a minute, or for FUZZTIME
	FUZZTIME=$${FUZZTIME:-1m} ./test.sh fuzz

bench: ## Run the library's benchmarks, six times each, for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./...

build: ## Build the duplex command into bin/
	cd server && go build -trimpath -o ../bin/ ./cmd/duplex

run: build ## Build the server and start it
	./bin/duplex serve

clean: ## Remove what was built and installed here
	rm -rf bin .cache server/e2e/node_modules
