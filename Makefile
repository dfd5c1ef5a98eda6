# SPDX-License-Identifier: Apache-2.0
# heapwalk. `make` builds, `make check` tests, `make help` lists the rest.

PREFIX  ?= /usr/local
DESTDIR ?=
LIBDIR  ?= $(PREFIX)/lib
BUILD   ?= build
ifeq ($(origin CC),default)
CC       = gcc
endif

PKGS     := libdw libelf glib-2.0 gmodule-no-export-2.0 zlib libarchive
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wformat-nonliteral \
            -Wimplicit-fallthrough -Wnull-dereference -Wduplicated-cond -Wlogical-op
ifdef CI
WARN     += -Werror
endif
OPT      ?= -O2
SAN      ?=
CFLAGS   ?= -g $(OPT)
HW_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fvisibility=hidden -fPIC \
            $(WARN) -Iinclude -Isrc $(SAN) \
            -DHW_VERSION='"$(VERSION)"'
DW_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null | sed 's/-I/-isystem /g')
DW_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
VERSION  := 0.1.0

# make V=1 shows the commands.
ifeq ($(V),)
Q        := @
say       = @echo '  $(1)	$(2)'
endif

SRCS     := $(filter-out src/main.c,$(wildcard src/*/*.c))
OBJS     := $(SRCS:%.c=$(BUILD)/obj/%.o)
PLUGINS  := $(notdir $(patsubst %/,%,$(wildcard plugins/*/)))
PLUGIN_SO := $(PLUGINS:%=$(BUILD)/plugins/%.so)

.PHONY: all help check check-layers check-asan check-matrix check-faults fuzz bench demo install \
        clean fixtures tests format FORCE
.DEFAULT_GOAL := all

all: $(BUILD)/heapwalk $(PLUGIN_SO)

help:
	@echo 'make               build/heapwalk and build/plugins/*.so'
	@echo 'make demo          install what is missing, build, dump a demo heap, look at it'
	@echo 'make check         every test suite; last line: N passed, N failed, N skipped'
	@echo 'make check-asan    unit and plugin tests, Go heaps and a sampled fault sweep under ASan+UBSan'
	@echo 'make check-matrix  every glibc of the matrix, object by object'
	@echo 'make check-live    living processes: 100 attaches in each mode, 100 kills'
	@echo 'make check-vm      living processes under another kernel, in qemu: cgroup v2, swap, yama'
	@echo 'make check-faults  the complete fault sweep'
	@echo 'make check-layers  who may include whom'
	@echo 'make fuzz          the fault sweep with random damage, FUZZ_MINUTES=10'
	@echo 'make bench         speed, memory and how long a process stands still, as ratios'
	@echo 'make bench-live    the last of these alone, LIVE_ARGS="1024 4096"'
	@echo 'make bench-graph   the same for leaks and roots, GRAPH_ARGS="a=1 d=10" or linear'
	@echo 'make install       PREFIX=/usr/local DESTDIR='
	@echo 'make compile_commands.json, make format, make clean'

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(HW_CFLAGS) $(DW_CFLAGS) -MMD -MP -c -o $@ $<

# The one place where PREFIX is compiled in: rebuilt when `make install PREFIX=…` differs.
$(BUILD)/obj/src/heap/plugins.o: $(BUILD)/prefix
$(BUILD)/obj/src/heap/plugins.o: HW_CFLAGS += -DHW_PLUGIN_DIR='"$(LIBDIR)/heapwalk/plugins"'
$(BUILD)/prefix: FORCE
	@mkdir -p $(@D)
	@echo '$(LIBDIR)' | cmp -s - $@ || echo '$(LIBDIR)' > $@

$(BUILD)/libheapwalk.a: $(OBJS)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/heapwalk: $(BUILD)/obj/src/main.o $(BUILD)/libheapwalk.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(DW_LIBS) -ldl

define plugin_rule
$(BUILD)/plugins/$(1).so: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard plugins/$(1)/*.c))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(SAN) $$(LDFLAGS) -shared -Wl,-z,defs -o $$@ $$^ -lm
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(p))))

check-layers:
	@sh scripts/check-layers.sh

include tests/tests.mk

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/heapwalk/plugins \
	           $(DESTDIR)$(PREFIX)/include/heapwalk $(DESTDIR)$(PREFIX)/share/man/man1 \
	           $(DESTDIR)$(PREFIX)/share/heapwalk/schemas
	install -m 755 $(BUILD)/heapwalk $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(filter-out %/bump.so,$(PLUGIN_SO)) $(DESTDIR)$(LIBDIR)/heapwalk/plugins/
	install -m 644 include/heapwalk/*.h $(DESTDIR)$(PREFIX)/include/heapwalk/
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 schemas/*.json $(DESTDIR)$(PREFIX)/share/heapwalk/schemas/

compile_commands.json: FORCE
	@python3 scripts/compile_commands.py '$(CC)' '$(CFLAGS) $(HW_CFLAGS) $(DW_CFLAGS)' > $@
FORCE:

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
