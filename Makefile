# The doors of the laboratory; build/gpclab does the work. 'make help' lists them.

MAKEFLAGS += --no-print-directory

# What a fresh Debian 12 or 13 lacks. LINUX_SRC= replaces the kernel source's package.
PACKAGES ?= $(if $(LINUX_SRC),,linux-source-6.12) build-essential bc bison flex cpio xz-utils libelf-dev libssl-dev \
	ccache git qemu-system-x86 qemu-system-ppc gcc-powerpc64-linux-gnu libc6-dev-ppc64-cross
TEST_PACKAGES ?= gdb-multiarch
MODELS_PACKAGES ?= spin gcc
COVERAGE_PACKAGES ?= gcovr
CHECK_PACKAGES ?= sparse python3 $(MODELS_PACKAGES)

GPCLAB = build/gpclab
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help
help: ## list the targets
	@echo "Process containers on Linux 6.12: build, boot, test. Each target does all it needs, from nothing."
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile
	@echo "V=1 shows the output of all steps. LINUX_SRC=PATH builds from another tarball or tree of Linux 6.12."
	@echo "$(GPCLAB) --help tells of everything else."

# The kernel's build takes spaces and colons for ends of names. That is said before anything is done; gpclab knows the rest.
.PHONY: place
place:
	@case "$$PWD" in *[[:space:]:]*) \
		echo "The kernel cannot be built in '$$PWD', whose path has a space or a colon: move or clone the repository elsewhere." >&2; exit 1 ;; \
	esac

.PHONY: packages
packages: place
	@scripts/install-packages $(PACKAGES)

# Go's own cache decides what there is to do.
.PHONY: $(GPCLAB)
$(GPCLAB): | packages
	@command -v go >/dev/null || { echo "Go is missing: install it, see go.mod for the version" >&2; exit 1; }
	@go build -o $@ ./harness/cmd/gpclab

.PHONY: boot-x86
boot-x86: $(GPCLAB) ## boot the patched kernel on x86_64, 4 processors, and give a shell
	@$(GPCLAB) boot --arch x86_64

.PHONY: boot-ppc
boot-ppc: $(GPCLAB) ## the same on big-endian ppc64
	@$(GPCLAB) boot --arch ppc64

# The kernels are built first, where progress shows. The guests take longest, and begin first.
.PHONY: test
test: $(GPCLAB) ## unit tests of the host side, then the regression in guests of both architectures
	@scripts/install-packages $(TEST_PACKAGES)
	@go vet ./... && go vet -tags guest,debug ./userspace/...
	@$(GPCLAB) build
	@go test -timeout 80m ./harness/regress ./...

.PHONY: test-sanitizers
test-sanitizers: $(GPCLAB) ## the regression on kernels that look for data races, and on ppc64 for wrong use of memory
	@scripts/install-packages $(TEST_PACKAGES)
	@$(GPCLAB) test --flavor kcsan --run 'Race|Held|Workers'
	@$(GPCLAB) test --arch ppc64 --flavor kasan

# SEED=, STEPS=, WORKERS=, ARCH= and FLAVOR= say what otherwise the clock and the command choose.
.PHONY: fuzz
fuzz: $(GPCLAB) ## random steps against a model of what the documents say
	@$(GPCLAB) fuzz $(foreach v,SEED STEPS WORKERS ARCH FLAVOR,$(if $($v),--$(shell echo $v | tr A-Z a-z) '$($v)'))

.PHONY: coverage
coverage: $(GPCLAB) ## tell which lines of the kernel's code the regression runs; pages in build/coverage
	@scripts/install-packages $(COVERAGE_PACKAGES)
	@$(GPCLAB) coverage

.PHONY: mutants
mutants: $(GPCLAB) ## prove that the regression can fail: break the kernel on purpose, a promise at a time
	@$(GPCLAB) mutants

# SEED= and COUNT= say which sample; what was found out is in build/mutants-generated, where who was interrupted goes on.
.PHONY: mutants-generated
mutants-generated: $(GPCLAB) ## the same with 200 slips of the hand that a generator has made
	@$(GPCLAB) mutants generated $(foreach v,SEED COUNT,$(if $($v),--$(shell echo $v | tr A-Z a-z) '$($v)'))

.PHONY: models
models: $(GPCLAB) ## search the models of fork, move, exit, limits and release in all orders of steps
	@scripts/install-packages $(MODELS_PACKAGES)
	@$(GPCLAB) models

# build/bench has what was measured, docs/performance.json what it is compared with.
.PHONY: bench
bench: $(GPCLAB) ## count the instructions of fork, exit and the rest, beside mainline's cgroups
	@mkdir -p build/bench
	@$(GPCLAB) bench --json build/bench/result.json --svg build/bench/result.svg
	@echo "build/bench has result.json and result.svg"

# Storms are no test, and of growth and sharing the figures are for people.
.PHONY: bench-check
bench-check: $(GPCLAB) ## the same, and compare: fails where something has become dearer
	@$(GPCLAB) bench --only scenarios,functions --compare docs/performance.json

.PHONY: bench-loop
bench-loop: $(GPCLAB) ## measure what an engineer waits for, beside a plain kernel build; TEST=1 with make test
	@scripts/bench-loop $(if $(TEST),test)

.PHONY: man
man: ## write the manual pages of gpc and its shell completions to build/man
	@command -v go >/dev/null || { echo "Go is missing: install it, see go.mod for the version" >&2; exit 1; }
	@go run ./userspace/cli/manpages build/man
	@echo "build/man has man1 and completion"

.PHONY: patches
patches: $(GPCLAB) ## write the series for 'git am' to build/patches
	@$(GPCLAB) series export

.PHONY: check
check: $(GPCLAB) ## style of the Go code; the models; the series applies, builds step by step, and is clean
	@scripts/install-packages $(CHECK_PACKAGES)
	@gofmt -l harness userspace images | { ! grep .; } || { echo "run gofmt -w on these" >&2; exit 1; }
	@go vet ./... && go vet -tags guest,debug ./userspace/...
	@$(STATICCHECK) ./... && $(STATICCHECK) -tags guest,debug ./userspace/...
	@$(GPCLAB) models
	@$(GPCLAB) series check

.PHONY: clean
clean: ## delete what has been built (the compiler's cache stays)
	@rm -rf build
