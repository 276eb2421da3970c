# fixpoint: the whole build. `make` builds build/fixpoint; `make help` lists the rest.
CC      ?= gcc
BUILD   ?= build
SAN     ?=
PKGS    := libcurl openssl yaml-0.1 libmicrohttpd libarchive re2 sqlite3
VERSION := $(shell git describe --tags --always 2>/dev/null || echo dev)

ifneq ($(SAN),)
BUILD   := build/san-$(subst $(comma),-,$(SAN))
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

WARN    := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wpointer-arith -Wstrict-prototypes \
           -Wundef -Wwrite-strings -Wno-missing-field-initializers -Werror=unused-result \
           $(if $(CI),-Werror)
CFLAGS  ?= -O2 -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -Isrc -I$(BUILD)/gen -include base/ban.h -MMD -MP -pthread $(WARN) \
           $(CFLAGS) $(SANFLAGS) $(shell pkg-config --cflags $(PKGS)) -DFIXPOINT_VERSION='"$(VERSION)"'
ALL_CXXFLAGS = -std=c++17 -Isrc -MMD -MP -pthread $(CFLAGS) $(SANFLAGS) $(shell pkg-config --cflags re2)
LIBS     = $(shell pkg-config --libs $(PKGS)) -lstdc++ -lm -pthread

SRC     := $(wildcard src/*/*.c)
CXXSRC  := $(wildcard src/*/*.cc)
OBJ     := $(SRC:src/%.c=$(BUILD)/obj/%.o) $(CXXSRC:src/%.cc=$(BUILD)/obj/%.o)
MAIN    := $(BUILD)/obj/main.o
UNIT    := $(wildcard tests/unit/*.c)

$(BUILD)/fixpoint: $(OBJ) $(MAIN)
	$(CC) $(SANFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: src/%.cc
	@mkdir -p $(@D)
	$(CXX) $(ALL_CXXFLAGS) -c -o $@ $<

# One test program per file of tests/unit, each linked with everything but main.
$(BUILD)/unit/%: tests/unit/%.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests -o $@ $< $(OBJ) $(LIBS) -lcmocka

unit: $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: unit
-include $(OBJ:.o=.d) $(MAIN:.o=.d) $(wildcard $(BUILD)/unit/*.d)
