# SPDX-License-Identifier: Apache-2.0
# Fixtures and test programs: how they are built, and the targets that run them. Included by
# the Makefile.

CHECK_CFLAGS := $(shell pkg-config --cflags check 2>/dev/null | sed 's/-I/-isystem /g')
CHECK_LIBS   := $(shell pkg-config --libs check 2>/dev/null)

# Fixtures are the programs under examination: always the same flags, never the sanitizers'.
FIX          := $(BUILD)/fixtures
FIX_CFLAGS   := -g -O2 -std=gnu11 -D_GNU_SOURCE $(WARN)
FIX_COMMON   := fixtures/fixture.c fixtures/pattern.c
FIX_HEADERS  := $(wildcard fixtures/*.h)
HEAPS_SRCS   := fixtures/heaps.c fixtures/truth.c $(FIX_COMMON)
SHIM_SRCS    := fixtures/shim.c fixtures/shimlog.c
WRAPPED      := malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign \
                valloc pvalloc free
comma        := ,
SHIM_CFLAGS  := -ffreestanding -fno-builtin -fno-stack-protector -fno-tree-loop-distribute-patterns

# What is made of Debian's static jemalloc (libjemalloc-dev), where it is installed.
JE_ARCHIVE   := $(wildcard /usr/lib/x86_64-linux-gnu/libjemalloc.a)
JE_PIC       := $(wildcard /usr/lib/x86_64-linux-gnu/libjemalloc_pic.a)
JE_FIXTURES  := $(FIX)/jeheaps $(FIX)/shimnext.so $(FIX)/jestats.so $(if $(JE_ARCHIVE),$(FIX)/jeheaps-static) \
                $(if $(JE_PIC),$(FIX)/libjecopy.so)
JE_SRCS      := fixtures/jeheaps.c $(FIX_COMMON)

ROOTS        := $(FIX)/roots $(FIX)/librootslinked.so $(FIX)/rootsloaded.so
ROOTS_BARE   := $(ROOTS:$(FIX)/%=$(FIX)/stripped/%)
FIXTURES     := $(FIX)/heaps $(FIX)/heaps-static $(FIX)/known $(FIX)/demo $(FIX)/shim.so \
                $(FIX)/busy $(FIX)/states $(FIX)/moment $(FIX)/goload $(FIX)/leaks $(FIX)/tangle $(JE_FIXTURES) $(ROOTS) $(ROOTS_BARE) \
                $(BUILD)/tests/shimlog

fixtures: $(FIXTURES)

$(FIX)/heaps: $(HEAPS_SRCS) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $(HEAPS_SRCS) -lpthread -ldl

# Static and stripped: no libc module, no symbols; the shim is linked in.
$(FIX)/heaps-static: $(HEAPS_SRCS) $(SHIM_SRCS) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -DHW_STATIC -DHW_WRAP -static -s $(WRAPPED:%=-Wl,--wrap=%) -o $@ \
		$(HEAPS_SRCS) $(SHIM_SRCS) -lpthread

$(FIX)/goload: fixtures/goload.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $< -ldl

$(FIX)/busy $(FIX)/states $(FIX)/moment: $(FIX)/%: fixtures/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $< -lpthread

$(FIX)/known $(FIX)/demo $(FIX)/tangle: $(FIX)/%: fixtures/%.c $(FIX_COMMON) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $< $(FIX_COMMON) -lpthread

# A holder of each kind: nothing optimized away, every frame found by .eh_frame alone.
ROOTS_CFLAGS := $(FIX_CFLAGS) -O0 -fomit-frame-pointer

$(FIX)/librootslinked.so $(FIX)/rootsloaded.so: fixtures/rootslib.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ROOTS_CFLAGS) -fPIC -shared -DROOTSLIB=$(if $(findstring linked,$@),linked,loaded) \
		-o $@ $<

$(FIX)/roots: fixtures/roots.c $(FIX_COMMON) $(FIX_HEADERS) $(FIX)/librootslinked.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ROOTS_CFLAGS) -o $@ $< $(FIX_COMMON) -L$(FIX) -lrootslinked \
		-Wl,-rpath,'$$ORIGIN' -lpthread -ldl

$(FIX)/leaks: fixtures/leaks.c $(FIX_COMMON) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ROOTS_CFLAGS) -o $@ $< $(FIX_COMMON) -lpthread

$(ROOTS_BARE): $(FIX)/stripped/%: $(FIX)/%
	@mkdir -p $(@D)
	$(Q)strip -o $@ $<

# No libc, so no symbol versions: runs under every glibc.
$(FIX)/shim.so: $(SHIM_SRCS) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) $(SHIM_CFLAGS) -fPIC -fvisibility=hidden -shared -nostdlib -o $@ \
		$(SHIM_SRCS)

# The same before any other allocator.
$(FIX)/shimnext.so: $(SHIM_SRCS) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) $(SHIM_CFLAGS) -DHW_NEXT -fPIC -fvisibility=hidden -shared -nostdlib \
		-o $@ $(SHIM_SRCS)

$(FIX)/jestats.so: fixtures/jestats.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -fPIC -shared -o $@ $< -ldl

# jemalloc's fixture takes whatever jemalloc it is run with.
$(FIX)/jeheaps: $(JE_SRCS) $(FIX_HEADERS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $(JE_SRCS) -lpthread -ldl

# Linked in, with the shim, without symbols.
$(FIX)/jeheaps-static: $(JE_SRCS) $(SHIM_SRCS) $(FIX_HEADERS) $(JE_ARCHIVE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -DHW_STATIC -DHW_WRAP -DHW_NO_PVALLOC -static -s \
		$(patsubst %,-Wl$(comma)--wrap=%,$(filter-out pvalloc,$(WRAPPED))) -o $@ \
		$(JE_SRCS) $(SHIM_SRCS) $(JE_ARCHIVE) -lm -lpthread -lstdc++

$(FIX)/libjecopy.so: scripts/copy-jemalloc.sh $(JE_PIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)CC='$(CC)' scripts/copy-jemalloc.sh $(JE_PIC) copy_ $@

$(BUILD)/tests/shimlog: tests/oracle/shimlog.c fixtures/shimlog.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $<

# The C libraries of the matrix, and the fixture linked against the oldest of them with its
# own start files: it then asks for no symbol that is newer, and runs under all. Where the
# oldest could not be had, the machine's own does for the newer ones.
GLIBC        := $(BUILD)/glibc
OLD          := $(GLIBC)/2.31
OLD_LIB      := $(OLD)/lib/x86_64-linux-gnu
OLD_DEV      := $(OLD)/usr/lib/x86_64-linux-gnu
OLD_HEADERS  := -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
                -isystem $(OLD)/usr/include/x86_64-linux-gnu -isystem $(OLD)/usr/include
OLD_LINK     := $(OLD_LIB)/libpthread.so.0 $(OLD_LIB)/libdl.so.2 $(OLD_LIB)/libc.so.6 \
                $(OLD_DEV)/libc_nonshared.a $(OLD_LIB)/ld-linux-x86-64.so.2 -lgcc

$(GLIBC)/suites: scripts/fetch-glibc.sh scripts/debian-suite.sh
	$(Q)scripts/fetch-glibc.sh $(GLIBC)
	@touch $@

$(FIX)/heaps-matrix: $(HEAPS_SRCS) $(FIX_HEADERS) $(GLIBC)/suites
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)if [ -e $(OLD_LIB)/libc.so.6 ]; then \
		$(CC) $(FIX_CFLAGS) $(OLD_HEADERS) -nostdlib -o $@ $(OLD_DEV)/Scrt1.o \
			$(OLD_DEV)/crti.o $(HEAPS_SRCS) $(OLD_LINK) $(OLD_DEV)/crtn.o; \
	else \
		$(CC) $(FIX_CFLAGS) -o $@ $(HEAPS_SRCS) -lpthread -ldl; \
	fi

# The jemallocs of the matrix.
JEMALLOC     := $(BUILD)/jemalloc

$(JEMALLOC)/suites: scripts/fetch-jemalloc.sh scripts/debian-suite.sh
	$(Q)scripts/fetch-jemalloc.sh $(JEMALLOC)
	@touch $@

# Those that no package has.
$(JEMALLOC)/own/built: scripts/build-jemalloc.sh scripts/debian-suite.sh
	$(call say,MAKE,$@)
	$(Q)CC='$(CC)' scripts/build-jemalloc.sh $(JEMALLOC)/own
	@touch $@

$(BUILD)/rust/built: scripts/build-rust.sh $(wildcard fixtures/rust-jemalloc/*/*) fixtures/shimlog.c
	$(call say,CARGO,$@)
	$(Q)scripts/build-rust.sh $(BUILD)
	@touch $@

# Unit and plugin tests: one program for each test_*.c; helpers are the other .c files there.
UNIT_TESTS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
PLUGIN_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/plugin/test_*.c))
UNIT_HELP    := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
PLUGIN_HELP  := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/plugin/test_%,$(wildcard tests/plugin/*.c)))
TEST_LIBS     = $(BUILD)/libheapwalk.a $(DW_LIBS) -ldl $(CHECK_LIBS) -lm -lrt -lpthread

$(BUILD)/obj/tests/%.o: HW_CFLAGS += $(CHECK_CFLAGS)

$(UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_HELP) $(BUILD)/libheapwalk.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $< $(UNIT_HELP) $(TEST_LIBS)

$(PLUGIN_TESTS): $(BUILD)/tests/plugin/%: $(BUILD)/obj/tests/plugin/%.o $(PLUGIN_HELP) $(BUILD)/libheapwalk.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $< $(PLUGIN_PARTS) $(PLUGIN_HELP) $(TEST_LIBS)

# Parts of a plugin, tested by themselves: go_test NAME,FILES.
define go_test
$(BUILD)/tests/plugin/$(1): PLUGIN_PARTS := $(patsubst %,$(BUILD)/obj/plugins/go/%.o,$(2))
$(BUILD)/tests/plugin/$(1): $(patsubst %,$(BUILD)/obj/plugins/go/%.o,$(2))
endef
GO_SPANS     := layout read sizeclasses spans
GO_BITS      := $(GO_SPANS) bits typemask typeread
GO_TABLES    := $(GO_BITS) find moduledata names pclntab sites unwind
GO_ROOTS     := $(GO_TABLES) allgs clock code pools rootrecords roots rootstacks roottimers \
                syncmaps x86
$(eval $(call go_test,test_go_bits,$(GO_BITS)))
$(eval $(call go_test,test_go_closures,closures read))
$(eval $(call go_test,test_go_mapcode,$(GO_TABLES) code mapcode x86))
$(eval $(call go_test,test_go_pclntab,$(GO_TABLES)))
$(eval $(call go_test,test_go_pools,$(GO_TABLES) code pools))
$(eval $(call go_test,test_go_roots,$(GO_ROOTS)))
$(eval $(call go_test,test_go_stacks,$(GO_ROOTS)))
$(eval $(call go_test,test_go_structs,layout read text timers typestructs))
$(eval $(call go_test,test_go_syncmaps,$(GO_TABLES) code syncmaps x86))
$(eval $(call go_test,test_go_timers,$(GO_ROOTS)))
$(eval $(call go_test,test_go_types,$(GO_SPANS) typekinds types typeread typeslots))
JEMALLOC_PARTS := $(patsubst %,$(BUILD)/obj/plugins/jemalloc/%.o,extents find layout mem)
$(BUILD)/tests/plugin/test_jemalloc_parts: PLUGIN_PARTS := $(JEMALLOC_PARTS)
$(BUILD)/tests/plugin/test_jemalloc_parts: $(JEMALLOC_PARTS)

# The slow twin of the graph: a program of its own, and part of the sweep.
NAIVE        := $(BUILD)/obj/tests/naive/naive.o

$(BUILD)/tests/twin: $(BUILD)/obj/tests/naive/twin.o $(NAIVE) $(BUILD)/libheapwalk.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $< $(NAIVE) $(TEST_LIBS)

# The jemalloc plugin with the tables of one version only, for tests/oracle/wrong.py.
WRONG        := $(if $(wildcard plugins/jemalloc/layout.c),$(BUILD)/tests/wrong/jemalloc.so)
WRONG_OBJS   := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/layout.c,$(wildcard plugins/jemalloc/*.c))) \
                $(BUILD)/obj/tests/oracle/wronglayout.o

$(BUILD)/obj/tests/oracle/wronglayout.o: plugins/jemalloc/layout.c
$(BUILD)/tests/wrong/jemalloc.so: $(WRONG_OBJS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -shared -Wl,-z,defs -o $@ $^

# Single programs: the fault sweep, the benchmarks.
FUZZ_HELP    := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out tests/fuzz/sweep.c,$(wildcard tests/fuzz/*.c)))
SWEEP        := $(if $(wildcard tests/fuzz/sweep.c),$(BUILD)/tests/sweep)
BENCHES      := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))

$(BUILD)/tests/sweep: $(BUILD)/obj/tests/fuzz/sweep.o $(FUZZ_HELP) $(NAIVE) $(BUILD)/libheapwalk.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $< $(FUZZ_HELP) $(NAIVE) $(TEST_LIBS)

$(BENCHES): $(BUILD)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(FIX_CFLAGS) -o $@ $< -lpthread

HAVE_CHECK   := $(if $(CHECK_LIBS),yes)
CTESTS       := $(if $(HAVE_CHECK),$(UNIT_TESTS) $(PLUGIN_TESTS) $(SWEEP)) $(BUILD)/tests/twin \
                $(BUILD)/tests/bench/graphs

.PHONY: bench-live check-live check-live-run check-vm bench-graph check-deps check-run check-matrix-run check-asan-run check-faults-run fuzz-run
tests: all fixtures $(CTESTS)

# Installing may give pkg-config its answers, which this make has already asked for: hence
# a new make after it.
check-deps:
	@scripts/deps.sh --soft check

check: check-deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD) check-run
check-run: tests $(WRONG)
	@tests/run --build $(BUILD) check

check-matrix: check-deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD) check-matrix-run
check-matrix-run: all fixtures $(WRONG) $(FIX)/heaps-matrix $(JEMALLOC)/suites \
                  $(JEMALLOC)/own/built $(BUILD)/rust/built
	-@scripts/fetch-go.sh $(BUILD)/go
	@tests/run --build $(BUILD) matrix

# 100 attaches in each mode, 100 kills.
check-live: check-deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD) check-live-run
check-live-run: all fixtures
	@tests/run --build $(BUILD) live

# The same, smaller, under Debian's kernel in a machine of software: minutes. VM_SUITE=trixie
# fetches a newer one.
check-vm: all fixtures
	@tests/run --build $(BUILD) vm

# The sanitizers get a build of their own.
ASAN          = --no-print-directory BUILD=$(BUILD)/asan OPT=-O1 \
                SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

check-asan: check-deps
	@$(MAKE) $(ASAN) check-asan-run
check-asan-run: tests
	@tests/run --build $(BUILD) asan

check-faults: check-deps
	@$(MAKE) $(ASAN) check-faults-run
check-faults-run: tests
	@tests/run --build $(BUILD) faults

FUZZ_MINUTES ?= 10
export FUZZ_MINUTES
fuzz: check-deps
	@$(MAKE) $(ASAN) fuzz-run
fuzz-run: tests
	@tests/run --build $(BUILD) fuzz

bench: all fixtures $(BENCHES)
	@python3 -B tests/bench/run.py $(BUILD)
	@python3 -B tests/bench/go.py $(BUILD)
	@python3 -B tests/bench/live.py $(BUILD) $(LIVE_ARGS)

# References, leaks and roots on five shapes of graph; GRAPH_ARGS names shapes and sizes.
bench-graph: all $(BENCHES)
	@python3 -B tests/bench/graph.py $(BUILD) $(GRAPH_ARGS)

# The last of them alone: how long a process stands still; LIVE_ARGS names sizes in MiB.
bench-live: all fixtures $(BENCHES)
	@python3 -B tests/bench/live.py $(BUILD) $(LIVE_ARGS)

demo:
	@scripts/deps.sh install demo
	@$(MAKE) --no-print-directory BUILD=$(BUILD) all $(FIX)/demo
	@scripts/demo.sh $(BUILD)
