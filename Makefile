# Slipway. "make help" lists the targets.
SHELL       := /bin/sh
export PYTHON ?= python3.11
cache       := $(abspath $(or $(SLIPWAY_CACHE),.cache))
export SLIPWAY_CACHE := $(cache)

# Packages whose tests need nothing outside the module (no Docker, no Python, no
# built program), and all of them.
unit         = $$(go list ./... | grep -vE '/tests/|/deploy/docker$$|/services/(checkout|pyenv|validation/checks)$$')
all          = ./...

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: build
build: bin/libonnxruntime.so bin/uv ## Build bin/slipway, bin/slipway-serve, and bin/libonnxruntime.so and bin/uv beside them
	@scripts/need go cc
	@CGO_ENABLED=0 go build -trimpath -o bin/slipway ./cmd/slipway
	@CGO_ENABLED=1 go build -trimpath -buildvcs=false -o bin/slipway-serve ./cmd/slipway-serve

bin/libonnxruntime.so: tools/python/onnxruntime.txt
	@scripts/need python3.11
	@mkdir -p bin
	@library=$$(scripts/onnxruntime $(cache)) && cp $$library $@.new && mv $@.new $@

bin/uv: tools/python/uv.txt
	@scripts/need python3.11
	@mkdir -p bin
	@program=$$(scripts/uv $(cache)) && cp $$program $@.new && mv $@.new $@

.PHONY: python
python: ## Make the Python environment with the stock MLflow client
	@scripts/need python3.11
	@scripts/python $(cache) >/dev/null

.PHONY: demo
demo: build python ## Watch four models go through delivery; KEEP=1 leaves the server running
	@$(cache)/python/bin/python examples/demo/demo.py $(if $(KEEP),--keep)

.PHONY: check
check: ## Check format and lint, and run the unit tests
	@scripts/need go cc
	@lint=$$(scripts/tool lint $(cache)) && echo "format" && $$lint fmt --diff && echo "lint" && $$lint run
	@$(gotestsum) $(unit)

.PHONY: test
test: build python testbed ## Run every test, the user's own tools and real parts included
	@$(gotestsum) $(all)

# What starts Docker or mlflow in these asks no more of a database than the rest.
.PHONY: test-postgres
test-postgres: build python testbed ## Run every test that has a database and a store on Postgres and S3
	@sum=$$(scripts/tool test $(cache)) && scripts/on-postgres --s3 $$sum --format pkgname -- -timeout 15m -skip '^Test(Skew|CommandsInContainers)' $(TESTFLAGS) \
		./api/... $$(go list ./services/... | grep -vE '/(checkout|pyenv)$$') ./storage/sqlstore ./tests/api ./tests/cli ./tests/mlflow

gotestsum = sum=$$(scripts/tool test $(cache)) && $$sum --format pkgname -- -timeout 15m $(TESTFLAGS)

.PHONY: test-clients
test-clients: ## Run stock MLflow clients of three versions, with more flavours: slow
	@scripts/need go python3.11
	@for lock in tests/clients/requirements/*.txt; do scripts/python $(cache) $$lock client-$$(basename $$lock .txt) >/dev/null || exit 1; done
	@SLIPWAY_TEST_CLIENTS=1 SLIPWAY_TEST_REQUIRE=1 go test -count=1 -timeout 15m -v ./tests/clients ./services/scan -run "Clients|XGBoost"

.PHONY: test-ui
test-ui: build python testbed ## Use MLflow's web interface in a browser; PICTURES=folder keeps what it looked like
	@SLIPWAY_TEST_UI=1 SLIPWAY_TEST_REQUIRE=1 SLIPWAY_TEST_PICTURES="$(PICTURES)" go test -count=1 -timeout 20m $(TESTFLAGS) ./tests/ui

# MLflow's own tests that speak to a server, where somebody has a kit that runs
# them: CONFORMANCE is its folder, MLFLOW_MIRROR a git directory of MLflow's
# repository that has the tests, PG a postgresql:// URL that may create databases.
.PHONY: conformance
conformance: build ## Run MLflow's own REST tests (CONFORMANCE=kit MLFLOW_MIRROR=git directory [PG=url] [ARGS=…])
	@scripts/conformance "$(CONFORMANCE)" "$(MLFLOW_MIRROR)" "$(PG)" $(ARGS)

.PHONY: testbed
testbed: ## Install the real parts that the tests start (Docker, Postgres, Prometheus, Chromium, act)
	@for part in tests/testbed/*/install; do $$part || exit 1; done

.PHONY: bench
bench: build python ## Measure beside mlflow server and FastTrackML; CASES, PEERS, DATABASES, SPAN, ROUNDS narrow it
	@bench/peers $(cache) >/dev/null
	@go run ./bench $(if $(CASES),-cases $(CASES)) $(if $(PEERS),-peers $(PEERS)) $(if $(DATABASES),-databases $(DATABASES)) \
		$(if $(SPAN),-span $(SPAN)) $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: format
format: ## Format every file as "make check" wants it
	@$$(scripts/tool lint $(cache)) fmt

.PHONY: generate
generate: ## Generate code from openapi/slipway.yaml, and docs/cli.md
	@go generate ./openapi ./cmd/slipway/cli

.PHONY: lock
lock: ## Pin the Python packages anew, from tools/python/requirements.in
	@scripts/lock $(cache)

.PHONY: clean
clean: ## Remove what was built, and the checkout's caches
	@rm -rf bin .cache slipway-data bench/results
