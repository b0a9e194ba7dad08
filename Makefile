# make run needs Go, git and make, and nothing else. make test sets itself up: see .ci/setup.

.DEFAULT_GOAL := help
.PHONY: help run build module test check e2e bench bench-browser fuzz soak layering size clean FORCE
.DELETE_ON_ERROR:
.NOTPARALLEL: # go build uses all cores by itself

# How long make fuzz spends on each target, how often make soak repeats, and what
# make run and make bench pass on.
FUZZTIME ?= 10s
SOAK ?= 20
ROUND ?= 1
ARGS ?=
BENCH ?= .

GO_FILES := $(shell find app internal protocol server wasm web -name node_modules -prune -o -name '*.go' ! -name '*_test.go' -print)
MODULES := go.mod go.sum
STATIC := $(shell find web/static 2>/dev/null) # folders too: they change when a file goes
MODULE := $(shell find wasm/module 2>/dev/null)
SITE_FILES := $(filter app/% protocol/% wasm/% internal/build/% server/fileserver/scripts.go,$(GO_FILES)) $(STATIC) $(MODULE) LICENSE $(MODULES)
SERVER_FILES := $(filter protocol/% server/% web/%,$(GO_FILES)) $(MODULES)

help:
	@echo 'make run       build all, start it on http://127.0.0.1:8055 (ARGS="--addr 127.0.0.1:9000" passes flags)'
	@echo 'make build     build bin/leveret, the site compressed as small as can be'
	@echo 'make module    the npm package of wasm/module, packed into bin'
	@echo 'make test      everything that is checked, which sets itself up'
	@echo 'make check     gofmt, go vet natively and for js, layering'
	@echo 'make e2e       the whole program in a browser'
	@echo 'make bench     benchmarks (BENCH=name)'
	@echo 'make bench-browser  the module beside the official SDK, in Chromium'
	@echo 'make fuzz      every fuzz target for $(FUZZTIME) (FUZZTIME=5m)'
	@echo 'make soak      $(SOAK) rounds of all tests, in their long variants (SOAK=100)'
	@echo 'make layering  who may import whom: internal/layering/table.go'
	@echo 'make size      bytes of each WASM file: name raw gzip brotli'
	@echo 'make clean     remove what was built, and the caches in .cache'

run: bin/leveret
	@./bin/leveret $(ARGS)

# The site first, at the highest level: bin/leveret then embeds what is there.
build: .cache/site-11
	@$(MAKE) --no-print-directory bin/leveret

bin/leveret: $(SERVER_FILES) web/dist/index.html .cache/version
	@echo 'building $@'
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$$(cat .cache/version)" -o $@ ./server

# Level 9 is a few percent larger than 11 and twenty times as fast. It takes what
# make build left in the cache, if that is still the same file.
web/dist/index.html: $(SITE_FILES)
	@echo 'building the site'
	@rm -f .cache/site-11
	@go run ./internal/build -level 9

.cache/site-11: $(SITE_FILES)
	@echo 'building the site, which takes half a minute at brotli 11'
	@go run ./internal/build -level 11
	@touch $@

module: .cache/site-11
	@go run ./internal/build -pack bin

# Runs js/wasm tests in Node or a browser: the -exec of go test.
.cache/bin/wasmtest: $(wildcard internal/wasmtest/*) $(wildcard internal/wasmtest/*/*) $(wildcard internal/chromium/*) $(MODULES)
	@go build -buildvcs=false -o $@ ./internal/wasmtest

# Changes only when the version does.
.cache/version: FORCE
	@mkdir -p .cache
	@version=$$(git describe --tags --always --dirty 2>/dev/null || echo dev); \
	[ "$$version" = "$$(cat $@ 2>/dev/null)" ] || echo "$$version" > $@

test:
	@.ci/test

check: layering
	@unformatted=$$(gofmt -l app internal protocol server wasm web) && [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted; run gofmt -w"; exit 1; }
	@go vet ./...
	@GOOS=js GOARCH=wasm go vet ./app/... ./protocol/... ./wasm/...
	@! grep -n '"resolved"' wasm/test/package-lock.json || { echo 'the lock file names a host: see wasm/test/.npmrc'; exit 1; }

layering:
	@go run ./internal/layering

size: .cache/site-11
	@go run ./internal/size

e2e: bin/leveret
	@.ci/setup
	@PATH="$(CURDIR)/.cache/bin:$$PATH" go test -count=1 ./server/e2e

bench:
	@go test -run '^$$' -bench '$(BENCH)' -benchmem $$(go list ./... | grep -v /server/e2e)

# The SDK is among the packages of wasm/test; the sizes are those of brotli 11.
bench-browser: .cache/site-11
	@.ci/setup
	@go run ./internal/benchbrowser

fuzz:
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

# What depends on chance and timing, in its long variant and many rounds of it. Each
# round has seeds of its own; ROUND=7 SOAK=1 repeats the seventh.
soak: bin/leveret
	@.ci/setup
	@export PATH="$(CURDIR)/.cache/bin:$$PATH"; for round in $$(seq $(ROUND) $$(($(ROUND) + $(SOAK) - 1))); do \
		echo "round $$round"; \
		LEVERET_SOAK=$$round go test -count=1 -timeout=0 ./protocol/... ./server/... || exit 1; \
	done

clean:
	@rm -rf bin .cache wasm/test/node_modules
	@find web/dist -mindepth 1 ! -name .gitkeep -delete
