# fixpoint: the whole build. `make` builds build/fixpoint, `make help` lists the rest.
CC      ?= gcc
CXX     ?= g++
BUILD   ?= build
SAN     ?=
PKGS    := libcurl openssl yaml-0.1 libmicrohttpd libarchive re2 sqlite3
VERSION := $(shell git describe --tags --always 2>/dev/null || echo dev)
PREFIX  ?= /usr/local
FUZZ_TIME ?= 60
SEEDS   ?= 20000
comma   := ,

ifneq ($(SAN),)
BUILD   := build/san-$(subst $(comma),-,$(SAN))
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
SUITE   ?= $(addprefix tests/cluster/test_,apply.py restart.py hostile.py)
endif
SUITE   ?= tests/cluster

WARN    := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wpointer-arith -Wstrict-prototypes \
           -Wundef -Wwrite-strings -Wno-missing-field-initializers -Werror=unused-result \
           $(if $(CI),-Werror)
CFLAGS  ?= -O2 -g
DEPEND  = -MMD -MP -MT $@ -MF $(basename $@).d
COMMON  := -pthread $(CFLAGS) $(SANFLAGS) -Isrc -I$(BUILD)/gen \
           $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS   := -std=gnu17 -D_GNU_SOURCE -include base/ban.h $(WARN) $(COMMON)
ALL_CXXFLAGS := -std=c++17 -Wall -Wextra $(COMMON)
LIBS    := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lstdc++ -lm -pthread

SRC     := $(wildcard src/*/*.c)
CXXSRC  := $(wildcard src/*/*.cc)
OBJ     := $(SRC:src/%.c=$(BUILD)/obj/%.o) $(CXXSRC:src/%.cc=$(BUILD)/obj/%.o)
MAIN    := $(BUILD)/obj/main.o
EMBED   := $(wildcard install/*.yaml) $(wildcard src/sandbox/*.json)
GEN     := $(addprefix $(BUILD)/gen/,version.h tables_data.h $(notdir $(EMBED:%=%.inc)))
TABLES  := $(addprefix src/render/,fieldspecs.tbl mergekeys.tbl)
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
REPLAY  := $(FUZZ:%=$(BUILD)/replay/%)
CHECK   := $(BUILD)/scenario $(UNIT) $(REPLAY) $(BUILD)/tidy
# Only programs that start threads tell the thread sanitizer anything.
ifeq ($(SAN),thread)
CHECK   := $(shell grep -lE 'pthread|loop_new|pool_new' tests/unit/*.c)
# hostile_render has one for its small stack, which that sanitizer needs more of.
CHECK   := $(filter-out %/hostile_render,$(CHECK:tests/unit/%.c=$(BUILD)/unit/%))
SUITE   := $(addprefix tests/cluster/,test_apply.py::test_create test_drift.py::test_scale \
           test_source.py::test_basic_auth)
endif

$(BUILD)/fixpoint: $(OBJ) $(MAIN)
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(DEPEND) -c -o $@ $<

$(BUILD)/obj/%.o: src/%.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(ALL_CXXFLAGS) $(DEPEND) -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests $(DEPEND) -c -o $@ $<

# Written anew only when the content differs: other flags rebuild all, a new commit what prints it.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(CXX)' > $@.new; cmp -s $@.new $@ || mv $@.new $@
$(BUILD)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define FIXPOINT_VERSION "$(VERSION)"' > $@.new; cmp -s $@.new $@ || mv $@.new $@

# Facts about Kubernetes become sorted arrays.
$(BUILD)/gen/tables_data.h: tools/tables.c $(TABLES)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -D_GNU_SOURCE $(WARN) -o $(@D)/tables $<
	$(@D)/tables $(TABLES) > $@.new && mv $@.new $@

# Files that are part of the program become bytes: #include "components.yaml.inc".
$(BUILD)/gen/%.inc: install/%
	@mkdir -p $(@D)
	@od -An -v -tu1 $< | sed 's/ *\([0-9][0-9]*\)/\1,/g' > $@
$(BUILD)/gen/%.inc: src/sandbox/%
	@mkdir -p $(@D)
	@od -An -v -tu1 $< | sed 's/ *\([0-9][0-9]*\)/\1,/g' > $@

# One test program per file of tests/unit. A fuzz target is linked with a driver that feeds it its
# corpus, or (make fuzz) with libFuzzer.
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(BUILD)/replay/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/replay.o $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(OBJ)
	@mkdir -p $(@D)
	$(CXX) $(SANFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS)
# The scenarios: twins stand in for the network and git; threads, locks and clocks are theirs.
TWINS := $(addprefix $(BUILD)/obj/,net/client.o net/transfer.o net/multi.o net/httpd.o \
         net/file_answer.o git/gitrun.o)
WRAPS := pthread_create pthread_join pthread_mutex_lock pthread_mutex_unlock pthread_cond_wait \
         pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast clock_gettime nanosleep \
         getrandom epoll_ctl epoll_wait write rename loop_stop_on_signals
$(BUILD)/scenario: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/scenario/*.c)) \
        $(filter-out $(TWINS),$(OBJ))
	$(CC) $(SANFLAGS) $(WRAPS:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)
$(BUILD)/tidy: $(BUILD)/tests/tidy.o $(filter $(BUILD)/obj/base/%,$(OBJ))
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS)

help:         ## this list
	@sed -n 's/^\([a-z]*\):.*## */\1\t/p' Makefile | expand -t 10
unit: $(UNIT)
check: $(CHECK)  ## unit and golden tests, fuzz corpora, scenarios, tidy
	@tests/check $(CHECK)
soak: $(BUILD)/scenario  ## the scenarios of many seeds: SEEDS=20000
	@$< --seeds 1-$(SEEDS)
mutants:      ## faults that are planted into the product: a scenario finds each
	@tests/scenario/mutants/run
tidy: $(BUILD)/tidy  ## layers, names, lengths, banned words
	@tests/check $(BUILD)/tidy
suite: $(BUILD)/fixpoint  ## the cluster suite: a real API server; a part of it when SAN is set
	@FIXPOINT=$(BUILD)/fixpoint tests/cluster/run $(SUITE)
sandboxed: $(BUILD)/fixpoint  ## the part of it about the main job, on the sandbox
	@FIXPOINT_SERVERS=sandbox FIXPOINT=$(BUILD)/fixpoint tests/cluster/parallel
test: packages ## everything: check, then the cluster suite, on real servers and on the sandbox
	@tests/sum '$(MAKE) -j$(shell nproc) check' '$(MAKE) -j$(shell nproc) suite' '$(MAKE) sandboxed'
demo: export FIXPOINT_SERVERS ?= sandbox
demo: packages  ## the tour in a terminal; DEMO_KEEP=1 leaves it running
	@command -v kubectl >/dev/null || setup/servers
	@$(MAKE) -j$(shell nproc) $(BUILD)/fixpoint && python3 demo/demo.py
bench: setup  ## a table of measured numbers
	@setup/packages valgrind time && $(MAKE) -j$(shell nproc) $(BUILD)/fixpoint \
	    $(addprefix $(BUILD)/bench/,notify policy) && \
	    python3 tests/bench/bench.py $(UNITS)
golden: $(UNIT)  ## write the expected files of the golden tests anew
	@GOLDEN=write tests/check $(UNIT)
docs: $(BUILD)/fixpoint  ## the reference pages, from the tables of kinds and commands
	@$(BUILD)/fixpoint docs api >docs/api.md && $(BUILD)/fixpoint docs cli >docs/cli.md
fuzz:         ## every fuzz target for FUZZ_TIME seconds
	@setup/packages clang-14 && $(MAKE) --no-print-directory CC=clang-14 CXX=clang++-14 \
	    SAN=fuzzer-no-link,address,undefined fuzzers
fuzzers: $(FUZZ:%=$(BUILD)/fuzz/%)
	@FUZZ_TIME=$(FUZZ_TIME) tests/fuzz/run $^
setup: packages ## install missing packages, build the test servers once
	@setup/servers
packages:
	@setup/packages
fmt:          ## clang-format over the sources
	@setup/packages clang-format-14 && clang-format-14 -i \
	    $(wildcard src/*.c src/*/*.[ch] tests/*.c tests/*/*.[ch] tools/*.c)
install: $(BUILD)/fixpoint  ## into PREFIX
	install -D $< $(DESTDIR)$(PREFIX)/bin/fixpoint
clean:        ## remove what was built
	rm -rf build

.PHONY: help docs unit check soak mutants tidy suite sandboxed test demo bench golden fuzz fuzzers \
        setup packages fmt install clean FORCE
.SECONDARY:
-include $(OBJ:.o=.d) $(MAIN:.o=.d) $(wildcard $(BUILD)/tests/*.d $(BUILD)/tests/*/*.d)
