# Nightjar. `make help` lists what you can do. Everything installs what it needs; nothing else has to be set up.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
SQLC_VERSION     := v1.31.1
BUF_VERSION      := v1.75.0
PROTOC_GEN_GO    := v1.36.10
PROTOC_GEN_GRPC  := v1.5.1
VERSITYGW_VERSION := v1.8.0
CXX_VERSION       := 1

# Tools are built once, outside the checkout, so that clean checkouts share them.
TOOLS   ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/nightjar-tools
BUILD   := build
ARCH    := $(shell uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PLUGINS := notifiers
ORT_DIR := core/vision/detect/ort
export NEXT_TELEMETRY_DISABLED := 1
export NIGHTJAR_VERSITYGW := $(TOOLS)/versitygw-$(VERSITYGW_VERSION)
# What the Python SDK is tested with; the name changes with its requirements.
PYTHON ?= $(or $(wildcard /usr/bin/python3),python3)
PYTHON_ENV := $(TOOLS)/python-$(shell sha256sum plugins/python/requirements.txt | cut -c1-8)
export NIGHTJAR_PYTHON := $(PYTHON_ENV)/bin/python3
export NIGHTJAR_FACE_MODELS ?= $(TOOLS)/face-models
export NIGHTJAR_ORT := $(CURDIR)/$(BUILD)/lib/libonnxruntime.so.1

PACKAGES := ffmpeg libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libopencv-dev pkg-config g++ postgresql \
	libdlib-dev libdlib-data libopenblas-dev liblapack-dev libjpeg62-turbo-dev
TEST_PACKAGES := $(PACKAGES) mosquitto mosquitto-clients chromium redis-server python3-venv

# What make builds runs on any machine of its architecture; see core/deploy/cxx.sh. It lies outside the checkout because
# its path is a part of go build's cache key.
export CXX := $(TOOLS)/cxx-$(CXX_VERSION)
$(shell [ -x $(CXX) ] || { mkdir -p $(TOOLS) && cp core/deploy/cxx.sh $(CXX).$$$$ && mv $(CXX).$$$$ $(CXX); })

GO_PACKAGES := ./core/... ./recorder/... ./plugins/... ./migrations/... ./ui

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: deps
deps: ## install the system packages that building and running need (apt)
	@core/deploy/apt.sh $(PACKAGES)

.PHONY: test-deps
test-deps:
	@core/deploy/apt.sh $(TEST_PACKAGES)

.PHONY: ort
ort: $(BUILD)/lib/libonnxruntime.so.1
$(BUILD)/lib/libonnxruntime.so.1: $(ORT_DIR)/package-lock.json
	@echo "==> ONNX Runtime"
	@mkdir -p $(BUILD)/lib
	@cd $(ORT_DIR) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@cp $(ORT_DIR)/node_modules/onnxruntime-node/bin/napi-v6/linux/$(ARCH)/libonnxruntime.so.1 $@.tmp && mv $@.tmp $@

UI_SOURCES := $(shell find ui -type f -not -path '*/node_modules/*' -not -path '*/out/*' -not -path '*/.next/*' -not -path '*/.artifacts/*' \
	-not -name '*.go' -not -name next-env.d.ts -not -name '*.tsbuildinfo' 2>/dev/null)
ui/node_modules/.package-lock.json: ui/package-lock.json
	@echo "==> UI dependencies (npm)"
	@cd ui && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

ui/out/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	@echo "==> UI (about half a minute)"
	@cd ui && npm run --silent build && touch out/index.html

.PHONY: ui
ui: ui/out/index.html ## build the UI

.PHONY: build
build: deps ort ui binary ## build everything into build/

.PHONY: binary
binary:
	@echo "==> binary (the first time compiles OpenCV bindings: 2 to 3 minutes)"
	@mkdir -p $(BUILD)/plugins
	@go build -tags embedui -ldflags "-X main.version=$(VERSION)" -o $(BUILD)/nightjar ./core/cmd/nightjar
	@CGO_ENABLED=0 go build -ldflags "-s -w" -o $(BUILD)/nightjar-launch ./core/cmd/nightjar-launch
	@for p in $(PLUGINS); do CGO_ENABLED=0 go build -ldflags "-s -w" -o $(BUILD)/plugins/$$p ./plugins/$$p || exit 1; done

CONFIG ?= $(if $(wildcard config.yaml),config.yaml,core/deploy/demo.yaml)
.PHONY: run
run: build ## build and start Nightjar with config.yaml, or with the demo camera
	@$(BUILD)/nightjar models ensure -c $(CONFIG)
	@exec $(BUILD)/nightjar serve -c $(CONFIG)

.PHONY: test
test: test-deps s3-server python-sdk ort ui binary ## all tests: Go with the race detector, UI, end to end in Chromium
	@core/deploy/test.sh

.PHONY: crash
crash: ort ## the long crash tests of recorder and plugin host: power cuts, kills, slow and full disks (root)
	@NIGHTJAR_SLOW=1 go test -count=1 -timeout 60m ./recorder/crash ./recorder/retention ./recorder/fsck ./core/internal/faults ./core/pluginhost

.PHONY: face-models
face-models: ## fetch dlib's face models, so that the face tests measure instead of only wiring
	@core/deploy/face-models.sh $(TOOLS)/face-models

# What Python plugins need, for the tests of their SDK.
.PHONY: python-sdk
python-sdk: $(PYTHON_ENV)
$(PYTHON_ENV):
	@echo "==> Python packages for the plugin SDK, once"
	@rm -rf $@ && mkdir -p $(TOOLS) && $(PYTHON) -m venv $@.tmp && $@.tmp/bin/python3 -m pip install -q --disable-pip-version-check -r plugins/python/requirements.txt \
		&& mv $@.tmp $@ && $(PYTHON) -m venv --upgrade $@

# A real S3 server for the tests of the archive.
.PHONY: s3-server
s3-server: $(TOOLS)/versitygw-$(VERSITYGW_VERSION)

.PHONY: test-go
test-go: s3-server python-sdk ort ## Go tests only
	@go vet $(GO_PACKAGES) && go test -race -timeout 15m $(GO_PACKAGES)

.PHONY: test-ui
test-ui: ui/node_modules/.package-lock.json ## UI lint, types and unit tests only
	@cd ui && npm run --silent lint && npm run --silent typecheck && npm run --silent test

.PHONY: e2e
e2e: test-deps s3-server ort ui binary ## the end-to-end test only; screenshots land in artifacts/
	@NIGHTJAR_E2E=1 go test -count=1 -timeout 15m -v ./core/internal/e2e

.PHONY: bench
bench: test-deps s3-server ort binary ## benchmarks with ratios against the floor and against peers
	@core/deploy/bench.sh

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) ## golangci-lint and the UI's eslint
	@$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) run
	@cd ui && npm run --silent lint

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) ## format Go
	@$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) fmt

.PHONY: gen
gen: $(TOOLS)/sqlc-$(SQLC_VERSION) $(TOOLS)/buf-$(BUF_VERSION) ## regenerate SQL, protobuf and openapi.yaml
	@cd core/store && $(TOOLS)/sqlc-$(SQLC_VERSION) generate
	@cd plugins/api && PATH="$(TOOLS)/protoc:$$PATH" $(TOOLS)/buf-$(BUF_VERSION) lint && PATH="$(TOOLS)/protoc:$$PATH" $(TOOLS)/buf-$(BUF_VERSION) generate
	@cd plugins/api && $(TOOLS)/buf-$(BUF_VERSION) build --exclude-source-info --as-file-descriptor-set -o ../python/nightjar_plugin/contract.binpb
	@cd core/vision/detect/kserve/kservetest && $(TOOLS)/buf-$(BUF_VERSION) build -o kserve.txtpb --as-file-descriptor-set --exclude-source-info
	@UPDATE=1 go test -count=1 -run 'TestOpenAPI|TestGenerated' ./core/httpapi ./core/store
	@go test -count=1 -run "TestGeneratedCodeIsFresh|TestVersionOneOnlyGrows" ./plugins/api -update

define go_tool
	@echo "==> building $(notdir $@), once"
	@mkdir -p $(TOOLS)/tmp && GOBIN=$(TOOLS)/tmp go install $(1) && mv $(TOOLS)/tmp/$(2) $@
endef
$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	$(call go_tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION),golangci-lint)
$(TOOLS)/versitygw-$(VERSITYGW_VERSION):
	$(call go_tool,github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION),versitygw)
$(TOOLS)/sqlc-$(SQLC_VERSION):
	$(call go_tool,github.com/sqlc-dev/sqlc/cmd/sqlc@$(SQLC_VERSION),sqlc)
$(TOOLS)/buf-$(BUF_VERSION):
	$(call go_tool,github.com/bufbuild/buf/cmd/buf@$(BUF_VERSION),buf)
	@GOBIN=$(TOOLS)/protoc go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO)
	@GOBIN=$(TOOLS)/protoc go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GRPC)

FUZZ_SECONDS ?= 30
.PHONY: fuzz
fuzz: ort ## run every fuzz target for FUZZ_SECONDS
	@core/deploy/fuzz.sh $(FUZZ_SECONDS)

.PHONY: clean
clean: ## remove what was built; data/ stays
	@rm -rf $(BUILD) artifacts ui/out ui/.next ui/node_modules $(ORT_DIR)/node_modules
